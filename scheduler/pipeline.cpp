#include "scheduler/pipeline.hpp"

namespace berth::scheduler {

std::optional<rule_failure> first_failure(const candidate& at) {
  for (const auto& rule : pipeline) {
    const finding found = rule.test(at);
    if (!found.passes) {
      return rule_failure{&rule, found};
    }
  }
  return std::nullopt;
}

model::rule_verdict written(const hard_rule& rule, const candidate& at, const finding& found,
                            std::int64_t hosts_excluded) {
  const auto& host = at.host().record;
  return {std::string{rule.name},
          hosts_excluded,
          host.id,
          host.name,
          {found.used, found.requested, found.capacity, rule.say(at, found)}};
}

} // namespace berth::scheduler
