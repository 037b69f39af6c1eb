#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace berth::apps {

// The commands of berth-sim that play scenarios. Each gives the process's exit status: 0; 1 if it
// could not be done; 2 for a wrong command line or scenario; 130 when it was interrupted, after it
// has told what there is.

/// `berth-sim run`: one scenario, under one policy or several.
[[nodiscard]] int run_scenario(const std::vector<std::string>& words, std::ostream& out,
                               std::ostream& err);
/// `berth-sim compare`: scenarios and policies side by side, with paired differences.
[[nodiscard]] int compare_scenarios(const std::vector<std::string>& words, std::ostream& out,
                                    std::ostream& err);

} // namespace berth::apps
