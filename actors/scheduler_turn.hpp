#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "model/command.hpp"
#include "model/plan.hpp"
#include "model/request.hpp"
#include "scheduler/inventory_update.hpp"

namespace berth::actors {

/// Place one server.
struct plan_job {
  std::uint64_t token = 0; ///< the asker's; comes back with the answer
  model::placement_request request;
};

/// How many servers of one shape fit, and why no more.
struct forecast_job {
  std::uint64_t token = 0;
  model::placement_request shape;
  std::int32_t count = 1;
};

using scheduler_job = std::variant<plan_job, forecast_job>;

/// One exchange with a scheduler: first its replica is brought up to date, then the jobs are done
/// in order. The asker has one turn outstanding, which bounds the scheduler's mailbox.
struct scheduler_turn {
  std::vector<scheduler::inventory_update> updates;
  std::vector<scheduler_job> jobs;
};

struct plan_answer {
  std::uint64_t token = 0;
  model::decision decision;
};
struct forecast_answer {
  std::uint64_t token = 0;
  model::forecast outlook;
};
using scheduler_answer = std::variant<plan_answer, forecast_answer>;

/// One answer per job, in the order of the jobs.
struct turn_done {
  std::vector<scheduler_answer> answers;
};

} // namespace berth::actors
