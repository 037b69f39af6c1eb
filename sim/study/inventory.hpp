#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/study/draft.hpp"
#include "sim/study/scenario_file.hpp"
#include "sim/study/schema.hpp"

namespace berth::sim {

/// Whether this is the path of a machine's description, and not a name of the collection.
[[nodiscard]] bool is_machine_path(std::string_view machine);

/// The hosts of `draft.inventory`, and what can be bought.
[[nodiscard]] model::result<void> add_inventory(const reading& context, const study_draft& draft,
                                                const scenario_surroundings& around, study& into);

/// GPUs of a model that one host has, by model, over all groups: the most.
[[nodiscard]] std::map<std::string, std::size_t> gpus_of(const std::vector<host_group>& hosts);

} // namespace berth::sim
