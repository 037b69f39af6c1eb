#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "model/failure.hpp"
#include "sim/demand/arrival.hpp"
#include "sim/demand/csv_reader.hpp"

namespace berth::sim {

/// The tables that berth reads; docs/sim-formats.md describes each.
enum class trace_format : std::uint8_t {
  berth,           ///< our own: `arrive_s,lifetime_s,gpus[,...]`
  alibaba_pods,    ///< Alibaba 2023, openb_pod_list_*.csv
  philly_jobs,     ///< Microsoft's Philly: `timestamp,duration,num_gpus[,...]`
  packing_timeline ///< Azure's packing trace: `arrive_s,depart_s,gpus`
};

[[nodiscard]] std::string_view to_string(trace_format format);
/// `berth`, `alibaba-pods`, `philly-jobs`, `packing-timeline`.
[[nodiscard]] std::optional<trace_format> trace_format_from(std::string_view name);

/// What becomes of a job that wants more GPUs than `gpus_per_server_max`.
enum class large_jobs : std::uint8_t {
  keep,      ///< it stays whole: a fleet without such a host refuses it, and says so
  leave_out, ///< its row is left out, and counted
  split      ///< it becomes several servers of at most that many GPUs
};

struct read_options {
  bool strict = false; ///< the first row that cannot be used fails the whole
  table_limits table{};
  std::uint64_t arrivals_max = 100'000'000;
  server_defaults defaults{};
  std::uint16_t gpus_per_server_max = 8; ///< not 0; only looked at unless large jobs are kept
  large_jobs large = large_jobs::keep;
  /// Between the arrivals of a table that has no times (Alibaba's resampled lists): they come in
  /// the order of the file. Without it such a table is refused.
  std::optional<model::duration> untimed_gap{};
  /// What a GPU model of the trace is called in the inventory; empty: the same.
  std::function<std::string(std::string_view)> rename_model{};
};

/// Reads a whole trace. Rows that cannot be used are left out and reported, with their lines and
/// reasons (`strict`: they fail). Columns are found by name, in any order; a missing one fails with
/// the nearest that is there. Messages name file, line and column.
[[nodiscard]] model::result<demand> read_demand(trace_format format,
                                                std::unique_ptr<byte_source> from, std::string name,
                                                const read_options& options = {});

/// The same from a file, or from standard input if the path is `-`; gzip is recognised.
[[nodiscard]] model::result<demand> read_demand_file(trace_format format, const std::string& path,
                                                     const read_options& options = {});

} // namespace berth::sim
