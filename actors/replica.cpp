#include "actors/replica.hpp"

#include <utility>

namespace berth::actors {

turn_done replica::run(const scheduler_turn& turn) {
  for (const auto& update : turn.updates)
    world_.apply(update);
  turn_done done;
  done.answers.reserve(turn.jobs.size());
  for (const auto& job : turn.jobs)
    done.answers.push_back(std::visit([this](const auto& each) { return run_job(each); }, job));
  return done;
}

scheduler_answer replica::run_job(const plan_job& job) {
  auto decision = scheduler::plan(world_, job.request, how_);
  if (const auto* where = std::get_if<model::placement>(&decision))
    world_.apply(scheduler::server_allocated{job.request.server, where->host, job.request.amount,
                                             where->devices, job.request.anti_affinity_group});
  return plan_answer{job.token, std::move(decision)};
}

scheduler_answer replica::run_job(const forecast_job& job) {
  return forecast_answer{job.token, scheduler::forecast(world_, job.shape, job.count, how_)};
}

} // namespace berth::actors
