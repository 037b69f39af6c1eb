#pragma once

#include <iosfwd>
#include <span>
#include <string>

namespace berth::store {

/// The program berth-store: looks at a store, copies it, and repairs it, without a controller.
///
///   inspect STORE            what is in it, and whether it is sound
///   dump STORE [--from N]    its events as lines of JSON
///   copy STORE TO            a copy, also while a controller writes it
///   cut STORE --after N      ends the log after record N; the old store is kept
///
/// Returns the exit code: 0 done and sound; 1 damaged or refused (why is on `err`); 2 wrong usage.
/// `arguments` are without the program's name; `version` is the program's.
[[nodiscard]] int run_tool(std::span<const std::string> arguments, const std::string& version,
                           std::ostream& out, std::ostream& err);

} // namespace berth::store
