#include "tests/scheduler/reference.hpp"

#include <algorithm>
#include <functional>
#include <optional>

#include "scheduler/outlook.hpp"
#include "scheduler/scores.hpp"
#include "tests/scheduler/reference_choices.hpp"

namespace berth::scheduler {

namespace {

/// What is to be expected, and the flavours it is about.
struct expectation {
  std::vector<flavour> flavours;
  outlook look;
};

class reference_host {
public:
  reference_host(const reference_world& world, const host_changed& host,
                 const model::placement_request& request, const policy& how,
                 const expectation* expected = nullptr)
      : world_(world), host_(host), request_(request), how_(how), expected_(expected) {
    for (const auto& device : host.devices) {
      if (model::is_offerable(device) && world.taken.count(device.info.id) == 0) {
        free_.push_back(&device);
      }
    }
    for (const auto& wish : request.devices) {
      if (wish.id) {
        named_.insert(*wish.id);
      } else {
        described_count_ += static_cast<std::size_t>(wish.count);
      }
    }
    for (const auto& [id, server] : world.servers) {
      if (server.host == host.host.id) {
        used_ += server.amount;
        if (!server.devices.empty()) {
          holders_ += server.amount;
        }
      }
    }
  }

  [[nodiscard]] model::resources capacity() const {
    return {host_.host.capacity.cpus * host_.host.cpu_overcommit_milli / 1000,
            host_.host.capacity.memory_mib * host_.host.memory_overcommit_milli / 1000,
            host_.host.capacity.storage_mib};
  }

  /// CLOUDPODS.md 2.2, written out.
  [[nodiscard]] model::resources free_amount() const {
    model::resources r;
    for (const auto& device : host_.devices) {
      if (model::is_gpu(device.type) && device.info.unusable_reason.empty() &&
          (device.present || device.owner)) {
        r += device.reserve;
      }
    }
    const auto u = model::min(r, holders_);
    const auto ordinary = capacity() - used_ + u - r - host_.host.reserve;
    return request_.devices.empty() ? ordinary : ordinary + (r - u);
  }

  [[nodiscard]] std::string first_failing_rule() const {
    const auto& host = host_.host;
    const auto has = [&host](const std::string& tag) {
      return std::count(host.tags.begin(), host.tags.end(), tag) > 0;
    };
    const auto& tags = request_.tags;
    if (!host.enabled) {
      return "host_enabled";
    }
    if (host.status != model::host_status::online) {
      return "host_online";
    }
    if (!host.settled) {
      return "host_settled";
    }
    if (host.maintenance) {
      return "maintenance";
    }
    if (request_.host && *request_.host != host.id) {
      return "pinned_host";
    }
    const auto& avoided = request_.avoid_hosts;
    if (std::find(avoided.begin(), avoided.end(), host.id) != avoided.end()) {
      return "reserved_host";
    }
    if (!std::all_of(tags.require.begin(), tags.require.end(), has) ||
        std::any_of(tags.avoid.begin(), tags.avoid.end(), has)) {
      return "tags";
    }
    for (const auto& [id, server] : world_.servers) {
      if (server.host == host.id && !request_.anti_affinity_group.empty() &&
          server.anti_affinity_group == request_.anti_affinity_group) {
        return "anti_affinity";
      }
    }
    for (const auto& id : named_) {
      if (std::none_of(free_.begin(), free_.end(), [&](auto* d) { return d->info.id == id; })) {
        return "named_devices";
      }
    }
    if (!any_set([](const device_list&) { return true; })) {
      return "devices";
    }
    if (!any_set([this](const device_list& set) { return is_whole(set); })) {
      return "units";
    }
    if (!any_set([this](const device_list& set) { return is_whole(set) && is_close(set); })) {
      return "topology";
    }
    const auto free = free_amount();
    if (request_.amount.cpus > free.cpus) {
      return "cpu";
    }
    if (request_.amount.memory_mib > free.memory_mib) {
      return "memory";
    }
    if (request_.amount.storage_mib > std::max<std::int64_t>(0, free.storage_mib)) {
      return "storage";
    }
    return {};
  }

  /// Visits every set of free devices that has the named ones and serves the wishes.
  void each_set(const wish_list& chosen,
                const std::function<void(const device_list&)>& visit) const {
    for (std::size_t bits = 0; bits < (std::size_t{1} << free_.size()); ++bits) {
      device_list set;
      device_list described;
      for (std::size_t i = 0; i < free_.size(); ++i) {
        if ((bits >> i & 1U) != 0) {
          set.push_back(free_[i]);
          if (named_.count(free_[i]->info.id) == 0) {
            described.push_back(free_[i]);
          }
        }
      }
      if (set.size() == named_.size() + described_count_ && described.size() == described_count_ &&
          can_deal(world_, chosen, described, 0)) {
        visit(set);
      }
    }
  }

