#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string>
#include <vector>

#include "model/failure.hpp"

namespace berth::apps {

/// `berth-sim replay`: makes the decisions of a controller's store again, and says what another
/// policy would have done. Gives the process's exit status: 0; 1 if a decision differs or it could
/// not be done; 2 for a wrong command line.
[[nodiscard]] int replay_store(const std::vector<std::string>& arguments, std::ostream& out,
                               std::ostream& err);

/// What a controller's store says was asked for, as a demand in berth's own CSV: gives the number
/// of servers. The store is only read; a folder stands for the store in it.
[[nodiscard]] model::result<std::uint64_t>
write_demand_of(const std::filesystem::path& store, const std::string& out, std::ostream& err);

} // namespace berth::apps
