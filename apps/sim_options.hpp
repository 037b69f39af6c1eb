#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "model/failure.hpp"
#include "sim/study/scenario_file.hpp"

namespace berth::apps {

/// A flag of one command, besides those of a scenario.
struct command_flag {
  std::string name; ///< without dashes
  std::string word; ///< what stands for its value in help; empty: it has none
  std::string help;
};

/// A command line in its parts.
struct sim_arguments {
  bool help = false;
  std::vector<std::string> files;                      ///< what is no flag
  std::vector<sim::given_flag> scenario;               ///< in the order of the command line
  std::map<std::string, std::vector<std::string>> own; ///< the command's, by name

  [[nodiscard]] bool has(const std::string& name) const { return own.contains(name); }
  /// The last that was given.
  [[nodiscard]] std::string text(const std::string& name, const std::string& otherwise = {}) const;
};

/// Splits the words of a command that knows `own` and, of those of a scenario, `known`. Fails
/// naming the word and the nearest flag.
[[nodiscard]] model::result<sim_arguments>
parse_sim_arguments(const std::vector<std::string>& words, std::span<const command_flag> own,
                    std::span<const sim::scenario_flag> known);

/// A command line that plays a scenario: `[SCENARIO.yaml] [flags]`.
struct sim_options {
  sim_arguments given; ///< its `help`: `what` is not read
  sim::study what;
};

/// Reads the file and the flags, which win. What is wrong is named with its file and line, or its
/// flag.
[[nodiscard]] model::result<sim_options> read_sim_options(const std::vector<std::string>& words,
                                                          std::span<const command_flag> own);

/// The scenario in a file, or of the flags alone if it is empty, with the flags of `given` over it.
[[nodiscard]] model::result<sim::study> load_study(const std::string& file,
                                                   const sim_arguments& given);

/// `intro`, then the command's flags and those of a scenario, a line or two each.
[[nodiscard]] std::string sim_help(const std::string& intro, std::span<const command_flag> own,
                                   std::span<const sim::scenario_flag> known);

} // namespace berth::apps
