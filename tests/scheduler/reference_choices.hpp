#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "tests/scheduler/reference.hpp"

namespace berth::scheduler {

// Which devices serve a request, tried out: the part of the reference that looks at devices alone.

using device_list = std::vector<const model::device_record*>;
/// The described requests with one selector chosen for each.
using wish_list = std::vector<std::pair<model::device_selector, int>>;

[[nodiscard]] bool matches(const reference_world& world, const model::device_selector& selector,
                           const model::device_record& device);
/// Every choice of alternatives, by the sum of their positions, earlier requests' firsts first.
[[nodiscard]] std::vector<std::pair<int, wish_list>>
all_choices(const model::placement_request& request);
/// Can the devices from `next` on be dealt out so that every wish gets its number?
[[nodiscard]] bool can_deal(const reference_world& world, wish_list left,
                            const device_list& devices, std::size_t next);

} // namespace berth::scheduler
