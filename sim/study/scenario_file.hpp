#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/failure.hpp"
#include "sim/study/study.hpp"

namespace berth::sim {

/// What a scenario does not say of itself.
struct scenario_surroundings {
  std::string machines;  ///< the directory of the collection: `hgx-h100` is hgx-h100.yaml in it
  unsigned jobs = 1;     ///< runs at a time, if the scenario does not say
  std::string version{}; ///< of this program
};

/// A key of the scenario as a flag, for a command line's parser and its help.
struct scenario_flag {
  std::string name;     ///< without dashes
  std::string word;     ///< what stands for its value in help, `TIME`
  std::string help;     ///< with the default
  bool is_list = false; ///< it may be given several times
  bool is_bool = false; ///< its value may be left out: true
};
/// In the order of the documentation.
[[nodiscard]] const std::vector<scenario_flag>& scenario_flags();

/// A flag as it was given.
struct given_flag {
  std::string name; ///< of scenario_flags()
  std::string value;
};

/// Reads the scenario in the YAML text `file`, called `name` in messages, with what the flags say
/// instead: a flag wins over the file; flags of a list replace it, and together make it. Paths are
/// relative to `directory`, in flags to the current one.
///
/// Fails with `file:line: key what is wrong: must be what would be right`, for a flag with its name
/// instead of the line; with unknown_field for a key that does not exist, naming the nearest.
[[nodiscard]] model::result<study> read_scenario(std::string_view file, std::string name,
                                                 std::string directory,
                                                 const scenario_surroundings& around,
                                                 std::span<const given_flag> flags = {});

/// The same from a file, or from flags alone if the path is empty. A plan's file and a node list
/// that it names are read, a trace is not.
[[nodiscard]] model::result<study> load_scenario(const std::string& path,
                                                 const scenario_surroundings& around,
                                                 std::span<const given_flag> flags = {});

/// What the flags say of a trace, for a command that reads one and plays nothing: `demand` and the
/// flags of its reading.
[[nodiscard]] model::result<demand_input> read_trace_flags(std::span<const given_flag> flags,
                                                           const std::string& version);

/// A commented scenario with every key, which runs as it is.
[[nodiscard]] std::string sample_scenario();

/// docs/scenario.md: every key, of the scenario and of a plan.
[[nodiscard]] std::string scenario_markdown();

} // namespace berth::sim
