#pragma once

#include <string>
#include <string_view>

#include "cli/fault.hpp"

namespace berth::cli {

/// Who may read a file that is written.
enum class file_access {
  everybody, ///< whom the process's umask lets
  owner,     ///< mode 0600
};

/// Writes a file whole or not at all: beside it, synced, then renamed over it. What was there keeps
/// nothing, not even its mode. The fault names the file and what the system says.
[[nodiscard]] result<void> write_whole(const std::string& path, std::string_view text,
                                       file_access access = file_access::everybody);

} // namespace berth::cli
