#include "actors/replica.hpp"

#include <utility>

namespace berth::actors {

turn_done replica::run(const scheduler_turn& turn) {
  for (const auto& published : turn.updates)
    for (const auto& update : *published)
      world_.apply(update);
  turn_done done;
  done.plans.plans.reserve(turn.jobs.size());
  for (const auto& job : turn.jobs)
    std::visit([&](const auto& wish) { run_job(wish, done); }, job);
  return done;
}

void replica::run_job(const control::plan_wish& wish, turn_done& done) {
  const auto& request = wish.request;
  auto decision = wish.explain ? scheduler::explain(world_, request, how_)
                               : scheduler::plan(world_, request, how_);
  if (const auto* where = std::get_if<model::placement>(&decision))
    world_.apply(scheduler::server_allocated{request.server, where->host, request.amount,
                                             where->devices, request.anti_affinity_group,
                                             request.ends_at});
  done.plans.plans.push_back({wish.id, std::move(decision)});
}

void replica::run_job(const control::want_forecast& wish, turn_done& done) {
  done.forecasts.push_back({wish.id, scheduler::forecast(world_, wish.shape, wish.limit, how_)});
}

} // namespace berth::actors
