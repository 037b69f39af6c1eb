#include <algorithm>

#include "model/text.hpp"
#include "scheduler/inventory_impl.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::scheduler {

namespace {

bool matches_something(const kind_table& kinds, const model::device_selector& selector) {
  const auto matched = kinds.match(selector);
  return std::find(matched.begin(), matched.end(), true) != matched.end();
}

std::vector<std::string> known_models(const kind_table& kinds) {
  std::vector<std::string> names;
  for (kind_id kind = 0; kind < kinds.size(); ++kind)
    if (kinds.at(kind).devices > 0)
      names.push_back(kinds.at(kind).model);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

} // namespace

std::optional<unknown_model> find_unknown_model(const inventory& world,
                                                const model::placement_request& request) {
  const auto& kinds = world.internals().kinds;
  auto known = known_models(kinds);
  if (known.empty())
    return std::nullopt;
  for (const auto& wanted : request.devices) {
    if (wanted.id || wanted.alternatives.empty() || wanted.alternatives.front().model.empty())
      continue;
    const auto known_one = [&](const auto& selector) { return matches_something(kinds, selector); };
    if (std::any_of(wanted.alternatives.begin(), wanted.alternatives.end(), known_one))
      continue;
    unknown_model found{wanted.alternatives.front().model, std::nullopt, std::move(known)};
    if (const auto nearest = model::nearest_name(found.asked, found.known))
      found.nearest = std::string{*nearest};
    return found;
  }
  return std::nullopt;
}

} // namespace berth::scheduler
