#include "tests/scheduler/reference_choices.hpp"

#include <algorithm>
#include <map>

#include "model/text.hpp"

namespace berth::scheduler {

bool matches(const reference_world& world, const model::device_selector& selector,
             const model::device_record& device) {
  bool exact = false;
  for (const auto& [id, host] : world.hosts) {
    for (const auto& other : host.devices) {
      exact = exact || model::equals_ignoring_case(other.info.model, selector.model);
    }
  }
  const bool model_ok = selector.model.empty() ||
                        (exact ? model::equals_ignoring_case(device.info.model, selector.model)
                               : model::contains_ignoring_case(device.info.model, selector.model));
  return model_ok &&
         (selector.vendor.empty() ||
          model::equals_ignoring_case(selector.vendor, device.info.vendor)) &&
         (!selector.type || *selector.type == device.type) &&
         (!selector.vendor_device || *selector.vendor_device == device.info.vendor_device);
}

std::vector<std::pair<int, wish_list>> all_choices(const model::placement_request& request) {
  std::vector<std::pair<std::vector<int>, wish_list>> found{{}};
  for (const auto& wish : request.devices) {
    if (wish.id) {
      continue;
    }
    std::vector<std::pair<std::vector<int>, wish_list>> longer;
    for (const auto& [picks, so_far] : found) {
      for (std::size_t i = 0; i < wish.alternatives.size(); ++i) {
        auto next = std::pair{picks, so_far};
        next.first.push_back(static_cast<int>(i));
        next.second.emplace_back(wish.alternatives[i], wish.count);
        longer.push_back(std::move(next));
      }
    }
    found = std::move(longer);
  }
  const auto sum = [](const std::vector<int>& picks) {
    int total = 0;
    for (const int pick : picks) {
      total += pick;
    }
    return total;
  };
  std::stable_sort(found.begin(), found.end(),
                   [&](const auto& a, const auto& b) { return sum(a.first) < sum(b.first); });
  std::vector<std::pair<int, wish_list>> choices;
  for (const auto& [picks, chosen] : found) {
    choices.emplace_back(sum(picks), chosen);
  }
  return choices;
}

bool can_deal(const reference_world& world, wish_list left, const device_list& devices,
              std::size_t next) {
  if (next == devices.size()) {
    return std::all_of(left.begin(), left.end(), [](const auto& wish) { return wish.second == 0; });
  }
  for (auto& [selector, count] : left) {
    if (count > 0 && matches(world, selector, *devices[next])) {
      --count;
      if (can_deal(world, left, devices, next + 1)) {
        return true;
      }
      ++count;
    }
  }
  return false;
}

bool serves_in_order(const reference_world& world, const model::placement_request& request,
                     const std::vector<model::device_id>& devices) {
  std::map<model::device_id, const model::device_record*> by_id;
  for (const auto& [id, host] : world.hosts) {
    for (const auto& device : host.devices) {
      by_id[device.info.id] = &device;
    }
  }
  std::size_t next = 0;
  for (const auto& wish : request.devices) {
    const auto count = static_cast<std::size_t>(wish.count);
    if (next + count > devices.size()) {
      return false;
    }
    const bool served =
        wish.id
            ? devices[next] == *wish.id
            : std::any_of(wish.alternatives.begin(), wish.alternatives.end(),
                          [&](const model::device_selector& selector) {
                            return std::all_of(devices.begin() + static_cast<long>(next),
                                               devices.begin() + static_cast<long>(next + count),
                                               [&](const model::device_id& id) {
                                                 return matches(world, selector, *by_id.at(id));
                                               });
                          });
    if (!served) {
      return false;
    }
    next += count;
  }
  return next == devices.size();
}

} // namespace berth::scheduler
