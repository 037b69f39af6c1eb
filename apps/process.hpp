#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "model/ids.hpp"
#include "model/random.hpp"
#include "model/time.hpp"

namespace berth::apps {

// What the long-running programs share: how they end, their signals, their log, their dice.

/// Exit codes; docs/operations: sysexits where one fits.
enum class exit_code : int {
  success = 0,
  usage = 2, ///< command line or configuration
  store_refused =
      3, ///< the store is damaged, too new, locked or unreadable: starting again does not help
  cannot_listen = 4, ///< address taken, bad TLS files
  died = 70,         ///< a part of the program died: start it again
  stop_overdue = 71, ///< asked to stop, and did not in time
};

/// Blocks SIGINT, SIGTERM, SIGHUP and SIGUSR1 in this thread and all that it will start, and
/// ignores SIGPIPE. Call first thing in main().
void block_signals();
enum class wake_reason : std::uint8_t { stop, reload, died };
/// Waits for a signal: SIGINT or SIGTERM to stop, SIGHUP to reload. A second stop signal while the
/// program stops ends it at once.
[[nodiscard]] wake_reason wait_for_signal();
/// Makes wait_for_signal() return `died`, from any thread.
void report_death();

/// Sends the log to standard error, one line per message, from `level` on.
void start_log(std::string_view program, std::string_view level);

/// Ends the process with `code` unless it has ended by itself after `patience`. Destructors of a
/// hung part are not waited for.
void end_at_the_latest(model::duration patience, exit_code code);

/// Generators and ids from the system's entropy.
[[nodiscard]] model::random system_dice();
[[nodiscard]] model::uuid fresh_uuid();
/// The wall clock.
[[nodiscard]] model::timestamp wall_clock();

} // namespace berth::apps
