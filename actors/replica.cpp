#include "actors/replica.hpp"

#include <utility>

#include "scheduler/policy.hpp"

namespace berth::actors {

turn_done replica::run(const scheduler_turn& turn) {
  for (const auto& published : turn.updates)
    for (const auto& update : *published)
      world_.apply(update);
  turn_done done;
  done.plans.plans.reserve(turn.jobs.size());
  for (const auto& job : turn.jobs)
    std::visit([&](const auto& wish) { run_job(wish, done); }, job);
  for (auto& plan : done.plans.plans) {
    plan.seen = turn.seen;
    plan.scheduler = turn.scheduler;
  }
  return done;
}

model::decision replica::explain(const model::placement_request& request) {
  auto decision = scheduler::explain(world_, request, how_);
  if (auto* why = std::get_if<model::refusal>(&decision))
    scheduler::name_largest_host(world_, request, *why);
  return decision;
}

void replica::run_job(const control::plan_wish& wish, turn_done& done) {
  const auto& request = *wish.request;
  auto decision = wish.explain ? explain(request) : scheduler::plan(world_, request, how_);
  if (const auto* where = std::get_if<model::placement>(&decision))
    world_.apply(scheduler::server_allocated{request.server, where->host, request.amount,
                                             where->devices, request.anti_affinity_group,
                                             request.ends_at, request.now, request.devices});
  done.plans.plans.push_back({wish.id, std::move(decision)});
}

void replica::run_job(const control::want_forecast& wish, turn_done& done) {
  auto forecast = scheduler::forecast(world_, wish.shape, wish.limit, how_);
  if (forecast.why_not)
    scheduler::name_largest_host(world_, wish.shape, *forecast.why_not);
  done.forecasts.push_back({wish.id, std::move(forecast)});
}

void replica::run_job(const control::want_explanation& wish, turn_done& done) {
  const auto& [id, request, hosts] = *wish.what;
  model::explanation answer;
  answer.where = explain(request);
  answer.policy = how_.policy->name;
  answer.capacity = scheduler::capacity(world_, request);
  for (const auto& host : hosts) {
    auto verdict = scheduler::judge_host(world_, request, host, how_);
    if (!verdict) {
      done.explanations.push_back(
          {id, model::fail(model::errc::not_found, "host " + to_string(host) + " is gone")});
      return;
    }
    answer.hosts.push_back(std::move(*verdict));
  }
  done.explanations.push_back({id, std::move(answer)});
}

void replica::run_job(const count_capacity&, turn_done& done) {
  done.capacity = capacity_.look(world_);
}

} // namespace berth::actors
