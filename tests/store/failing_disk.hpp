#pragma once

#include <string>

namespace berth::store_test {

/// Which of SQLite's calls on files fail. One plan for the process.
struct disk_plan {
  int calls_until_fault = -1; ///< counts writes and syncs; -1 = never
  int writes_fail_with = 0;   ///< SQLite's code, 0 = they do not
  int syncs_fail_with = 0;
  bool once = true; ///< the disk is well again after one fault
  int faults = 0;   ///< that happened
};
[[nodiscard]] disk_plan& plan_of_disk();

/// A file layer for SQLite over the default one that follows plan_of_disk(). Registers it on the
/// first call and returns its name.
[[nodiscard]] std::string failing_disk();

} // namespace berth::store_test
