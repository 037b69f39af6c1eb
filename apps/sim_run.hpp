#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace berth::apps {

/// `berth-sim run`: plays a demand on a fleet under one policy or several, and says what fitted.
/// Gives the process's exit status: 0; 1 if it could not be done; 2 for a wrong command line.
[[nodiscard]] int run_simulation(const std::vector<std::string>& arguments, std::ostream& out,
                                 std::ostream& err);

} // namespace berth::apps
