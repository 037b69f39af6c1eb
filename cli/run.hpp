#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/transport.hpp"

namespace berth::cli {

/// Everything that comes from outside.
struct surroundings {
  std::string version;
  std::ostream& out;
  std::ostream& err;
  bool live = false; ///< `err` is a terminal
  pacer& time;
  /// An environment variable.
  std::function<std::optional<std::string>(const std::string& name)> variable;
  /// Opens the door to the controller; called at most once, when a command needs it.
  std::function<result<std::unique_ptr<transport>>(const connection_options&)> connect;
};

/// Runs one command line (argv[0] is the program's name, of which the last part is shown) and
/// returns the exit status, see exit_code. Never throws.
[[nodiscard]] int run(const std::vector<std::string>& argv, const surroundings& world);

} // namespace berth::cli
