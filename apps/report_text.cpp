#include "apps/report_text.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "cli/table.hpp"
#include "sim/report/figures.hpp"
#include "sim/report/text.hpp"

namespace berth::apps {

namespace {

using sim::figure_unit;

std::string cell(const sim::variant& of, const sim::study_result& all, figure_unit unit,
                 const sim::run_value& value) {
  return sim::to_text(sim::mean_over(of, all.confidence, value), unit, sim::digits::plain);
}

/// A row for each variant.
cli::table figures_table(const sim::study_result& all, std::vector<std::string_view> keys) {
  cli::table table{{"variant"}, {}};
  for (const auto key : keys)
    table.header.emplace_back(sim::figure_named(key).title);
  for (const auto& variant : all.variants) {
    auto& row = table.rows.emplace_back();
    row.push_back(variant.name);
    for (const auto key : keys) {
      const auto& figure = sim::figure_named(key);
      row.push_back(cell(variant, all, figure.unit, figure.of));
    }
  }
  return table;
}

std::vector<std::string> titled(const sim::study_result& all, std::vector<std::string> first,
                                const std::vector<std::string>& each) {
  for (const auto& variant : all.variants)
    for (const auto& title : each)
      first.push_back(title + ", " + cli::printable(variant.name));
  return first;
}

cli::table by_size(const sim::study_result& all, bool waited) {
  std::vector<std::string> each{"not placed"};
  if (waited)
    each.emplace_back("wait p95");
  cli::table table{titled(all, {"GPUs of the server", "arrived"}, each), {}};
  for (const auto gpus : sim::sizes_of(all)) {
    const auto of_size = [gpus](auto value) {
      return [gpus, value](const sim::run_result& one) { return value(sim::size_of(one, gpus)); };
    };
    auto& row = table.rows.emplace_back();
    row.push_back(std::to_string(gpus));
    row.push_back(
        cell(all.variants.front(), all, figure_unit::servers,
             of_size([](const auto& size) { return static_cast<double>(size.arrived); })));
    for (const auto& variant : all.variants) {
      row.push_back(cell(variant, all, figure_unit::servers, of_size([](const auto& size) {
                           return static_cast<double>(size.arrived - size.placed);
                         })));
      if (waited)
        row.push_back(cell(variant, all, figure_unit::seconds, of_size([](const auto& size) {
                             return sim::in_seconds(size.waits.quantile(0.95));
                           })));
    }
  }
  return table;
}

cli::table by_rule(const sim::study_result& all) {
  cli::table table{titled(all, {"refused by rule"}, {"servers"}), {}};
  for (const auto& rule : sim::rules_of(all)) {
    auto& row = table.rows.emplace_back();
    row.push_back(rule);
    for (const auto& variant : all.variants)
      row.push_back(cell(variant, all, figure_unit::servers, [&rule](const sim::run_result& one) {
        return static_cast<double>(sim::refused_by(one, rule));
      }));
  }
  return table;
}

std::string head(const sim::study_result& all) {
  const auto& first = all.variants.front();
  auto text = cli::printable(all.scenario) + ": ";
  if (first.runs.empty())
    return text + "nothing was played\n";
  text += cell(first, all, figure_unit::servers, sim::figure_named("arrived").of);
  text += " servers in " + sim::time_text(sim::in_seconds(first.runs.front().result.span));
  for (const auto& [name, model] : first.runs.front().result.models)
    text += fmt::format(", {} {}", model.gpus, cli::printable(name));
  text += "\n";
  if (all.partial)
    text += fmt::format("PARTIAL: ended after {} of the {} seeds wanted{}\n", first.runs.size(),
                        all.seeds_wanted, sim::has_cut_run(all) ? ", a run in its middle" : "");
  if (first.runs.size() > 1)
    text += fmt::format("means of {} seeds ± half the width of the {:g} % interval\n",
                        first.runs.size(), 100 * all.confidence);
  return text;
}

} // namespace

std::string report_text(const sim::study_result& all) {
  auto text = head(all);
  const auto any = [&](const char* key) {
    return std::ranges::any_of(all.variants, [&](const auto& variant) {
      return std::ranges::any_of(
          variant.runs, [&](const auto& one) { return sim::figure_named(key).of(one.result) > 0; });
    });
  };
  if (all.variants.front().runs.empty())
    return text;
  text += cli::to_text(
      figures_table(all, {"placed", "refused", "gpus_refused_percent", "gpus_held_percent",
                          "gpus_cleaned_percent", "gpus_broken_percent", "failed", "evicted"}));
  const bool waited = any("wait_max_s") || any("longest_queue");
  if (waited)
    text += cli::to_text(figures_table(
        all, {"wait_p50_s", "wait_p95_s", "wait_p99_s", "longest_queue", "gave_up", "waiting"}));
  text += cli::to_text(by_size(all, waited));
  return any("refused") ? text + cli::to_text(by_rule(all)) : text;
}

} // namespace berth::apps
