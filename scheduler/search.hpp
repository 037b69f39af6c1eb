#pragma once

#include <optional>

#include "scheduler/policy.hpp"
#include "scheduler/query.hpp"
#include "scheduler/scores.hpp"

namespace berth::scheduler {

/// The best host under a policy among those that pass every hard rule, `without` left out; nullopt
/// = none does. Looks at groups and cells of hosts through the index, and at single hosts only
/// where a cell may win.
[[nodiscard]] std::optional<place_found> find_best(const inventory::impl& world, const query& asked,
                                                   const policy& how,
                                                   std::optional<host_slot_id> without = {});

} // namespace berth::scheduler
