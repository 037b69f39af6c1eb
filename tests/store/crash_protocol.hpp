#pragma once

#include <string>

#include "tests/store/store_helpers.hpp"

namespace berth::store_test {

// What crash_test and the process that it kills agree on.

inline constexpr std::uint64_t crash_batch_max = 20;

/// Few pages between checkpoints, so that deaths fall into those too.
[[nodiscard]] inline auto open_crash_store(const std::string& path) {
  store::sqlite_options options;
  options.path = path;
  options.version = "1.2.3";
  options.checkpoint_pages = 40;
  options.keep_events = 100;
  return store::sqlite_store::open(options);
}

/// The content of every chunk of a snapshot at `at`.
[[nodiscard]] inline store::snapshot_chunk crash_chunk(model::sequence_number at) {
  return std::string(20'000, static_cast<char>('a' + at % 26)) + std::to_string(at);
}

} // namespace berth::store_test