  [[nodiscard]] bool any_set(const std::function<bool(const device_list&)>& good) const {
    bool found = false;
    for (const auto& [rank, chosen] : all_choices(request_)) {
      each_set(chosen, [&](const device_list& set) { found = found || good(set); });
    }
    return found;
  }

  [[nodiscard]] bool is_whole(const device_list& set) const {
    const auto in_set = [&set](const model::device_record& device) {
      return std::find(set.begin(), set.end(), &device) != set.end();
    };
    for (const auto* member : set) {
      for (const auto& other : host_.devices) {
        if (!member->info.allocation_unit.empty() &&
            other.info.allocation_unit == member->info.allocation_unit && !in_set(other)) {
          return false;
        }
      }
    }
    std::map<std::string, std::set<int>> modules; // of the described devices on partitioned fabrics
    for (const auto* member : set) {
      const bool partitioned = std::any_of(
          host_.host.partitions.begin(), host_.host.partitions.end(),
          [&](const auto& partition) { return partition.fabric == member->info.fabric; });
      if (partitioned && named_.count(member->info.id) == 0) {
        modules[member->info.fabric].insert(member->info.fabric_module);
      }
    }
    return std::all_of(modules.begin(), modules.end(), [this](const auto& fabric) {
      return std::any_of(host_.host.partitions.begin(), host_.host.partitions.end(),
                         [&](const auto& partition) {
                           return partition.fabric == fabric.first &&
                                  std::set<int>(partition.modules.begin(),
                                                partition.modules.end()) == fabric.second;
                         });
    });
  }

  using place_of = std::function<std::string(const model::device_info&)>;
  static std::string node_of(const model::device_info& info) {
    return info.numa_node < 0 ? "?" + to_string(info.id) : std::to_string(info.numa_node);
  }
  static std::string root_of(const model::device_info& info) {
    return info.pcie_root.empty() ? "?" + to_string(info.id) : info.pcie_root;
  }
  static std::string switch_of(const model::device_info& info) {
    return info.pcie_switch.empty() ? "?" + to_string(info.id) : info.pcie_switch;
  }
  static std::string fabric_of(const model::device_info& info) {
    return info.fabric.empty() ? "?" + to_string(info.id) : info.fabric;
  }
  static int places(const device_list& set, const place_of& place) {
    std::set<std::string> names;
    for (const auto* device : set) {
      names.insert(place(device->info));
    }
    return static_cast<int>(names.size());
  }
  [[nodiscard]] int left_behind(const device_list& set, const place_of& place) const {
    int left = 0;
    for (const auto* other : free_) {
      const bool chosen = std::find(set.begin(), set.end(), other) != set.end();
      const bool touched = std::any_of(set.begin(), set.end(), [&](const auto* device) {
        return place(device->info) == place(other->info);
      });
      left += !chosen && touched ? 1 : 0;
    }
    return left;
  }

  [[nodiscard]] bool is_close(const device_list& set) const {
    constexpr auto require = model::wish::require;
    const auto& wishes = request_.topology;
    return set.empty() || ((wishes.numa != require || places(set, node_of) == 1) &&
                           (wishes.pcie_root != require || places(set, root_of) == 1) &&
                           (wishes.pcie_switch != require || places(set, switch_of) == 1) &&
                           (wishes.fabric != require || places(set, fabric_of) == 1));
  }

  [[nodiscard]] int broken_partitions(const device_list& set) const {
    int broken = 0;
    for (const auto& partition : host_.host.partitions) {
      std::size_t free_members = 0;
      bool touched = false;
      for (const auto* device : free_) {
        const bool member = device->info.fabric == partition.fabric &&
                            std::count(partition.modules.begin(), partition.modules.end(),
                                       device->info.fabric_module) > 0;
        free_members += member ? 1U : 0U;
        touched = touched || (member && std::find(set.begin(), set.end(), device) != set.end());
      }
      broken += touched && free_members == partition.modules.size() ? 1 : 0;
    }
    return broken;
  }

  [[nodiscard]] choice_cost cost(const device_list& set) const {
    constexpr auto none = model::wish::none;
    const auto& wishes = request_.topology;
    return {wishes.fabric == none ? 0 : places(set, fabric_of),
            wishes.numa == none ? 0 : places(set, node_of),
            wishes.pcie_root == none ? 0 : places(set, root_of),
            wishes.pcie_switch == none ? 0 : places(set, switch_of),
            broken_partitions(set),
            left_behind(set, node_of),
            left_behind(set, root_of),
            left_behind(set, switch_of)};
  }

