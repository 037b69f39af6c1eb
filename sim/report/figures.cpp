#include "sim/report/figures.hpp"

#include <algorithm>
#include <array>
#include <map>

#include <fmt/format.h>

#include "model/text.hpp"

namespace berth::sim {

namespace {

double total(const run_result& one, double model_figures::*figure) {
  double sum = 0;
  for (const auto& [name, model] : one.models)
    sum += model.*figure;
  return sum;
}

template <double model_figures::*Figure> double share_of_time(const run_result& one) {
  return percent(total(one, Figure), total(one, &model_figures::gpu_seconds));
}

template <std::uint64_t run_result::*Count> double count(const run_result& one) {
  return static_cast<double>(one.*Count);
}

template <int Percent> double wait_quantile(const run_result& one) {
  return in_seconds(one.waits.quantile(Percent / 100.0));
}

constexpr auto servers = figure_unit::servers;
constexpr auto seconds = figure_unit::seconds;

constexpr std::array figures{
    run_figure{"arrived", "servers arrived", servers, count<&run_result::arrived>},
    run_figure{"placed", "servers placed", servers, count<&run_result::placed>},
    run_figure{"refused", "servers refused", servers, count<&run_result::refused>},
    run_figure{"gave_up", "gave up waiting", servers, count<&run_result::gave_up>},
    run_figure{"waiting", "waiting in the end", servers, count<&run_result::waiting>},
    run_figure{"longest_queue", "longest queue", servers, count<&run_result::longest_queue>},
    run_figure{"standing", "there from the start", servers, count<&run_result::standing>},
    run_figure{"ended", "servers ended", servers, count<&run_result::ended>},
    run_figure{"failed", "servers failed", servers, count<&run_result::failed>},
    run_figure{"evicted", "servers evicted", servers, count<&run_result::evicted>},
    run_figure{"living", "alive in the end", servers, count<&run_result::living>},
    run_figure{"gpus_refused_percent", "GPUs refused", figure_unit::percent,
               [](const run_result& one) { return percent(one.gpus_refused, one.gpus_asked); }},
    run_figure{"gpus_held_percent", "GPUs allocated", figure_unit::percent,
               share_of_time<&model_figures::held_seconds>},
    run_figure{"gpus_cleaned_percent", "GPUs in turnover", figure_unit::percent,
               share_of_time<&model_figures::cleaned_seconds>},
    run_figure{"gpus_broken_percent", "GPUs broken", figure_unit::percent,
               share_of_time<&model_figures::broken_seconds>},
    run_figure{"wait_mean_s", "wait, mean", seconds,
               [](const run_result& one) { return in_seconds(one.waits.mean()); }},
    run_figure{"wait_p50_s", "wait, p50", seconds, wait_quantile<50>},
    run_figure{"wait_p95_s", "wait, p95", seconds, wait_quantile<95>},
    run_figure{"wait_p99_s", "wait, p99", seconds, wait_quantile<99>},
    run_figure{"wait_max_s", "wait, longest", seconds,
               [](const run_result& one) { return in_seconds(one.waits.max()); }},
};

} // namespace

std::span<const run_figure> run_figures() {
  return figures;
}

const run_figure& figure_named(std::string_view key) {
  return *std::ranges::find(figures, key, &run_figure::key);
}

std::string run_name(const variant& of, std::uint64_t seed) {
  return fmt::format("{}/{}", of.name, seed);
}

estimate mean_over(const variant& of, double confidence, const run_value& value) {
  std::vector<double> values;
  for (const auto& one : of.runs)
    values.push_back(value(one.result));
  return mean_of(values, confidence);
}

estimate difference_over(const variant& these, const variant& those, double confidence,
                         const run_value& value) {
  std::map<std::uint64_t, double> by_seed;
  for (const auto& one : those.runs)
    by_seed[one.seed] = value(one.result);
  std::vector<double> mine;
  std::vector<double> theirs;
  for (const auto& one : these.runs)
    if (const auto found = by_seed.find(one.seed); found != by_seed.end()) {
      mine.push_back(value(one.result));
      theirs.push_back(found->second);
    }
  return paired_difference(mine, theirs, confidence);
}

std::set<std::uint16_t> sizes_of(const study_result& all) {
  std::set<std::uint16_t> sizes;
  for (const auto& variant : all.variants)
    for (const auto& one : variant.runs)
      for (const auto& [gpus, figures_of_size] : one.result.sizes)
        sizes.insert(gpus);
  return sizes;
}

std::set<std::string> rules_of(const variant& one) {
  std::set<std::string> rules;
  for (const auto& run : one.runs)
    for (const auto& [rule, times] : run.result.refused_by)
      rules.insert(rule);
  return rules;
}

std::set<std::string> rules_of(const study_result& all) {
  std::set<std::string> rules;
  for (const auto& variant : all.variants)
    rules.merge(rules_of(variant));
  return rules;
}

size_figures size_of(const run_result& one, std::uint16_t gpus) {
  const auto found = one.sizes.find(gpus);
  return found == one.sizes.end() ? size_figures{} : found->second;
}

std::uint64_t refused_by(const run_result& one, const std::string& rule) {
  const auto found = one.refused_by.find(rule);
  return found == one.refused_by.end() ? 0 : found->second;
}

bool has_cut_run(const study_result& all) {
  return std::ranges::any_of(all.variants, [](const variant& of) {
    return std::ranges::any_of(of.runs, [](const played& one) { return one.result.cut; });
  });
}

double percent(double part, double whole) {
  return whole > 0 ? 100 * part / whole : 0;
}

double in_seconds(model::duration time) {
  return std::chrono::duration<double>(time).count();
}

model_state state_of(const run_result& run, const moment& at, std::size_t model) {
  model_state state{at.models[model], std::nullopt, std::nullopt};
  const auto& name = std::next(run.models.begin(), static_cast<std::ptrdiff_t>(model))->first;
  const auto follows = [&name](const capacity_shape& shape) { // a part of the name will do
    return model::contains_ignoring_case(name, shape.model);
  };
  if (std::ranges::none_of(run.shapes, follows))
    return state;
  state.fragmentation = state.counts.fragmentation;
  state.stranded = state.counts.stranded;
  return state;
}

std::string to_text(const capacity_shape& shape) {
  return fmt::format("{} x {}", shape.gpus, shape.model);
}

} // namespace berth::sim
