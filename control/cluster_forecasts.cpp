#include <memory>
#include <utility>

#include "control/cluster_machine.hpp"

namespace berth::control {

using model::errc;
using model::fail;

// Questions to the scheduler that change nothing.

model::result<void> cluster::machine::admit_thought(model::server_spec& spec) const {
  if (spec.name.empty()) {
    spec.name = "forecast"; // what is only thought of needs no name
  }
  if (auto valid = validate(spec); !valid) {
    return valid;
  }
  for (const auto& wanted : {spec.host, spec.preferred_host}) {
    if (wanted && state.find_host(*wanted) == nullptr) {
      return no_such_host(to_string(*wanted));
    }
  }
  return admit_devices(spec).and_then([&] { return admit_models(spec); });
}

plan_id cluster::machine::await_thought(ticket from) {
  const auto id = ++last_plan;
  forecasts.emplace(id, forecasting{from, now + config.plan_timeout});
  return plan_id{id};
}

std::optional<ticket> cluster::machine::end_thought(plan_id id) {
  const auto asked = forecasts.extract(static_cast<std::uint64_t>(id));
  return asked.empty() ? std::nullopt : std::optional{asked.mapped().from};
}

void cluster::machine::run(ticket from, model::forecast_servers& command) {
  constexpr std::int32_t count_max = 10'000;
  if (command.count < 1 || command.count > count_max) {
    return answer(from, fail(errc::invalid_argument,
                             "count is " + std::to_string(command.count) + ": must be 1 to 10000"));
  }
  if (auto admitted = admit_thought(command.spec); !admitted) {
    return answer(from, tl::unexpected{std::move(admitted.error())});
  }
  auto shape = to_placement_request({}, command.spec, now);
  shape.avoid_hosts = queue.hosts_to_avoid(shape);
  emit(want_forecast{await_thought(from), std::move(shape), command.count});
}

void cluster::machine::on(forecast_made& made) {
  const auto from = end_thought(made.id);
  if (!from) {
    return;
  }
  if (made.forecast) {
    emit(answer_command{*from, model::reply{std::move(*made.forecast)}});
  } else {
    answer(*from, tl::unexpected{std::move(made.forecast.error())});
  }
}

void cluster::machine::run(ticket from, model::explain_placement& command) {
  if (command.hosts.size() > command.hosts_max) {
    return answer(from, fail(errc::invalid_argument,
                             "hosts names " + std::to_string(command.hosts.size()) +
                                 " hosts: ask about at most " + std::to_string(command.hosts_max),
                             {{"field", "hosts"}}));
  }
  std::vector<model::host_id> hosts;
  for (const auto& ref : command.hosts) {
    const auto* host = state.resolve_host(ref);
    if (host == nullptr) {
      return answer(from, no_such_host(ref));
    }
    hosts.push_back(host->record.id);
  }
  if (auto admitted = admit_thought(command.spec); !admitted) {
    return answer(from, tl::unexpected{std::move(admitted.error())});
  }
  const auto id = await_thought(from);
  auto request = to_placement_request({}, command.spec, now);
  request.avoid_hosts = queue.hosts_to_avoid(request);
  emit(want_explanation{std::make_shared<const want_explanation::question>(
      want_explanation::question{id, std::move(request), std::move(hosts)})});
}

void cluster::machine::on(explanation_made& made) {
  const auto from = end_thought(made.id);
  if (!from) {
    return;
  }
  if (!made.explanation) {
    return answer(*from, tl::unexpected{std::move(made.explanation.error())});
  }
  if (const auto* where = std::get_if<model::placement>(&made.explanation->where)) {
    const auto* host = state.find_host(where->host);
    made.explanation->host_name = host != nullptr ? host->record.name : std::string{};
  }
  emit(answer_command{*from, model::reply{std::move(*made.explanation)}});
}

} // namespace berth::control
