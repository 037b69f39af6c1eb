#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apps/config_keys.hpp"

namespace berth::apps {

/// A value as somebody wrote it, not yet converted.
struct raw_setting {
  std::size_t key = 0; ///< index into the descriptions
  std::string text;
  std::string where; ///< `controller.yaml:12: listen` or `--listen`
};

/// Walks a YAML document. Refuses what is not a map of the known sections and keys: unknown,
/// duplicate and empty keys, lists, more than one document.
[[nodiscard]] model::result<std::vector<raw_setting>>
read_yaml(std::string_view text, std::string_view file, std::span<const key_description> keys);

/// What a command line said.
struct flag_settings {
  std::vector<raw_setting> settings;
  std::string config_file; ///< empty = not given
  bool help = false;
  bool version = false;
  bool check = false;        ///< read, check and exit
  bool print_config = false; ///< print the settings in force and exit
};

/// Parses `--flag value` and `--flag=value` for every key, and the flags of flag_settings.
[[nodiscard]] model::result<flag_settings> read_flags(int argc, const char* const* argv,
                                                      std::span<const key_description> keys);

/// The program's `--help` text.
[[nodiscard]] std::string flags_help(std::string_view program, std::string_view default_file,
                                     std::span<const key_description> keys);

} // namespace berth::apps
