#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace berth::apps {

/// `berth-sim actors`: plays a demand against the production actors on virtual time, and says what
/// became of it, whether anything went wrong and how fast it was. Gives the process's exit status:
/// 0; 1 if it could not be done, 2 for a wrong command line, 3 if something that must always hold
/// did not.
[[nodiscard]] int run_actors_simulation(const std::vector<std::string>& arguments,
                                        std::ostream& out, std::ostream& err);

} // namespace berth::apps
