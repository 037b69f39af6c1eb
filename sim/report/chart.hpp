#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::sim {

/// A mark of an axis and what stands there.
struct tick {
  double at = 0;
  std::string text;
};

/// What one direction of a chart stands for. A logarithmic axis has logarithms as its values.
struct axis {
  double least = 0;
  double most = 1;
  std::vector<tick> ticks;
  std::string title; ///< the unit
};

/// From 0 to a round number that is no less than `most`. `whole`: of things that do not come in
/// parts.
[[nodiscard]] axis amount_axis(double most, std::string title, bool whole = true);
[[nodiscard]] axis percent_axis();
/// Seconds since the start, marked in the unit that suits `most`.
[[nodiscard]] axis time_axis(double most);
/// Decimal logarithms of seconds, from `least` to `most` seconds; 0 < least < most.
[[nodiscard]] axis log_time_axis(double least, double most);

struct point {
  double x = 0;
  double y = 0;
};

/// How something of a chart is told apart: by a class of the style sheet, by the name that is shown
/// when a pointer is over it, by the variant with which it is hidden.
struct chart_style {
  std::string css;
  std::string name;                ///< empty: not shown
  std::size_t variant = everybody; ///< everybody: always there
  static constexpr std::size_t everybody = SIZE_MAX;
};

/// A picture as inline SVG, drawn in the units of its axes. What is drawn later is on top.
class chart {
public:
  static constexpr int narrow = 560; ///< pixels at which its text has its natural size
  static constexpr int wide = 1140;

  /// `label` says what it shows, to who does not see it. `margin`: what the marks of y need.
  chart(std::string label, axis x, axis y, int width = narrow, int height = 250, int margin = 54);

  void line(std::span<const point> points, const chart_style& style);
  /// Down to zero.
  void area(std::span<const point> points, const chart_style& style);
  /// What lies between two lines of the same x.
  void between(std::span<const point> lower, std::span<const point> upper,
               const chart_style& style);
  /// A dot with its text beside it. `error`: half the length of a bar up and down; 0: none.
  void dot(point where, double error, std::string_view text, const chart_style& style);
  /// A bar from `from` to `to` up to `y`.
  void bar(double from, double to, double y, const chart_style& style);
  /// Fills the plot, from its upper left corner; `url` of an image.
  void image(std::string_view url);

  [[nodiscard]] std::string svg() const;

private:
  [[nodiscard]] double x_of(double value) const;
  [[nodiscard]] double y_of(double value) const;
  [[nodiscard]] std::string axes() const;

  std::string label_;
  axis x_;
  axis y_;
  int width_;
  int height_;
  int margin_;
  std::string drawn_;  ///< in the units of the axes
  std::string on_top_; ///< in pixels
  std::string image_;
};

} // namespace berth::sim
