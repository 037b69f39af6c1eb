#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace berth::apps {

/// `berth-sim replay`: makes the decisions of a controller's store again, and says what another
/// policy would have done. Gives the process's exit status: 0; 1 if a decision differs or it could
/// not be done; 2 for a wrong command line.
[[nodiscard]] int replay_store(const std::vector<std::string>& arguments, std::ostream& out,
                               std::ostream& err);

} // namespace berth::apps
