#include <algorithm>
#include <functional>
#include <map>
#include <utility>

#include "bench/packing_games/packer.hpp"
#include "model/random.hpp"

namespace berth::packing {

namespace {

/// A host with what is free on it.
struct room {
  machine free;

  [[nodiscard]] room without(const demand& taken) const {
    return {{free.gpus - taken.gpus, free.cpus - taken.cpus, free.memory_mib - taken.memory_mib,
             free.model}};
  }
  [[nodiscard]] bool takes(const demand& wanted) const {
    return wanted.gpus <= free.gpus && wanted.cpus <= free.cpus &&
           wanted.memory_mib <= free.memory_mib &&
           (wanted.models.empty() || std::find(wanted.models.begin(), wanted.models.end(),
                                               free.model) != wanted.models.end());
  }
};

/// Looks at every host and takes the one with the least cost, the first of equals.
class scan : public packer {
public:
  using cost_of = std::function<double(const room& host, const demand& wanted)>;

  scan(const std::vector<machine>& hosts, cost_of cost) : cost_(std::move(cost)) {
    for (const auto& host : hosts) {
      rooms_.push_back({host});
    }
  }

  std::optional<seat> place(const demand& wanted, double /*now*/,
                            std::optional<double> /*leaves*/) override {
    std::optional<seat> best;
    double least = 0;
    for (std::uint32_t i = 0; i < rooms_.size(); ++i) {
      if (!rooms_[i].takes(wanted)) {
        continue;
      }
      const double cost = cost_(rooms_[i], wanted);
      if (!best || cost < least) {
        best = seat{i, 0};
        least = cost;
      }
    }
    if (best) {
      add(best->host, wanted, -1);
    }
    return best;
  }

  void leave(const seat& where, const demand& what) override { add(where.host, what, 1); }

private:
  void add(std::uint32_t host, const demand& what, int sign) {
    auto& free = rooms_[host].free;
    free.gpus += sign * what.gpus;
    free.cpus += sign * what.cpus;
    free.memory_mib += sign * what.memory_mib;
  }

  cost_of cost_;
  std::vector<room> rooms_;
};

/// The most of each that any host has.
machine largest(const std::vector<machine>& hosts) {
  machine most{1, 1, 1, {}};
  for (const auto& host : hosts) {
    most.gpus = std::max(most.gpus, host.gpus);
    most.cpus = std::max(most.cpus, host.cpus);
    most.memory_mib = std::max(most.memory_mib, host.memory_mib);
  }
  return most;
}

scan::cost_of dot_product(const std::vector<machine>& hosts) {
  const machine most = largest(hosts);
  const auto share = [](auto free, auto wanted, auto whole) {
    return static_cast<double>(free) / static_cast<double>(whole) * static_cast<double>(wanted) /
           static_cast<double>(whole);
  };
  return [most, share](const room& host, const demand& wanted) {
    return share(host.free.gpus, wanted.gpus, most.gpus) +
           share(host.free.cpus, wanted.cpus, most.cpus) +
           share(host.free.memory_mib, wanted.memory_mib, most.memory_mib);
  };
}

/// Of a mix of servers: how many GPUs of a host are fragments to them, in the mean.
class fragments {
public:
  explicit fragments(const std::vector<demand>& mix) {
    std::map<demand, double> kinds;
    for (const auto& each : mix) {
      kinds[{each.gpus, each.cpus, 0, each.models}] += 1.0 / static_cast<double>(mix.size());
    }
    kinds_.assign(kinds.begin(), kinds.end());
  }

  [[nodiscard]] double in(const room& host) const {
    double lost = 0;
    for (const auto& [wanted, share] : kinds_) {
      lost += host.takes(wanted) ? 0 : share;
    }
    return lost * host.free.gpus;
  }

private:
  std::vector<std::pair<demand, double>> kinds_;
};

} // namespace

std::unique_ptr<packer> make_fgd(const std::vector<machine>& hosts,
                                 const std::vector<demand>& mix) {
  return std::make_unique<scan>(
      hosts, [expected = fragments{mix}](const room& host, const demand& wanted) {
        return expected.in(host.without(wanted)) - expected.in(host);
      });
}

const std::vector<std::string>& baseline_names() {
  static const std::vector<std::string> names{"first-fit", "random", "dot-product", "best-fit",
                                              "fgd-best-fit"};
  return names;
}

std::unique_ptr<packer> make_baseline(std::string_view name, const std::vector<machine>& hosts,
                                      std::uint64_t seed) {
  if (name == "first-fit") {
    return std::make_unique<scan>(hosts, [](const room&, const demand&) { return 0.0; });
  }
  if (name == "random") {
    return std::make_unique<scan>(
        hosts,
        [dice = model::random{seed}](const room&, const demand&) mutable { return dice.unit(); });
  }
  if (name == "dot-product") {
    return std::make_unique<scan>(hosts, dot_product(hosts));
  }
  if (name == "fgd-best-fit") {
    return std::make_unique<scan>(
        hosts, [most = largest(hosts)](const room& host, const demand& wanted) {
          return static_cast<double>(host.free.gpus - wanted.gpus) / most.gpus +
                 static_cast<double>(host.free.cpus - wanted.cpus) / static_cast<double>(most.cpus);
        });
  }
  if (name == "best-fit") {
    return std::make_unique<scan>(hosts, [](const room& host, const demand& wanted) {
      return static_cast<double>(host.free.gpus - wanted.gpus) * 1e9 +
             static_cast<double>(host.free.cpus - wanted.cpus);
    });
  }
  return nullptr;
}

} // namespace berth::packing
