#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "model/failure.hpp"
#include "sim/demand/fit.hpp"
#include "sim/study/study.hpp"

namespace berth::sim {

/// What arrives in a study, read or fitted once, for any number of runs. Immutable: one object may
/// be used by many threads. Copies share what was read.
class offered_demand {
public:
  /// The arrivals of a fate, which keep what they need of this object. Fails when the plan is not
  /// sound.
  [[nodiscard]] model::result<std::unique_ptr<arrival_source>> arrivals(std::uint64_t seed) const;

  /// The trace that was read, with its report; nullptr: there was none.
  [[nodiscard]] const demand* seen() const { return seen_.get(); }
  /// What was fitted to it; nullptr: nothing.
  [[nodiscard]] const demand_fit* fitted() const { return fitted_ ? &*fitted_ : nullptr; }
  /// What each fate is drawn from; nullptr: every one plays the trace.
  [[nodiscard]] const demand_plan* plan() const { return plan_ ? &*plan_ : nullptr; }

private:
  friend model::result<offered_demand> offer(const study& what, std::span<const host_group> more);

  [[nodiscard]] model::result<std::unique_ptr<arrival_source>> arriving(std::uint64_t seed) const;

  std::vector<waiting_server> waiting_;
  std::shared_ptr<const demand> seen_;
  std::optional<demand_fit> fitted_;
  std::optional<demand_plan> plan_;
  model::duration horizon_{};
};

/// Reads a trace, be it a table or a controller's log.
[[nodiscard]] model::result<demand> read_trace(const demand_input& input);

/// Reads the trace of a study and fits a plan to it, or takes the plan that it has. Fails when the
/// trace cannot be read or fitted or is empty, the plan is not sound, or the demand asks for GPUs
/// or models that the inventory has none of.
/// `more`: hosts that may come besides.
[[nodiscard]] model::result<offered_demand> offer(const study& what,
                                                  std::span<const host_group> more = {});

/// Whether hosts have what a plan asks for: GPUs at all, and each model that it names.
[[nodiscard]] model::result<void> check_plan(const demand_plan& plan,
                                             std::span<const host_group> hosts);

} // namespace berth::sim
