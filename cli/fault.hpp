#pragma once

#include <map>
#include <string>
#include <utility>

#include <tl/expected.hpp>

namespace berth::cli {

/// What a shell sees of a command's end.
enum class exit_code : int {
  success = 0,
  failed = 1,        ///< the request was refused, or ended in a failed state
  usage = 2,         ///< the command line is wrong; nothing was sent
  unreachable = 3,   ///< no controller answers there
  unknown = 4,       ///< no answer in time: it may or may not have happened
  would_not_fit = 5, ///< a dry run: not everything would be created
};

/// Why a command did not succeed. `message` names the thing, what is wrong and what would be right:
/// lower case, no final period; empty when the command has told everything itself.
struct fault {
  exit_code code = exit_code::failed;
  std::string message;
  std::map<std::string, std::string> details{}; ///< of the controller's answer
  std::string remedy{};                         ///< what to do; empty = nothing to add
  std::string more{};                           ///< whole lines to print below; empty = none
  int http_status = 0;                          ///< of the controller's answer; 0 = there was none
  std::string error_class{};                    ///< name in the error catalogue; empty = none
};

template <class T> using result = tl::expected<T, fault>;

/// A fault of the command line.
[[nodiscard]] inline tl::unexpected<fault> misuse(std::string message) {
  return tl::unexpected{fault{exit_code::usage, std::move(message)}};
}

/// The command printed what failed; only the exit code is left to say.
[[nodiscard]] inline tl::unexpected<fault> told(exit_code code = exit_code::failed) {
  return tl::unexpected{fault{code, {}}};
}

} // namespace berth::cli
