#include "sim/report/report_html.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <ostream>

#include <fmt/format.h>

#include "sim/report/figures.hpp"
#include "sim/report/html.hpp"
#include "sim/report/page_parts.hpp"
#include "sim/report/png.hpp"
#include "sim/report/text.hpp"

namespace berth::sim {

namespace {

/// Nothing may be loaded, and nothing run but what is ours.
std::string policy() {
  return fmt::format("default-src 'none'; style-src {}; script-src {}; img-src data:; "
                     "base-uri 'none'; form-action 'none'",
                     sha256_source(page_style()), sha256_source(page_script()));
}

std::string head(const study_result& all) {
  return fmt::format(
      "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
      "<meta charset=\"utf-8\"/>\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
      "<meta name=\"color-scheme\" content=\"light dark\"/>\n"
      "<title>{}: simulation report</title>\n<style>{}</style>\n</head>\n",
      escape_html(policy()), escape_html(all.scenario), page_style());
}

std::size_t runs_of(const study_result& all) {
  std::size_t least = SIZE_MAX;
  for (const auto& variant : all.variants)
    least = std::min(least, variant.runs.size());
  return all.variants.empty() ? 0 : least;
}

double span_of(const study_result& all) {
  double span = 0;
  for (const auto& variant : all.variants)
    for (const auto& one : variant.runs)
      span = std::max(span, in_seconds(one.result.span));
  return span;
}

std::string seeds_text(const study_result& all) {
  const auto runs = runs_of(all);
  return fmt::format("{} seed{} of each variant", runs, runs == 1 ? "" : "s");
}

std::string opening(const study_result& all) {
  auto text =
      fmt::format("<header><p class=\"what\">berth-sim report</p><h1>{}</h1>\n<p>{} · {}",
                  escape_html(all.scenario), escape_html(time_text(span_of(all))), seeds_text(all));
  if (runs_of(all) > 1)
    text += fmt::format(" · ± half the width of the {} % interval",
                        to_text(100 * all.confidence,
                                all.confidence * 100 == std::floor(all.confidence * 100) ? 0 : 1));
  text += "</p>\n";
  if (all.partial)
    text += fmt::format("<p class=\"partial\" role=\"alert\"><strong>Partial.</strong> It was "
                        "ended early: {} of the {} seeds wanted were played. Every figure is of "
                        "these alone.{}</p>\n",
                        runs_of(all), all.seeds_wanted,
                        has_cut_run(all) ? " A run that was not over ends where it was." : "");
  return text + "</header>\n";
}

/// Shown by the script where there is something to choose.
std::string picker(const study_result& all) {
  if (all.variants.size() < 2)
    return {};
  std::string text = "<fieldset id=\"pick\" hidden=\"hidden\"><legend>Variants shown</legend>";
  for (std::size_t i = 0; i < all.variants.size(); ++i)
    text += fmt::format("<label class=\"{}\"><input type=\"checkbox\" checked=\"checked\" "
                        "value=\"{}\"/> {}</label>",
                        variant_css(i), i, escape_html(all.variants[i].name));
  return text + "</fieldset>\n";
}

/// Links to the sections that `page` has.
std::string contents(std::string_view page) {
  constexpr std::array<std::pair<const char*, const char*>, 9> sections{
      {{"summary", "Summary"},
       {"frontier", "What to buy"},
       {"allocation", "GPUs"},
       {"queue", "Queue"},
       {"waits", "Waits"},
       {"refusals", "Refusals"},
       {"capacity", "Capacity"},
       {"hosts", "Hosts"},
       {"sizes", "Sizes"}}};
  std::string text = "<nav aria-label=\"Sections\">";
  for (const auto& [id, title] : sections)
    if (page.find(fmt::format("<section id=\"{}\"", id)) != std::string_view::npos)
      text += fmt::format("<a href=\"#{}\">{}</a> ", id, title);
  return text + "</nav>\n";
}

/// The few figures that a reader looks for first.
std::string cards(const study_result& all) {
  std::string text = "<div class=\"cards\">";
  for (std::size_t i = 0; i < all.variants.size(); ++i) {
    const auto& variant = all.variants[i];
    text += fmt::format("<div class=\"card {}\" data-v=\"{}\"><h3>{}</h3><dl>", variant_css(i), i,
                        escape_html(variant.name));
    for (const auto* key : {"gpus_held_percent", "gpus_refused_percent", "wait_p95_s", "placed"}) {
      const auto& figure = figure_named(key);
      const auto mean = mean_over(variant, all.confidence, figure.of);
      text += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", figure.title,
                          escape_html(to_text(mean, figure.unit)));
    }
    text += "</dl></div>";
  }
  return text + "</div>\n";
}

html_table means_table(const study_result& all) {
  html_table table{
      all.variants.front().runs.size() > 1 ? "Means over the seeds" : "Figures", {"figure"}, {}};
  for (const auto& variant : all.variants)
    table.header.push_back(variant.name);
  for (const auto& figure : run_figures()) {
    auto& row = table.rows.emplace_back();
    row.push_back({std::string{figure.title}});
    for (const auto& variant : all.variants)
      row.push_back({to_text(mean_over(variant, all.confidence, figure.of), figure.unit)});
  }
  return table;
}

/// It is more than chance if the interval leaves 0 out.
bool is_sure(const estimate& difference) {
  return difference.half_width && std::abs(difference.mean) > *difference.half_width;
}

html_table differences_table(const study_result& all) {
  const auto& first = all.variants.front();
  html_table table{
      fmt::format("Differences to {}, seed by seed; bold: more than chance", first.name),
      {"figure"},
      {}};
  for (std::size_t i = 1; i < all.variants.size(); ++i)
    table.header.push_back(all.variants[i].name);
  for (const auto& figure : run_figures()) {
    auto& row = table.rows.emplace_back();
    row.push_back({std::string{figure.title}});
    for (std::size_t i = 1; i < all.variants.size(); ++i) {
      const auto more = difference_over(all.variants[i], first, all.confidence, figure.of);
      row.push_back({difference_text(more, figure.unit), is_sure(more)});
    }
  }
  return table;
}

std::string summary_section(const study_result& all) {
  auto inner = cards(all) + "<div class=\"side\">" + to_html(means_table(all));
  if (all.variants.size() > 1)
    inner += to_html(differences_table(all));
  inner += "</div>";
  const auto& runs = all.variants.front().runs;
  std::string fleet;
  if (!runs.empty())
    for (const auto& [name, model] : runs.front().result.models)
      fleet += fmt::format("{}{} GPUs of model {}", fleet.empty() ? "The fleet in the end: " : ", ",
                           to_text(static_cast<double>(model.gpus), 0), name);
  return html_section("summary", "Summary", fleet + (fleet.empty() ? "" : "."), inner);
}

} // namespace

void write_html(std::ostream& out, const study_result& all, const frontier& purchases) {
  auto sections = summary_section(all);
  if (!purchases.empty())
    sections += frontier_section(purchases);
  const time_view view{all, grid_of(all), span_of(all)};
  const bool over_time = view.grid.size() > 1;
  if (over_time)
    sections += allocation_section(view) + queue_section(view);
  sections += waits_section(all);
  if (over_time)
    sections += refusal_section(view) + capacity_section(view) + hosts_section(all);
  sections += sizes_section(all);
  out << head(all) << "<body>\n"
      << opening(all) << contents(sections) << picker(all) << "<main>\n"
      << sections << "</main>\n<div id=\"tip\" role=\"status\" hidden=\"hidden\"></div>\n<script>"
      << page_script() << "</script>\n</body>\n</html>\n";
}

} // namespace berth::sim
