#pragma once

#include "cli/command.hpp"

namespace berth::cli {

/// `server-create`
[[nodiscard]] command_spec server_create_command();
/// `scheduler-forecast`: the same wishes, nothing is created.
[[nodiscard]] command_spec forecast_command();

} // namespace berth::cli