  struct best_set {
    device_list devices;
    choice_cost cost{};
  };
  [[nodiscard]] std::optional<best_set> best(const wish_list& chosen) const {
    std::optional<best_set> best;
    each_set(chosen, [&](const device_list& set) {
      if (!is_whole(set) || !is_close(set)) {
        return;
      }
      const auto set_cost = cost(set);
      // Pointers into one vector: their order is the PCI order.
      if (!best || set_cost < best->cost || (set_cost == best->cost && set < best->devices)) {
        best = best_set{set, set_cost};
      }
    });
    return best;
  }

  [[nodiscard]] ranking rank(int alternatives, const wish_list& chosen, const best_set& set) const {
    int matching = 0;
    for (const auto* device : free_) {
      matching += std::any_of(chosen.begin(), chosen.end(), [&](const auto& wish) {
        return matches(world_, wish.first, *device);
      });
    }
    const auto steps = steps_of(capacity());
    const bool gpus = std::any_of(host_.devices.begin(), host_.devices.end(),
                                  [](const auto& device) { return model::is_gpu(device.type); });
    ranked_host ranked{
        alternatives,
        request_.preferred_host == host_.host.id,
        host_.host.tags,
        closeness_points(set.cost, static_cast<int>(set.devices.size()), request_.topology),
        {request_.amount, static_cast<int>(described_count_), chosen.empty() ? 0 : matching,
         request_.devices.empty() ? 0 : static_cast<int>(free_.size()), gpus, steps,
         levels_of(request_.amount, steps), levels_of(free_amount(), steps)}};
    ranked.view.all_devices = request_.devices.empty() ? 0 : static_cast<int>(host_.devices.size());
    ranked.view.lot = lot_of(request_.server, host_.host.id);
    if (how_.sees_largest) {
      ranked.view.largest = largest();
    }
    if (how_.sees_stays) {
      ranked.view.stay = request_.devices.empty() ? host_stay{} : stay();
      ranked.view.now = request_.now.time_since_epoch().count();
      ranked.view.ends = rounded_end(request_.now, request_.ends_at);
    }
    std::vector<int> before;
    std::vector<int> after;
    if (expected_ != nullptr) {
      before = count_matching(free_, *expected_);
      auto left = free_;
      std::erase_if(left, [&set](const auto* device) {
        return std::count(set.devices.begin(), set.devices.end(), device) > 0;
      });
      after = count_matching(left, *expected_);
      ranked.view.expected = &expected_->look;
      ranked.view.matching_before = before;
      ranked.view.matching_after = after;
    }
    return scheduler::rank(request_, how_, ranked);
  }

  /// Over the open hosts, those without devices left out for a server with some.
  [[nodiscard]] largest_host largest() const {
    largest_host found;
    for (const auto& [id, changed] : world_.hosts) {
      const reference_host host{world_, changed, request_, how_};
      if (!host.is_open() || (changed.devices.empty() && !request_.devices.empty())) {
        continue;
      }
      const auto steps = steps_of(host.capacity());
      const auto devices = request_.devices.empty() ? 0 : static_cast<int>(changed.devices.size());
      found.devices = std::max(found.devices, devices);
      found.steps = {std::max(found.steps.cpus, steps.cpus),
                     std::max(found.steps.memory_mib, steps.memory_mib)};
    }
    return found;
  }

  /// Of these devices, how many match each flavour.
  [[nodiscard]] std::vector<int> count_matching(const device_list& devices,
                                                const expectation& expected) const {
    std::vector<int> counts;
    for (const auto& wanted : expected.flavours) {
      const auto any_device = std::vector<model::device_selector>(1);
      const auto& selectors = wanted.devices.empty() ? any_device : wanted.devices;
      counts.push_back(
          static_cast<int>(std::count_if(devices.begin(), devices.end(), [&](const auto* device) {
            return std::any_of(selectors.begin(), selectors.end(), [&](const auto& selector) {
              return matches(world_, selector, *device);
            });
          })));
    }
    return counts;
  }

  /// Adds this host to what is expected of all.
  void add_to(expectation& expected) const {
    const auto steps = steps_of(capacity());
    const auto least = least_of(levels_of(free_amount(), steps), steps);
    expected.look.add_hosts(1, count_matching(free_, expected), least.cpus, least.memory_mib);
    if (!free_.empty() && free_.size() == host_.devices.size()) {
      expected.look.add_whole(static_cast<std::int32_t>(free_.size()), steps, 1);
    }
  }

