#include "sim/study/offered_demand.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "model/text.hpp"
#include "sim/demand/readers.hpp"
#include "sim/replay/log_demand.hpp"

namespace berth::sim {

namespace {

using model::errc;
using model::fail;

/// A trace's arrivals, with what they are read from.
class trace_arrivals final : public arrival_source {
public:
  explicit trace_arrivals(std::shared_ptr<const demand> from)
      : from_(std::move(from)), source_(*from_) {}

  [[nodiscard]] std::optional<arrival> next() override { return source_.next(); }
  [[nodiscard]] const demand_names& names() const override { return source_.names(); }

private:
  std::shared_ptr<const demand> from_;
  demand_source source_;
};

/// Those who wait at the start, then what arrives.
class after_waiting final : public arrival_source {
public:
  after_waiting(std::span<const waiting_server> waiting, std::unique_ptr<arrival_source> rest)
      : names_{rest->names()}, rest_{std::move(rest)} {
    for (const auto& server : waiting) {
      auto& one = first_.emplace_back();
      one.lifetime = server.lifetime.value_or(endless);
      one.patience = server.patience;
      one.vcpus = static_cast<std::uint32_t>(std::min(server.amount.cpus, vcpus_max));
      one.memory_mib =
          static_cast<std::uint32_t>(std::min(server.amount.memory_mib, memory_mib_max));
      one.gpus = server.gpus;
      one.model = names_.models.number_of(server.model);
      one.project = names_.projects.number_of(server.project);
      one.topology = packed_topology{server.topology};
      one.priority =
          static_cast<std::uint8_t>(std::clamp<std::int64_t>(server.priority, 0, priority_max));
    }
  }

  [[nodiscard]] std::optional<arrival> next() override {
    return at_ < first_.size() ? std::optional{first_[at_++]} : rest_->next();
  }
  [[nodiscard]] const demand_names& names() const override { return names_; }

private:
  demand_names names_; ///< those of the rest keep their numbers
  std::unique_ptr<arrival_source> rest_;
  std::vector<arrival> first_;
  std::size_t at_ = 0;
};

/// A part of a model's name will do, as for a server.
model::result<void> check_demand(const demand_names& names, bool asks_gpus,
                                 std::span<const host_group> hosts) {
  std::vector<std::string> known;
  for (const auto& group : hosts)
    for (const auto& device : group.machine.devices)
      known.push_back(device.model);
  if (asks_gpus && known.empty())
    return fail(errc::invalid_argument,
                "the demand asks for GPUs, and the inventory has none: must have a machine with "
                "GPUs, such as hgx-h100");
  demand_names unknown;
  for (const auto& text : names.models.all())
    for (const auto name : alternatives(text))
      if (std::ranges::none_of(
              known, [name](const auto& one) { return model::contains_ignoring_case(one, name); }))
        unknown.models.number_of(name);
  return check_models(unknown, known);
}

model::result<demand> read_for(const demand_input& input, std::span<const host_group> hosts) {
  auto seen = read_trace(input);
  if (!seen)
    return seen;
  if (seen->arrivals.empty())
    return fail(errc::invalid_argument, input.trace + " has no arrivals that can be used");
  const bool asks_gpus =
      std::ranges::any_of(seen->arrivals, [](const arrival& one) { return one.gpus > 0; });
  if (auto checked = check_demand(seen->names, asks_gpus, hosts); !checked)
    return tl::unexpected{std::move(checked.error())};
  return seen;
}

} // namespace

model::result<demand> read_trace(const demand_input& input) {
  return input.is_log ? demand_of_store(input.trace, input.version, input.reading.strict)
                      : read_demand_file(input.format, input.trace, input.reading);
}

model::result<void> check_plan(const demand_plan& plan, std::span<const host_group> hosts) {
  demand_names names;
  bool asks_gpus = false;
  const auto add = [&](const std::vector<server_shape>& shapes) {
    for (const auto& shape : shapes) {
      if (shape.gpus == 0 || shape.weight == 0)
        continue;
      asks_gpus = true;
      names.models.number_of(shape.model.empty() ? plan.defaults.gpu_model : shape.model);
    }
  };
  add(plan.shapes);
  if (plan.standing > 0)
    add(plan.standing_shapes);
  return check_demand(names, asks_gpus, hosts);
}

model::result<std::unique_ptr<arrival_source>> offered_demand::arrivals(std::uint64_t seed) const {
  auto made = arriving(seed);
  if (!made || waiting_.empty())
    return made;
  return std::make_unique<after_waiting>(waiting_, std::move(*made));
}

model::result<std::unique_ptr<arrival_source>> offered_demand::arriving(std::uint64_t seed) const {
  if (!plan_)
    return std::make_unique<trace_arrivals>(seen_);
  auto drawn = demand_generator::make(*plan_, seed, horizon_);
  if (!drawn)
    return tl::unexpected{std::move(drawn.error())};
  return std::make_unique<demand_generator>(*std::move(drawn));
}

model::result<offered_demand> offer(const study& what, std::span<const host_group> more) {
  auto hosts = what.base.hosts;
  hosts.insert(hosts.end(), more.begin(), more.end());
  offered_demand made;
  made.horizon_ = what.base.horizon;
  made.waiting_ = what.waiting;
  const auto& input = what.demand;
  if (input.plan) {
    made.plan_ = input.plan;
    if (auto checked = check_plan(*made.plan_, hosts); !checked)
      return tl::unexpected{std::move(checked.error())};
  } else {
    auto seen = read_for(input, hosts);
    if (!seen)
      return tl::unexpected{std::move(seen.error())};
    made.seen_ = std::make_shared<const demand>(*std::move(seen));
  }
  if (input.draw && !input.plan) {
    auto found = fit(*made.seen_);
    if (!found)
      return tl::unexpected{std::move(found.error())};
    made.plan_ = found->plan;
    made.fitted_ = *std::move(found);
  }
  if (made.plan_ && input.growth_per_month != 0)
    made.plan_->growth_per_month = input.growth_per_month;
  // What is wrong with a plan shows now, and not in the middle of a study.
  if (made.plan_)
    if (auto sound = demand_generator::make(*made.plan_, 1, made.horizon_); !sound)
      return tl::unexpected{std::move(sound.error())};
  return made;
}

} // namespace berth::sim
