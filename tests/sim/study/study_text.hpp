#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/study/scenario_file.hpp"

namespace berth::sim {

/// Everything that a study says, for comparisons that show what differs.
[[nodiscard]] std::string text_of(const study& what);

/// Reads a scenario called `s.yaml` whose paths start at the source's tests/sim/study/.
[[nodiscard]] model::result<study> scenario_of(std::string_view yaml,
                                               std::vector<given_flag> flags = {});
/// Fails the test if it is none.
[[nodiscard]] study good_scenario(std::string_view yaml, std::vector<given_flag> flags = {});

/// The collection of machines of the source.
[[nodiscard]] scenario_surroundings source_surroundings();

/// An inventory and a demand, for what is said of other keys.
inline constexpr std::string_view smallest = "inventory: 4xhgx-h100\n"
                                             "demand: {plan: {arrivals_per_hour: 2}}\n"
                                             "horizon: 1d\n";

} // namespace berth::sim
