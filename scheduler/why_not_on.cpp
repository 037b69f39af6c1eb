#include "scheduler/pipeline.hpp"

namespace berth::scheduler {

std::optional<model::rule_verdict>
why_not_on(const inventory& world, const model::placement_request& request, model::host_id host) {
  const auto& inside = world.internals();
  const auto slot = inside.find_host(host);
  if (!slot) {
    return model::rule_verdict{
        "known_host", 1, host, {}, {0, 1, 0, "there is no host " + to_string(host)}};
  }
  const query asked = resolve(inside, request);
  const candidate at{inside, asked, *slot};
  const auto failure = first_failure(at);
  if (!failure) {
    return std::nullopt;
  }
  const auto& [rule, found] = *failure;
  return model::rule_verdict{std::string{rule->name},
                             1,
                             host,
                             at.host().record.name,
                             {found.used, found.requested, found.capacity, rule->say(at, found)}};
}

} // namespace berth::scheduler
