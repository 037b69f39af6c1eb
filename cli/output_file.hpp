#pragma once

#include <string>
#include <string_view>

#include "cli/fault.hpp"

namespace berth::cli {

/// Writes a file whole or not at all, with mode 0600: beside it, synced, then renamed over it. The
/// fault names the file and what the system says.
[[nodiscard]] result<void> write_private(const std::string& path, std::string_view text);

} // namespace berth::cli
