// The sections about waiting times, sizes and purchases.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "sim/report/figures.hpp"
#include "sim/report/html.hpp"
#include "sim/report/text.hpp"

namespace berth::sim {

namespace {

constexpr double shortest_s = 1; ///< what a chart of waiting times starts with

/// Of all runs together.
distribution waits_of(const variant& of) {
  distribution all;
  for (const auto& one : of.runs)
    all.add(one.result.waits);
  return all;
}

double share(std::uint64_t part, const distribution& of) {
  return percent(static_cast<double>(part), static_cast<double>(of.count()));
}

/// The share of those that waited no longer, at every time that is among them.
std::vector<point> cumulative(const distribution& waits, double longest) {
  std::vector<point> points;
  std::uint64_t sofar = 0;
  constexpr double apart = 0.01; // in decades: more is not seen
  for (const auto& bucket : waits.buckets()) {
    sofar += bucket.count;
    const auto at = std::log10(std::max(in_seconds(bucket.up_to), shortest_s));
    const point next{at, share(sofar, waits)};
    if (points.empty() && at > std::log10(shortest_s))
      points.push_back({std::log10(shortest_s), 0});
    else if (!points.empty() && at - points.back().x < apart) {
      points.back().y = next.y;
      continue;
    }
    points.push_back(next);
  }
  points.push_back({std::log10(longest), 100});
  return points;
}

html_table shares_table(const study_result& all, const std::vector<distribution>& waits) {
  constexpr std::array bounds{1.0, 60.0, 600.0, 3600.0, 21'600.0, 86'400.0, 604'800.0};
  html_table table{{}, {"waited at most"}, {}};
  for (const auto& variant : all.variants)
    table.header.push_back(variant.name);
  for (const auto bound : bounds) {
    auto& row = table.rows.emplace_back();
    row.push_back({time_text(bound)});
    for (const auto& one : waits) {
      std::uint64_t sofar = 0;
      for (const auto& bucket : one.buckets())
        sofar += in_seconds(bucket.up_to) <= bound ? bucket.count : 0;
      row.push_back({to_text(share(sofar, one), 2) + " %"});
    }
  }
  return table;
}

std::string cumulative_figure(const study_result& all, const std::vector<distribution>& waits,
                              double longest) {
  const std::string title = "Share of the placed servers that waited no longer";
  chart picture{title, log_time_axis(shortest_s, longest), percent_axis()};
  for (std::size_t i = 0; i < waits.size(); ++i)
    if (waits[i].count() > 0)
      picture.line(cumulative(waits[i], longest), {variant_css(i), all.variants[i].name, i});
  return to_html(html_figure{title, picture.svg(), variant_legend(all), shares_table(all, waits),
                             chart_style::everybody});
}

/// Servers per class of waiting time; four classes make a decade.
std::string histogram_figure(const study_result& all, const std::vector<distribution>& waits,
                             double longest) {
  constexpr double per_decade = 4;
  const auto classes = static_cast<std::size_t>(std::ceil(std::log10(longest) * per_decade));
  std::vector<std::vector<double>> shares;
  double most = 0;
  for (const auto& one : waits) {
    auto& of = shares.emplace_back(classes);
    for (const auto& bucket : one.buckets()) {
      const auto at = in_seconds(bucket.up_to);
      if (at <= shortest_s)
        continue;
      const auto which = static_cast<std::size_t>(std::log10(at) * per_decade);
      of[std::min(which, classes - 1)] += share(bucket.count, one);
    }
    most = std::max(most, *std::ranges::max_element(of));
  }
  const std::string title = "Share of the placed servers by how long they waited";
  chart picture{title, log_time_axis(shortest_s, longest), amount_axis(most, "%", false)};
  const auto width = 1 / per_decade / static_cast<double>(waits.size());
  for (std::size_t i = 0; i < shares.size(); ++i)
    for (std::size_t j = 0; j < classes; ++j) {
      const auto from = static_cast<double>(j) / per_decade + width * static_cast<double>(i);
      if (shares[i][j] > 0)
        picture.bar(
            from, from + width, shares[i][j],
            {variant_css(i),
             fmt::format("{}: {} %, from {} on", all.variants[i].name, to_text(shares[i][j], 2),
                         time_text(std::pow(10, static_cast<double>(j) / per_decade))),
             i});
    }
  return to_html(html_figure{title + ", but for those placed at once",
                             picture.svg(),
                             variant_legend(all),
                             {},
                             chart_style::everybody});
}

html_table quantiles_table(const study_result& all) {
  constexpr std::array quantiles{0.5, 0.95, 0.99};
  html_table table{"Waiting time until so many had their place, means over the seeds",
                   {"GPUs of the server"},
                   {}};
  for (const auto& variant : all.variants)
    for (const auto* name : {"p50", "p95", "p99"})
      table.header.push_back(all.variants.size() > 1 ? fmt::format("{}, {}", name, variant.name)
                                                     : name);
  const auto add = [&](const std::string& name, const auto& waits_in) {
    auto& row = table.rows.emplace_back();
    row.push_back({name});
    for (const auto& variant : all.variants)
      for (const auto quantile : quantiles)
        row.push_back({to_text(mean_over(variant, all.confidence,
                                         [&](const run_result& one) {
                                           return in_seconds(waits_in(one).quantile(quantile));
                                         }),
                               figure_unit::seconds)});
  };
  for (const auto gpus : sizes_of(all))
    add(std::to_string(gpus), [gpus](const run_result& one) { return size_of(one, gpus).waits; });
  add("all", [](const run_result& one) { return one.waits; });
  return table;
}

} // namespace

std::string waits_section(const study_result& all) {
  std::vector<distribution> waits;
  double longest = 0;
  for (const auto& variant : all.variants) {
    waits.push_back(waits_of(variant));
    longest = std::max(longest, in_seconds(waits.back().max()));
  }
  if (longest == 0)
    return html_section("waits", "How long they waited",
                        "Every server that was placed had its place at once.", {});
  // To the end of its class, and at least a decade.
  longest = std::pow(10, std::max(1.0, std::ceil(std::log10(longest) * 4) / 4));
  return html_section(
      "waits", "How long they waited",
      "Of the servers that were placed, all seeds together. Those that had their "
      "place within a second stand at the left end.",
      html_grid(cumulative_figure(all, waits, longest) + histogram_figure(all, waits, longest)) +
          to_html(quantiles_table(all)));
}

std::string sizes_section(const study_result& all) {
  html_table table{{}, {"GPUs of the server"}, {}};
  const auto titled = [&](const char* what, const variant& of) {
    return all.variants.size() > 1 ? fmt::format("{}, {}", what, of.name) : what;
  };
  for (const auto& variant : all.variants)
    for (const auto* what : {"arrived", "placed", "not placed"})
      table.header.push_back(titled(what, variant));
  for (const auto gpus : sizes_of(all)) {
    auto& row = table.rows.emplace_back();
    row.push_back({std::to_string(gpus)});
    for (const auto& variant : all.variants) {
      const auto cell = [&](figure_unit unit, auto value) {
        row.push_back(
            {to_text(mean_over(variant, all.confidence,
                               [&](const run_result& one) { return value(size_of(one, gpus)); }),
                     unit)});
      };
      cell(figure_unit::servers, [](const auto& of) { return static_cast<double>(of.arrived); });
      cell(figure_unit::servers, [](const auto& of) { return static_cast<double>(of.placed); });
      cell(figure_unit::percent, [](const auto& of) {
        return percent(static_cast<double>(of.arrived - of.placed),
                       static_cast<double>(of.arrived));
      });
    }
  }
  return html_section("sizes", "By size of the server",
                      "Servers by their number of GPUs, means over the seeds. Not placed: refused, "
                      "or waiting in the end.",
                      to_html(table));
}

std::string frontier_section(const frontier& points) {
  double most_cost = 0;
  double most_refused = 0;
  for (const auto& one : points) {
    most_cost = std::max(most_cost, one.cost);
    most_refused = std::max(most_refused,
                            one.refused_percent.mean + one.refused_percent.half_width.value_or(0));
  }
  const std::string title = "Cost against service";
  auto cost = amount_axis(most_cost, "cost", false);
  chart picture{title, cost, amount_axis(most_refused, "GPUs refused, %", false), chart::wide, 340};
  html_table table{
      {}, {"purchase", "cost", "GPUs refused", "wait, p95", "meets the goal", "chosen"}, {}};
  for (const auto& one : points) {
    picture.dot({one.cost, one.refused_percent.mean}, one.refused_percent.half_width.value_or(0),
                one.label,
                {one.chosen       ? "chosen"
                 : one.meets_goal ? "meets"
                                  : "fails",
                 {},
                 chart_style::everybody});
    table.rows.push_back({{one.label, one.chosen},
                          {to_text(one.cost, one.cost == std::floor(one.cost) ? 0 : 2)},
                          {to_text(one.refused_percent, figure_unit::percent)},
                          {one.wait_p95_s ? to_text(*one.wait_p95_s, figure_unit::seconds) : "–"},
                          {one.meets_goal ? "yes" : "no"},
                          {one.chosen ? "yes" : ""}});
  }
  const std::vector<legend_entry> legend{{"chosen", "chosen: the cheapest that meets the goal"},
                                         {"meets", "meets the goal"},
                                         {"fails", "does not"}};
  return html_section(
      "frontier", "What to buy",
      "Each purchase that was played: its cost, and the share of the GPUs asked "
      "for that is refused with it, with its interval.",
      to_html(html_figure{title, picture.svg(), legend, {}, chart_style::everybody}) +
          to_html(table));
}

} // namespace berth::sim
