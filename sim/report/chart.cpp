#include "sim/report/chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "sim/report/text.hpp"

namespace berth::sim {

namespace {

constexpr int above = 26; ///< of the plot, for the unit of y
constexpr int below = 38; ///< for the marks and the unit of x
constexpr int beside = 12;

/// 1, 2 or 5 times a power of ten: at most `most` steps make up `span`.
double round_step(double span, int most) {
  const auto rough = span / most;
  const auto power = std::pow(10, std::floor(std::log10(rough)));
  for (const auto factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough * (1 - 1e-9))
      return factor * power;
  return 10 * power;
}

/// A distance of the marks of a time axis, and the unit in which they are numbered.
struct time_step {
  double seconds;
  double unit;
  std::string_view name;
};

time_step time_step_for(double span) {
  constexpr int ticks_most = 8;
  constexpr double minute = 60;
  constexpr double hour = 3600;
  constexpr double day = 86'400;
  constexpr std::pair<time_step, std::array<double, 5>> units[] = {
      {{0, 1, "seconds"}, {1, 2, 5, 10, 20}},
      {{0, minute, "minutes"}, {1, 2, 5, 10, 20}},
      {{0, hour, "hours"}, {1, 2, 3, 6, 12}},
      {{0, day, "days"}, {1, 2, 5, 7, 14}},
      {{0, day, "days"}, {30, 60, 90, 180, 365}}};
  for (auto [found, steps] : units)
    for (const auto step : steps)
      if (found.seconds = step * found.unit; span / found.seconds <= ticks_most)
        return found;
  return {round_step(span / day, ticks_most) * day, day, "days"};
}

/// A point that lies on the line between its neighbours of the same height says nothing.
std::vector<point> thinned(std::span<const point> points) {
  std::vector<point> kept;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const bool between = i > 0 && i + 1 < points.size();
    if (!between || points[i].y != points[i - 1].y || points[i].y != points[i + 1].y)
      kept.push_back(points[i]);
  }
  return kept;
}

/// Six digits: what a picture and the text beside its pointer need.
void append_points(std::string& path, std::span<const point> points, char first) {
  char command = first;
  for (const auto& one : points) {
    fmt::format_to(std::back_inserter(path), "{}{:.8g} {:.6g}", command, one.x, one.y);
    command = 'L';
  }
}

std::string attributes(const chart_style& style, std::string_view kind) {
  auto text = fmt::format("class=\"{} {}\"", kind, style.css);
  if (!style.name.empty())
    text += fmt::format(" data-name=\"{}\"", escape_html(style.name));
  if (style.variant != chart_style::everybody)
    text += fmt::format(" data-v=\"{}\"", style.variant);
  return text;
}

} // namespace

axis amount_axis(double most, std::string title, bool whole) {
  axis made{0, 1, {}, std::move(title)};
  if (most <= 0) {
    made.ticks = {{0, "0"}, {1, "1"}};
    return made;
  }
  auto step = round_step(most, 6);
  if (whole)
    step = std::max(step, 1.0);
  const auto steps = static_cast<int>(std::ceil(most / step * (1 - 1e-9)));
  made.most = steps * step;
  const auto decimals = std::max(0, -static_cast<int>(std::floor(std::log10(step))));
  for (int i = 0; i <= steps; ++i)
    made.ticks.push_back({i * step, to_text(i * step, decimals)});
  return made;
}

axis percent_axis() {
  axis made{0, 100, {}, "%"};
  for (int i = 0; i <= 100; i += 20)
    made.ticks.push_back({static_cast<double>(i), std::to_string(i)});
  return made;
}

axis time_axis(double most) {
  axis made{0, most > 0 ? most : 1, {}, {}};
  const auto step = time_step_for(made.most);
  made.title = fmt::format("{} since the start", step.name);
  for (int i = 0; i * step.seconds <= made.most * (1 + 1e-9); ++i)
    made.ticks.push_back({i * step.seconds, to_text(i * step.seconds / step.unit, 0)});
  return made;
}