  [[nodiscard]] host_stay stay() const {
    std::vector<std::int64_t> ends;
    for (const auto& [id, server] : world_.servers) {
      if (server.host == host_.host.id && !server.devices.empty()) {
        ends.push_back(rounded_end(server.placed_at, server.ends_at));
      }
    }
    return free_.empty() ? host_stay{} : stay_of(ends);
  }
  [[nodiscard]] bool is_open() const {
    const auto& host = host_.host;
    return host.enabled && host.status == model::host_status::online && host.settled &&
           !host.maintenance;
  }

private:
  const reference_world& world_;
  const host_changed& host_;
  const model::placement_request& request_;
  const policy& how_;
  const expectation* expected_;
  device_list free_;
  std::set<model::device_id> named_;
  std::size_t described_count_ = 0;
  model::resources used_;
  model::resources holders_;
};

} // namespace

void reference_world::apply(const inventory_update& update) {
  if (const auto* const changed = std::get_if<host_changed>(&update)) {
    for (const auto& device : changed->devices) {
      taken.erase(device.info.id);
    }
    hosts[changed->host.id] = *changed;
  } else if (const auto* const gone = std::get_if<host_gone>(&update)) {
    hosts.erase(gone->host);
    std::erase_if(servers, [&](const auto& server) { return server.second.host == gone->host; });
  } else if (const auto* const device = std::get_if<device_changed>(&update)) {
    for (auto& known : hosts.at(device->device.host).devices) {
      if (known.info.id == device->device.info.id) {
        known = device->device;
        taken.erase(known.info.id);
      }
    }
  } else if (const auto* const turned = std::get_if<device_turned>(&update)) {
    for (auto& known : hosts.at(turned->host).devices) {
      if (known.info.id == turned->device) {
        known.state = turned->state;
        known.owner = turned->owned ? std::optional{model::server_id{}} : std::nullopt;
        taken.erase(turned->device);
      }
    }
  } else if (const auto* const allocated = std::get_if<server_allocated>(&update)) {
    servers[allocated->server] = *allocated;
    taken.insert(allocated->devices.begin(), allocated->devices.end());
  } else if (const auto* const released = std::get_if<server_released>(&update)) {
    servers.erase(released->server);
  }
}

namespace {

/// The flavours of the servers that hold devices, the 32 that hold most of them.
std::vector<std::pair<flavour, std::int64_t>> greatest_flavours(const reference_world& world) {
  std::vector<std::pair<flavour, std::int64_t>> found;
  for (const auto& [id, server] : world.servers) {
    if (server.devices.empty()) {
      continue;
    }
    flavour wanted{{},
                   static_cast<std::int64_t>(server.devices.size()),
                   server.amount.cpus,
                   server.amount.memory_mib};
    for (auto wish = server.asked.rbegin(); wish != server.asked.rend(); ++wish) {
      wanted.devices = wish->id ? wanted.devices : wish->alternatives;
    }
    const auto known = std::find_if(found.begin(), found.end(),
                                    [&wanted](const auto& each) { return each.first == wanted; });
    known == found.end() ? found.emplace_back(wanted, 1) : * known = {wanted, known->second + 1};
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    const auto held = [](const auto& of) { return of.first.count * of.second; };
    return held(a) != held(b) ? held(a) > held(b) : precedes(a.first, b.first);
  });
  found.resize(std::min(found.size(), outlook::flavours_max));
  return found;
}

expectation expect(const reference_world& world, const model::placement_request& request,
                   const policy& how) {
  expectation expected;
  for (auto& [wanted, servers] : greatest_flavours(world)) {
    expected.look.flavours.push_back({wanted.count, wanted.cpus, wanted.memory_mib, servers, 0, 0});
    expected.flavours.push_back(wanted);
  }
  for (const auto& [id, changed] : world.hosts) {
    const reference_host host{world, changed, request, how};
    if (host.is_open()) {
      host.add_to(expected);
    }
  }
  expected.look.set_prices();
  return expected;
}

} // namespace

reference_decision reference_plan(const reference_world& world,
                                  const model::placement_request& request, const policy& how) {
  const bool expects = how.sees_mix && !request.devices.empty();
  const auto expected = expects ? expect(world, request, how) : expectation{};
  reference_decision decision;
  for (const auto& [rank, chosen] : all_choices(request)) {
    std::optional<ranking> best;
    for (const auto& [id, changed] : world.hosts) { // ascending by id: the first of equals stays
      const reference_host host{world, changed, request, how, expects ? &expected : nullptr};
      const bool open = host.first_failing_rule().empty();
      const auto set = open ? host.best(chosen) : std::nullopt;
      if (!set) {
        continue;
      }
      const auto ranked = host.rank(rank, chosen, *set);
      if (!best || ranked > *best) {
        best = ranked;
        decision.fits = true;
        decision.host = id;
        decision.devices.clear();
        for (const auto* device : set->devices) {
          decision.devices.insert(device->info.id);
        }
      }
    }
    if (decision.fits) {
      return decision;
    }
  }
  for (const auto& [id, changed] : world.hosts) {
    ++decision.excluded[reference_host{world, changed, request, how}.first_failing_rule()];
  }
  return decision;
}

} // namespace berth::scheduler
