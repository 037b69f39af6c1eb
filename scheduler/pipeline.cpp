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

} // namespace berth::scheduler
