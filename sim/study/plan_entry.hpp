#pragma once

#include "sim/study/draft.hpp"
#include "sim/study/schema.hpp"

namespace berth::sim {

/// Looks up the names of laws, and holds what goes together against each other.
[[nodiscard]] model::result<demand_plan> plan_of(const reading& context, const plan_entry& entry);

/// The plan in a file of its own.
[[nodiscard]] model::result<demand_plan> plan_of(const document_node& file);

} // namespace berth::sim
