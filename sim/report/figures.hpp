#pragma once

#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/study/result.hpp"
#include "sim/study/statistics.hpp"

namespace berth::sim {

// What all outputs show of a result, computed in one place.

/// How a figure is to be read.
enum class figure_unit : std::uint8_t { servers, percent, seconds };

/// One number of a run.
struct run_figure {
  std::string_view key;   ///< in files
  std::string_view title; ///< for people
  figure_unit unit;
  double (*of)(const run_result&);
};

/// In the order in which they are shown.
[[nodiscard]] std::span<const run_figure> run_figures();
/// One of run_figures(); the key must be among them.
[[nodiscard]] const run_figure& figure_named(std::string_view key);

/// `run` labels and the like: the variant's name and the seed.
[[nodiscard]] std::string run_name(const variant& of, std::uint64_t seed);

using run_value = std::function<double(const run_result&)>;

/// Over the runs of a variant.
[[nodiscard]] estimate mean_over(const variant& of, double confidence, const run_value& value);
/// How much more it is under `these` than under `those`, over the seeds that both have played.
[[nodiscard]] estimate difference_over(const variant& these, const variant& those,
                                       double confidence, const run_value& value);

/// Of any run of any variant, ascending: a seed may draw one that another does not.
[[nodiscard]] std::set<std::uint16_t> sizes_of(const study_result& all);
[[nodiscard]] std::set<std::string> rules_of(const study_result& all);
[[nodiscard]] std::set<std::string> rules_of(const variant& one);
/// Zeros if the run had none of that size.
[[nodiscard]] size_figures size_of(const run_result& one, std::uint16_t gpus);
[[nodiscard]] std::uint64_t refused_by(const run_result& one, const std::string& rule);
/// Whether a run is among them that was ended before its horizon.
[[nodiscard]] bool has_cut_run(const study_result& all);
/// 0 if `whole` is.
[[nodiscard]] double percent(double part, double whole);
[[nodiscard]] double in_seconds(model::duration time);

/// What a moment says of one model, the `model`-th of run_result::models.
struct model_state {
  model_moment counts;
  /// Mean, over the shapes whose model is a part of its name, of the share of its free GPUs that
  /// servers of that shape cannot use; 0 without free GPUs. nullopt: no shape of the model is
  /// followed.
  std::optional<double> fragmentation;
  /// Free GPUs that not even servers of its smallest shape can use.
  std::optional<std::int64_t> stranded;
};
[[nodiscard]] model_state state_of(const run_result& run, const moment& at, std::size_t model);

/// `4 x H100`.
[[nodiscard]] std::string to_text(const capacity_shape& shape);

} // namespace berth::sim
