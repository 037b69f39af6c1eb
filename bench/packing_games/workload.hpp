#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "model/failure.hpp"
#include "model/random.hpp"
#include "sim/demand/readers.hpp"

namespace berth::packing {

/// A host of a game. CPUs are in whatever unit the trace has: only sums and comparisons matter.
struct machine {
  int gpus = 0;
  std::int64_t cpus = 0;
  std::int64_t memory_mib = 0;
  std::string model; ///< of its GPUs

  friend auto operator<=>(const machine&, const machine&) = default;
};

/// What one server asks for: all GPUs on one host.
struct demand {
  int gpus = 0;
  std::int64_t cpus = 0;
  std::int64_t memory_mib = 0;
  std::vector<std::string> models; ///< any of these; empty = any at all

  friend auto operator<=>(const demand&, const demand&) = default;
};

/// True if the demand fits into the machine when it is empty.
[[nodiscard]] bool fits_empty(const machine& host, const demand& wanted);

/// A demand with its time, in seconds.
struct stay {
  double arrives = 0;
  double leaves = 0;
  demand wants;
};

/// Alibaba's tables of 2023: nodes with GPUs; pods that want whole GPUs (num_gpu >= 1 and gpu_milli
/// == 1000).
[[nodiscard]] model::result<std::vector<machine>> read_nodes(const std::filesystem::path& csv);
[[nodiscard]] model::result<std::vector<demand>>
read_whole_gpu_pods(const std::filesystem::path& csv);
/// All of its pods: a fraction of a GPU counts as one, and some want none.
[[nodiscard]] model::result<std::vector<demand>>
read_rounded_pods(const std::filesystem::path& csv);

/// Jobs of 1..`gpus_max` GPUs in the order they arrive. What leaves when it arrives stays one
/// second.
[[nodiscard]] model::result<std::vector<stay>>
read_stays(sim::trace_format format, const std::filesystem::path& csv, int gpus_max);

/// What others report: allocated GPUs in percent of all.
struct reported {
  double mean = 0;
  double deviation = 0; ///< of the seeds
};
/// By workload, policy and GPUs asked for so far in percent of all.
using published = std::map<std::string, std::map<std::string, std::map<int, reported>>>;
/// The results of FGD's authors: workload, policy (as `06-FGD`), arrived_percent,
/// allocated_percent_mean, allocated_percent_sd.
[[nodiscard]] model::result<published> read_published(const std::filesystem::path& csv);

/// The arrivals of FGD's experiments: pods, drawn again with replacement until they want 130 % of
/// the GPUs there are, shuffled.
[[nodiscard]] std::vector<demand> arrivals_of(const std::vector<demand>& pods, std::int64_t gpus,
                                              model::random& dice);

/// A steady stream onto hosts of eight GPUs: 40/20/20/20 % ask for 1/2/4/8, Poisson arrivals,
/// exponential lifetimes of mean 1, so many that their mean wants `load` of all GPUs.
[[nodiscard]] std::vector<stay> steady_stream(int hosts, double load, std::size_t count,
                                              model::random& dice);

[[nodiscard]] std::int64_t gpus_of(const std::vector<machine>& hosts);

} // namespace berth::packing
