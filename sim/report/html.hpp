#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/report/chart.hpp"
#include "sim/report/frontier.hpp"
#include "sim/report/timeline.hpp"
#include "sim/study/result.hpp"

namespace berth::sim {

// The parts of the page of report_html.hpp. Text that comes in is escaped here; what comes out is
// well-formed XML as well as HTML.

struct table_cell {
  std::string text;
  bool strong = false;
};

struct html_table {
  std::string caption;
  std::vector<std::string> header;
  std::vector<std::vector<table_cell>> rows; ///< as many cells as the header; the first names it
};
[[nodiscard]] std::string to_html(const html_table& table);

/// What a colour stands for.
struct legend_entry {
  std::string css;
  std::string text;
};

/// A chart with its title, its legend and the same as a table.
struct html_figure {
  std::string title;
  std::string svg;
  std::vector<legend_entry> legend;
  html_table table;
  std::size_t variant = chart_style::everybody; ///< with which it is hidden
};
[[nodiscard]] std::string to_html(const html_figure& figure);

/// `inner` is HTML. `intro` is text.
[[nodiscard]] std::string html_section(std::string_view id, std::string_view title,
                                       std::string_view intro, std::string_view inner);
/// Around figures: as many side by side as there is room for.
[[nodiscard]] std::string html_grid(std::string_view inner);

/// The class of a variant's lines, by its number; of the n-th of several kinds.
[[nodiscard]] std::string variant_css(std::size_t number);
[[nodiscard]] std::string kind_css(std::size_t number);
/// Of all variants; nothing to tell apart if there is one.
[[nodiscard]] std::vector<legend_entry> variant_legend(const study_result& all);

/// What the sections over time share.
struct time_view {
  const study_result& all;
  time_grid grid;
  double span = 0; ///< seconds
};

// The sections, in the order of the page.
[[nodiscard]] std::string allocation_section(const time_view& view);
[[nodiscard]] std::string queue_section(const time_view& view);
[[nodiscard]] std::string refusal_section(const time_view& view);
[[nodiscard]] std::string capacity_section(const time_view& view);
[[nodiscard]] std::string hosts_section(const study_result& all);
[[nodiscard]] std::string waits_section(const study_result& all);
[[nodiscard]] std::string sizes_section(const study_result& all);
[[nodiscard]] std::string frontier_section(const frontier& points);

/// A line for each variant, with the range of its runs. No figure if no variant has the value.
[[nodiscard]] std::string lines_figure(const time_view& view, const std::string& title, axis y,
                                       const std::vector<band>& by_variant);

} // namespace berth::sim