axis log_time_axis(double least, double most) {
  constexpr std::pair<double, std::string_view> marks[] = {
      {0.001, "1 ms"},  {0.01, "10 ms"},     {0.1, "0.1 s"},     {1, "1 s"},      {10, "10 s"},
      {60, "1 min"},    {600, "10 min"},     {3600, "1 h"},      {21'600, "6 h"}, {86'400, "1 d"},
      {604'800, "7 d"}, {2'592'000, "30 d"}, {31'536'000, "1 y"}};
  axis made{std::log10(least), std::log10(most), {}, "waiting time"};
  for (const auto& [seconds, name] : marks)
    if (const auto at = std::log10(seconds); at >= made.least - 1e-9 && at <= made.most + 1e-9)
      made.ticks.push_back({at, std::string{name}});
  return made;
}

chart::chart(std::string label, axis x, axis y, int width, int height, int margin)
    : label_(std::move(label)), x_(std::move(x)), y_(std::move(y)), width_(width), height_(height),
      margin_(margin) {}

double chart::x_of(double value) const {
  return margin_ + (value - x_.least) / (x_.most - x_.least) * (width_ - margin_ - beside);
}

double chart::y_of(double value) const {
  return height_ - below - (value - y_.least) / (y_.most - y_.least) * (height_ - above - below);
}

void chart::line(std::span<const point> points, const chart_style& style) {
  drawn_ += "<path " + attributes(style, "l") + " d=\"";
  append_points(drawn_, thinned(points), 'M');
  drawn_ += "\"/>";
}

void chart::area(std::span<const point> points, const chart_style& style) {
  if (points.empty())
    return;
  drawn_ += "<path " + attributes(style, "a") + " d=\"";
  append_points(drawn_, std::array{point{points.front().x, 0}}, 'M');
  append_points(drawn_, thinned(points), 'L');
  append_points(drawn_, std::array{point{points.back().x, 0}}, 'L');
  drawn_ += "Z\"/>";
}

void chart::between(std::span<const point> lower, std::span<const point> upper,
                    const chart_style& style) {
  auto back = thinned(lower);
  std::ranges::reverse(back);
  drawn_ += "<path " + attributes(style, "n") + " d=\"";
  append_points(drawn_, thinned(upper), 'M');
  append_points(drawn_, back, 'L');
  drawn_ += "Z\"/>";
}

void chart::dot(point where, double error, std::string_view text, const chart_style& style) {
  const auto x = x_of(where.x);
  const auto y = y_of(where.y);
  on_top_ += fmt::format("<g {}>", attributes(style, "d"));
  if (error > 0) {
    const auto upper = y_of(std::min(where.y + error, y_.most));
    const auto lower = y_of(std::max(where.y - error, y_.least));
    on_top_ +=
        fmt::format("<path d=\"M{0:.1f} {1:.1f}V{2:.1f}M{3:.1f} {1:.1f}h8M{3:.1f} {2:.1f}h8\"/>", x,
                    lower, upper, x - 4);
  }
  const bool left = x > width_ * 0.75;
  on_top_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\"/>", x, y);
  on_top_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text></g>",
                         left ? x - 9 : x + 9, y - 7, left ? "end" : "start", escape_html(text));
}

void chart::bar(double from, double to, double y, const chart_style& style) {
  const auto left = x_of(from);
  const auto top = y_of(y);
  on_top_ +=
      fmt::format("<rect {} x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" "
                  "height=\"{:.1f}\"><title>{}</title></rect>",
                  attributes({style.css, {}, style.variant}, "b"), left, top,
                  std::max(x_of(to) - left - 1, 1.0), y_of(0) - top, escape_html(style.name));
}

void chart::image(std::string_view url) {
  image_ += fmt::format("<image class=\"heat\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" "
                        "preserveAspectRatio=\"none\" href=\"{}\"/>",
                        margin_, above, width_ - margin_ - beside, height_ - above - below, url);
}

std::string chart::axes() const {
  const auto floor = height_ - below;
  std::string text = "<g class=\"grid\">";
  for (const auto& one : y_.ticks)
    text += fmt::format("<path d=\"M{} {:.1f}H{}\"/>", margin_, y_of(one.at), width_ - beside);
  for (const auto& one : x_.ticks)
    text += fmt::format("<path d=\"M{:.1f} {}v4\"/>", x_of(one.at), floor);
  text += "</g><g class=\"ticks\">";
  for (const auto& one : y_.ticks)
    text += fmt::format("<text x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", margin_ - 6,
                        y_of(one.at) + 4, escape_html(one.text));
  for (const auto& one : x_.ticks) {
    const auto x = x_of(one.at);
    const bool last =
        x > width_ - 2 * beside && one.text.size() > 3; // it would stand over the edge
    text += fmt::format("<text x=\"{:.1f}\" y=\"{}\" text-anchor=\"{}\">{}</text>",
                        last ? width_ - 2 : x, floor + 16, last ? "end" : "middle",
                        escape_html(one.text));
  }
  text += fmt::format("<text class=\"unit\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                      width_ - beside, height_ - 6, escape_html(x_.title));
  return text +
         fmt::format("<text class=\"unit\" x=\"4\" y=\"13\">{}</text></g>", escape_html(y_.title));
}

std::string chart::svg() const {
  const auto x_scale = (width_ - margin_ - beside) / (x_.most - x_.least);
  const auto y_scale = (height_ - above - below) / (y_.most - y_.least);
  auto text = fmt::format("<svg class=\"chart{}\" viewBox=\"0 0 {} {}\" role=\"img\" "
                          "aria-label=\"{}\" preserveAspectRatio=\"xMidYMid meet\">",
                          width_ > narrow ? " wide" : "", width_, height_, escape_html(label_));
  text += axes() + image_;
  if (!drawn_.empty())
    text += fmt::format("<g class=\"plot\" transform=\"matrix({:.9g} 0 0 {:.9g} {:.9g} {:.9g})\" "
                        "data-x=\"{:.9g} {:.9g} {} {}\">{}</g>",
                        x_scale, -y_scale, margin_ - x_.least * x_scale,
                        height_ - below + y_.least * y_scale, x_.least, x_.most, margin_,
                        width_ - beside, drawn_);
  return text + on_top_ + "</svg>";
}

} // namespace berth::sim
