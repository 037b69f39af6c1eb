#pragma once

#include <string>
#include <string_view>

namespace berth::cli {

/// A completion script for `bash`, `zsh` or `fish`, for berthctl and climc, made from the table of
/// commands. Ids and names are asked from the controller while completing. Empty for another shell.
[[nodiscard]] std::string completion_script(std::string_view shell);

} // namespace berth::cli
