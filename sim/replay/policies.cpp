#include "sim/replay/policies.hpp"

namespace berth::sim {

namespace {

planning planned_by(const model::scheduling_in_force& scheduling) {
  const auto* policy = scheduler::find_policy(scheduling.policy);
  return policy != nullptr ? planning{{policy}, scheduling.schedulers, true}
                           : planning{{}, scheduling.schedulers, false};
}

} // namespace

void policies::begin(const model::controller_started& leadership) {
  common_ = leadership.scheduling ? planned_by(*leadership.scheduling) : planning{};
  pools_.clear();
  for (const auto& [project, scheduling] : leadership.pools)
    pools_.emplace(project, planned_by(scheduling));
}

std::string policies::pool_of(const std::string& project) const {
  return pools_.contains(project) ? project : std::string{};
}

const planning& policies::of_pool(const std::string& pool) const {
  const auto own = pools_.find(pool);
  return own != pools_.end() ? own->second : common_;
}

} // namespace berth::sim
