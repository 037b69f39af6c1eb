// The heat map of the hosts.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "sim/report/figures.hpp"
#include "sim/report/html.hpp"
#include "sim/report/png.hpp"
#include "sim/report/text.hpp"

namespace berth::sim {

namespace {

constexpr std::size_t shades = 32; ///< from nothing held to everything; one more: nothing there

/// From pale to dark blue: told apart by lightness alone.
std::array<colour, shades + 1> palette() {
  constexpr std::array<std::array<int, 3>, 3> stops{
      {{232, 240, 247}, {84, 157, 207}, {8, 48, 107}}};
  std::array<colour, shades + 1> made{};
  for (std::size_t i = 0; i < shades; ++i) {
    const auto upper = 2 * i >= shades ? 1U : 0U;
    const auto part = static_cast<int>(2 * i - upper * (shades - 1));
    constexpr auto whole = static_cast<int>(shades - 1);
    const auto mixed = [&](std::size_t channel) {
      const auto from = stops[upper][channel];
      return static_cast<std::uint8_t>(from + (stops[upper + 1][channel] - from) * part / whole);
    };
    made[i] = {mixed(0), mixed(1), mixed(2)};
  }
  return made;
}

/// A column for each moment, a row for each row of hosts.
std::vector<std::uint8_t> pixels_of(const run_result& run) {
  std::vector<std::uint8_t> pixels;
  for (std::size_t row = 0; row < run.rows.size(); ++row)
    for (const auto& at : run.series) {
      const auto held = row < at.rows.size() ? at.rows[row] : nothing_there;
      pixels.push_back(
          held == nothing_there
              ? static_cast<std::uint8_t>(shades)
              : static_cast<std::uint8_t>(std::min<std::size_t>(held, 1000) * (shades - 1) / 1000));
    }
  return pixels;
}

std::string shortened(const std::string& name) {
  constexpr std::size_t most = 20;
  const auto clean = clean_utf8(name);
  std::size_t characters = 0;
  for (std::size_t i = 0; i < clean.size(); ++i)
    if ((static_cast<unsigned char>(clean[i]) & 0xc0U) != 0x80U && ++characters > most)
      return clean.substr(0, i) + "…";
  return clean;
}

axis rows_axis(const std::vector<host_row>& rows) {
  constexpr std::size_t marks_most = 12;
  axis made{0, static_cast<double>(rows.size()), {}, "hosts"};
  const auto step = (rows.size() + marks_most - 1) / marks_most;
  for (std::size_t i = 0; i < rows.size(); i += step)
    made.ticks.push_back({static_cast<double>(rows.size() - i) - 0.5, shortened(rows[i].first)});
  return made;
}

html_table table_of(const run_result& run) {
  html_table table{{}, {"hosts", "GPUs allocated, mean of the moments"}, {}};
  for (std::size_t row = 0; row < run.rows.size(); ++row) {
    double sum = 0;
    int times = 0;
    for (const auto& at : run.series)
      if (row < at.rows.size() && at.rows[row] != nothing_there) {
        sum += at.rows[row];
        ++times;
      }
    const auto& [first, last] = run.rows[row];
    table.rows.push_back({{first == last ? first : first + " to " + last},
                          {times > 0 ? to_text(sum / times / 10, 1) + " %" : "–"}});
  }
  return table;
}

std::string heat_map(const study_result& all, std::size_t number) {
  const auto& variant = all.variants[number];
  const auto& [seed, run] = variant.runs.front();
  const auto colours = palette();
  const auto png =
      indexed_png(static_cast<std::uint32_t>(run.series.size()), pixels_of(run), colours);
  const auto title = all.variants.size() > 1 ? fmt::format("{}, seed {}", variant.name, seed)
                                             : fmt::format("Seed {}", seed);
  constexpr int around = 64; // the marks and units above and below
  const auto rows = static_cast<int>(run.rows.size());
  chart picture{"GPUs allocated by hosts: " + title,
                time_axis(in_seconds(run.span)),
                rows_axis(run.rows),
                chart::wide,
                around + std::clamp(rows * 12, 60, 400),
                150};
  picture.image("data:image/png;base64," + base64(png));
  return to_html(
      html_figure{title,
                  picture.svg(),
                  {{"h0", "none of the GPUs allocated"}, {"h1", "half of them"}, {"h2", "all"}},
                  table_of(run),
                  number});
}

} // namespace

std::string hosts_section(const study_result& all) {
  std::string figures;
  for (std::size_t i = 0; i < all.variants.size(); ++i)
    if (const auto& runs = all.variants[i].runs;
        !runs.empty() && !runs.front().result.series.empty() && !runs.front().result.rows.empty())
      figures += heat_map(all, i);
  if (figures.empty())
    return {};
  return html_section("hosts", "Where the servers were",
                      "The share of allocated GPUs of each host, or of neighbours together, over "
                      "the first seed of each variant. The darker, the fuller; left out: "
                      "not there yet.",
                      figures);
}

} // namespace berth::sim
