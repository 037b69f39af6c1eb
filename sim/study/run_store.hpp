#pragma once

#include <cstdint>
#include <fstream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/failure.hpp"
#include "sim/study/runner.hpp"

namespace berth::sim {

/// A number for what is played: equal studies under one version give equal ones, on every machine.
/// Over the scenario of every variant and its trace, or the first arrivals of its first seed.
[[nodiscard]] model::result<std::uint64_t> fingerprint_of(const std::vector<variant_plan>& plans,
                                                          std::string_view version);

/// Complete runs in a file, so that a long study goes on where it was stopped. The file is a header
/// with the fingerprint, then one record per run with its checksums, appended as the run ends. A
/// record that is torn at the end is left out and overwritten. Ours alone: docs/sim.md says when it
/// can be read.
class run_store final : public run_keeper {
public:
  /// Opens or makes the file. Fails with invalid_argument when it belongs to another study or
  /// another version, with store_corrupt when a record is damaged, with store_failed when it cannot
  /// be read or written.
  [[nodiscard]] static model::result<std::unique_ptr<run_store>> open(const std::string& path,
                                                                      std::uint64_t fingerprint);

  [[nodiscard]] const run_result* find(std::size_t variant, std::uint64_t seed) const override;
  [[nodiscard]] model::result<void> keep(std::size_t variant, std::uint64_t seed,
                                         const run_result& result) override;
  /// That were there when it was opened.
  [[nodiscard]] std::size_t found() const { return found_; }

private:
  using key = std::pair<std::uint64_t, std::uint64_t>;

  explicit run_store(std::string path) : path_(std::move(path)) {}
  [[nodiscard]] model::result<void> load(std::uint64_t fingerprint);
  [[nodiscard]] model::result<std::size_t> take_records(const std::string& bytes, std::size_t from);

  std::string path_;
  std::ofstream file_;
  std::map<key, run_result> runs_;
  std::size_t found_ = 0;
};

/// A run as bytes, and back; nullopt: these are no run's.
[[nodiscard]] std::string to_bytes(const run_result& result);
[[nodiscard]] std::optional<run_result> run_from_bytes(std::string_view bytes);

} // namespace berth::sim
