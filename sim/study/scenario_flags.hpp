#pragma once

#include <span>

#include "model/failure.hpp"
#include "sim/study/document.hpp"
#include "sim/study/scenario_file.hpp"

namespace berth::sim {

/// The flags as the part of a scenario that they stand for. Fails when there is none of a name, or
/// one that is no list is given twice.
[[nodiscard]] model::result<document_node> document_of(std::span<const given_flag> given);

} // namespace berth::sim
