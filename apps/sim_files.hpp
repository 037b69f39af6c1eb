#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace berth::apps {

// The commands of berth-sim that make files for others. Each gives the process's exit status: 0; 1
// if it could not be done; 2 for a wrong command line.

/// `berth-sim init [FILE]`: a commented scenario.
[[nodiscard]] int init_scenario(const std::vector<std::string>& words, std::ostream& out,
                                std::ostream& err);
/// `berth-sim fit`: a plan that makes arrivals like those of a trace.
[[nodiscard]] int fit_plan(const std::vector<std::string>& words, std::ostream& out,
                           std::ostream& err);
/// `berth-sim generate`: a trace drawn from a plan.
[[nodiscard]] int generate_demand(const std::vector<std::string>& words, std::ostream& out,
                                  std::ostream& err);

} // namespace berth::apps
