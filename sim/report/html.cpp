#include "sim/report/html.hpp"

#include <fmt/format.h>

#include "sim/report/text.hpp"

namespace berth::sim {

namespace {

constexpr std::size_t colours = 8; ///< of the style sheet

std::string legend_html(const std::vector<legend_entry>& entries) {
  if (entries.empty())
    return {};
  std::string text = "<ul class=\"legend\">";
  for (const auto& one : entries)
    text += fmt::format("<li><svg class=\"key\" viewBox=\"0 0 22 12\" aria-hidden=\"true\">"
                        "<path class=\"k {}\" d=\"M0 6H22\"/></svg>{}</li>",
                        one.css, escape_html(one.text));
  return text + "</ul>";
}

} // namespace

std::string to_html(const html_table& table) {
  std::string text = "<div class=\"scroll\"><table>";
  if (!table.caption.empty())
    text += fmt::format("<caption>{}</caption>", escape_html(table.caption));
  text += "<thead><tr>";
  for (const auto& title : table.header)
    text += fmt::format("<th scope=\"col\">{}</th>", escape_html(title));
  text += "</tr></thead><tbody>";
  for (const auto& row : table.rows) {
    text += "<tr>";
    const char* tag = "th scope=\"row\"";
    for (const auto& cell : row) {
      const auto inner = escape_html(cell.text);
      text += fmt::format("<{}>{}{}{}</{:.2}>", tag, cell.strong ? "<strong>" : "", inner,
                          cell.strong ? "</strong>" : "", tag);
      tag = "td";
    }
    text += "</tr>";
  }
  return text + "</tbody></table></div>\n";
}

std::string to_html(const html_figure& figure) {
  std::string text = "<figure";
  if (figure.variant != chart_style::everybody)
    text += fmt::format(" data-v=\"{}\"", figure.variant);
  text += fmt::format("><figcaption>{}</figcaption><div class=\"scroll\">{}</div>{}",
                      escape_html(figure.title), figure.svg, legend_html(figure.legend));
  if (!figure.table.rows.empty())
    text += "<details><summary>As a table</summary>" + to_html(figure.table) + "</details>";
  return text + "</figure>\n";
}

std::string html_section(std::string_view id, std::string_view title, std::string_view intro,
                         std::string_view inner) {
  return fmt::format("<section id=\"{0}\" aria-labelledby=\"{0}-title\"><h2 id=\"{0}-title\">{1}"
                     "</h2>\n<p>{2}</p>\n{3}</section>\n",
                     id, escape_html(title), escape_html(intro), inner);
}

std::string html_grid(std::string_view inner) {
  return fmt::format("<div class=\"grid\">{}</div>\n", inner);
}

std::string variant_css(std::size_t number) {
  return fmt::format("c{}", number % colours);
}

std::string kind_css(std::size_t number) {
  return fmt::format("r{}", number % colours);
}

std::vector<legend_entry> variant_legend(const study_result& all) {
  std::vector<legend_entry> entries;
  for (std::size_t i = 0; i < all.variants.size() && all.variants.size() > 1; ++i)
    entries.push_back({variant_css(i), all.variants[i].name});
  return entries;
}

} // namespace berth::sim
