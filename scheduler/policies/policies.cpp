#include <algorithm>

#include "scheduler/policy.hpp"

namespace berth::scheduler {

std::span<const policy* const> policies() {
  static constexpr std::array all{&best_fit, &spread,      &fragmentation,
                                  &lifetime, &dot_product, &random};
  return all;
}

const policy* find_policy(std::string_view name) {
  const auto all = policies();
  const auto found = std::find_if(all.begin(), all.end(),
                                  [name](const policy* each) { return each->name == name; });
  return found == all.end() ? nullptr : *found;
}

std::string_view name_of(const policy& which) {
  return which.name;
}

std::vector<std::string_view> policy_names() {
  std::vector<std::string_view> names;
  for (const policy* each : policies()) {
    names.push_back(each->name);
  }
  return names;
}

} // namespace berth::scheduler
