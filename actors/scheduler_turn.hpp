#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "control/cluster_messages.hpp"
#include "scheduler/capacity_watch.hpp"
#include "scheduler/inventory_update.hpp"

namespace berth::actors {

/// Updates of the inventory as the cluster published them; many replicas share one.
using publication = std::shared_ptr<const std::vector<scheduler::inventory_update>>;
/// How many more servers fit, by shape: for the metrics.
struct count_capacity {};
using scheduler_job = std::variant<control::plan_wish, control::want_forecast,
                                   control::want_explanation, count_capacity>;

/// One exchange with a scheduler: first its replica is brought up to date, then the jobs are done
/// in order. The cluster has one turn outstanding, which bounds the scheduler's mailbox.
struct scheduler_turn {
  std::vector<publication> updates;
  model::sequence_number seen = 0; ///< the last event that these or earlier updates are of
  std::uint32_t scheduler = 0;     ///< the number of the scheduler in its pool
  std::vector<scheduler_job> jobs;
};

struct turn_done {
  control::plans_made plans;
  std::vector<control::forecast_made> forecasts;
  std::vector<control::explanation_made> explanations;
  std::optional<scheduler::capacity_report> capacity;
};

} // namespace berth::actors
