#pragma once

#include <utility>
#include <vector>

#include "actors/scheduler_turn.hpp"
#include "scheduler/capacity_watch.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::actors {

/// A scheduler's copy of the inventory. Kept current by updates; its own placements are applied at
/// once, so that the plans of one turn, and of the turns before the cluster has answered, do not
/// collide. The cluster takes a placement back by publishing the truth about its server and
/// devices.
class replica {
public:
  explicit replica(scheduler::options how, std::vector<scheduler::capacity_shape> shapes = {})
      : how_(std::move(how)), capacity_(std::move(shapes)) {}

  /// Applies the updates, then does the jobs.
  [[nodiscard]] turn_done run(const scheduler_turn& turn);

  [[nodiscard]] const scheduler::inventory& world() const { return world_; }

private:
  [[nodiscard]] model::decision explain(const model::placement_request& request);
  void run_job(const control::plan_wish& wish, turn_done& done);
  void run_job(const control::want_forecast& wish, turn_done& done);
  void run_job(const control::want_explanation& wish, turn_done& done);
  void run_job(const count_capacity& wish, turn_done& done);

  scheduler::options how_;
  scheduler::inventory world_;
  scheduler::capacity_watch capacity_;
};

} // namespace berth::actors
