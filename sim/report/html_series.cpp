// The sections that show how things went over time.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "sim/report/figures.hpp"
#include "sim/report/html.hpp"
#include "sim/report/text.hpp"

namespace berth::sim {

namespace {

constexpr std::size_t table_rows = 12; ///< about, of a table that stands for a chart

std::vector<point> points_of(const time_grid& grid, const std::vector<double>& values) {
  std::vector<point> points;
  for (std::size_t i = 0; i < values.size(); ++i)
    points.push_back({grid[i], values[i]});
  return points;
}

/// A few moments of bands, as a table.
html_table table_of(const time_grid& grid, const std::vector<std::string>& names,
                    const std::vector<std::vector<double>>& columns) {
  html_table table{{}, {"time"}, {}};
  table.header.insert(table.header.end(), names.begin(), names.end());
  const auto step = std::max<std::size_t>(1, (grid.size() + table_rows - 1) / table_rows);
  for (std::size_t i = 0; i < grid.size(); i += step) {
    auto& row = table.rows.emplace_back();
    row.push_back({time_text(grid[i])});
    for (const auto& column : columns)
      row.push_back({i < column.size() ? to_text({column[i], std::nullopt}, figure_unit::servers)
                                       : std::string{}});
  }
  return table;
}

/// Layers that lie on each other; each value is the top of its layer.
struct layer {
  std::string css;
  std::string name;
  std::vector<double> top;
};

/// From the lowest to the highest.
void draw_layers(chart& into, const time_grid& grid, const std::vector<layer>& layers) {
  for (auto one = layers.rbegin(); one != layers.rend(); ++one)
    into.area(points_of(grid, one->top), {one->css, one->name, chart_style::everybody});
}

html_table table_of(const time_grid& grid, const std::vector<layer>& layers) {
  std::vector<std::string> names;
  std::vector<std::vector<double>> columns;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    names.push_back(layers[i].name);
    columns.push_back(layers[i].top);
    for (std::size_t j = 0; i > 0 && j < columns[i].size(); ++j)
      columns[i][j] -= layers[i - 1].top[j];
  }
  return table_of(grid, names, columns);
}

std::string variant_title(const study_result& all, std::size_t number, const std::string& title) {
  return all.variants.size() > 1 ? fmt::format("{}: {}", title, all.variants[number].name) : title;
}

std::vector<std::string> models_of(const study_result& all) {
  std::vector<std::string> names;
  for (const auto& variant : all.variants)
    for (const auto& one : variant.runs)
      for (const auto& [name, model] : one.result.models)
        if (std::ranges::find(names, name) == names.end())
          names.push_back(name);
  std::ranges::sort(names);
  return names;
}

/// A value of one model, for each variant.
template <class Value>
std::vector<band> bands_of(const time_view& view, const std::string& model, Value value) {
  std::vector<band> bands;
  for (const auto& variant : view.all.variants)
    bands.push_back(band_over(
        variant, view.grid, [&](const run_result& run, const moment& at) -> std::optional<double> {
          const auto found = run.models.find(model);
          const auto number = static_cast<std::size_t>(std::distance(run.models.begin(), found));
          return found == run.models.end() || number >= at.models.size()
                     ? std::nullopt
                     : value(state_of(run, at, number));
        }));
  return bands;
}

template <class Count> auto counted(Count count) {
  return [count](const model_state& state) -> std::optional<double> {
    return static_cast<double>(count(state.counts));
  };
}

std::string allocation_figure(const time_view& view, const std::string& model, std::size_t number,
                              const std::array<std::vector<band>, 4>& tops) {
  const auto top = [&](std::size_t state) { return tops[state][number].mean; };
  const std::vector<layer> layers{{"held", "allocated", top(0)},
                                  {"cleaned", "in turnover", top(1)},
                                  {"broken", "broken", top(2)},
                                  {"free", "free", top(3)}};
  const auto title = variant_title(view.all, number, fmt::format("GPUs of model {}", model));
  chart picture{title, time_axis(view.span), amount_axis(most_of(tops[3]), "GPUs")};
  draw_layers(picture, view.grid, layers);
  const auto& held = tops[0][number];
  picture.between(points_of(view.grid, held.least), points_of(view.grid, held.most),
                  {"range", {}, chart_style::everybody});
  picture.line(points_of(view.grid, top(3)), {"capacity", {}, chart_style::everybody});
  std::vector<legend_entry> legend;
  for (const auto& one : layers)
    legend.push_back({one.css, one.name});
  legend.push_back({"capacity", "all there are"});
  if (view.all.variants[number].runs.size() > 1)
    legend.push_back({"range", "allocated: range of the seeds"});
  return to_html(html_figure{title, picture.svg(), legend, table_of(view.grid, layers), number});
}

/// The value of a fleet at a moment, for each variant.
template <class Value> std::vector<band> bands_of(const time_view& view, Value value) {
  std::vector<band> bands;
  for (const auto& variant : view.all.variants)
    bands.push_back(band_over(variant, view.grid, value));
  return bands;
}

template <std::uint64_t moment::*Count>
std::optional<double> count(const run_result&, const moment& at) {
  return static_cast<double>(at.*Count);
}

std::string refusal_figure(const time_view& view, std::size_t number, const axis& y) {
  const auto& variant = view.all.variants[number];
  const auto rules = rules_of(view.all); // so that a rule has its colour everywhere
  std::vector<layer> layers;
  std::vector<legend_entry> legend;
  std::size_t kind = 0;
  for (const auto& rule : rules) {
    auto top =
        band_over(variant, view.grid,
                  [&](const run_result&, const moment& at) -> std::optional<double> {
                    const auto found = at.refused_by.find(rule);
                    return found == at.refused_by.end() ? 0.0 : static_cast<double>(found->second);
                  })
            .mean;
    for (std::size_t i = 0; !layers.empty() && i < top.size(); ++i)
      top[i] += layers.back().top[i];
    layers.push_back({kind_css(kind), rule, std::move(top)});
    legend.push_back({kind_css(kind++), rule});
  }
  const auto title = variant_title(view.all, number, "Servers refused so far");
  chart picture{title, time_axis(view.span), y};
  draw_layers(picture, view.grid, layers);
  return to_html(html_figure{title, picture.svg(), legend, table_of(view.grid, layers), number});
}

std::vector<capacity_shape> shapes_of(const study_result& all) {
  std::vector<capacity_shape> shapes;
  for (const auto& variant : all.variants)
    for (const auto& one : variant.runs)
      for (const auto& shape : one.result.shapes)
        if (std::ranges::find(shapes, shape) == shapes.end())
          shapes.push_back(shape);
  return shapes;
}

std::string placeable_figure(const time_view& view, const capacity_shape& shape) {
  const auto bands =
      bands_of(view, [&](const run_result& run, const moment& at) -> std::optional<double> {
        const auto found = std::ranges::find(run.shapes, shape);
        const auto number = static_cast<std::size_t>(found - run.shapes.begin());
        return number < at.placeable.size()
                   ? std::optional{static_cast<double>(at.placeable[number])}
                   : std::nullopt;
      });
  return lines_figure(view, fmt::format("More servers of {} that fit", to_text(shape)),
                      amount_axis(most_of(bands), "servers"), bands);
}

} // namespace

std::string lines_figure(const time_view& view, const std::string& title, axis y,
                         const std::vector<band>& by_variant) {
  if (std::ranges::all_of(by_variant, [](const band& one) { return one.mean.empty(); }))
    return {};
  chart picture{title, time_axis(view.span), std::move(y)};
  std::vector<std::string> names;
  std::vector<std::vector<double>> means;
  for (std::size_t i = 0; i < by_variant.size(); ++i) {
    const auto& one = by_variant[i];
    const chart_style style{variant_css(i), {}, i};
    if (view.all.variants[i].runs.size() > 1)
      picture.between(points_of(view.grid, one.least), points_of(view.grid, one.most), style);
  }
  for (std::size_t i = 0; i < by_variant.size(); ++i) {
    const auto& name = view.all.variants[i].name;
    picture.line(points_of(view.grid, by_variant[i].mean), {variant_css(i), name, i});
    names.push_back(name);
    means.push_back(by_variant[i].mean);
  }
  return to_html(html_figure{title, picture.svg(), variant_legend(view.all),
                             table_of(view.grid, names, means), chart_style::everybody});
}

std::string allocation_section(const time_view& view) {
  std::string figures;
  for (const auto& model : models_of(view.all)) {
    const std::array tops{
        bands_of(view, model, counted([](const auto& of) { return of.held; })),
        bands_of(view, model, counted([](const auto& of) { return of.held + of.cleaned; })),
        bands_of(view, model,
                 counted([](const auto& of) { return of.held + of.cleaned + of.broken; })),
        bands_of(view, model, counted([](const auto& of) { return of.gpus; }))};
    for (std::size_t i = 0; i < view.all.variants.size(); ++i)
      if (!tops[3][i].mean.empty())
        figures += allocation_figure(view, model, i, tops);
  }
  return html_section("allocation", "What the GPUs did",
                      "GPUs at each moment, means over the seeds. In turnover: being reset and "
                      "verified after a server has left, or in quarantine.",
                      html_grid(figures));
}

std::string queue_section(const time_view& view) {
  const auto waiting = bands_of(view, count<&moment::waiting>);
  const auto gpus = bands_of(view, count<&moment::gpus_waiting>);
  if (most_of(waiting) == 0)
    return html_section("queue", "Who waited", "No server was waiting at any moment shown.", {});
  return html_section(
      "queue", "Who waited",
      "Servers that fit nowhere and wait for their place, and the GPUs that they ask for.",
      html_grid(
          lines_figure(view, "Servers waiting", amount_axis(most_of(waiting), "servers"), waiting) +
          lines_figure(view, "GPUs that waiting servers ask for",
                       amount_axis(most_of(gpus), "GPUs"), gpus)));
}

std::string refusal_section(const time_view& view) {
  const auto refused =
      bands_of(view, [](const run_result&, const moment& at) -> std::optional<double> {
        double sum = 0;
        for (const auto& [rule, times] : at.refused_by)
          sum += static_cast<double>(times);
        return sum;
      });
  if (most_of(refused) == 0)
    return html_section("refusals", "What was refused, and why", "Nothing was refused.", {});
  double most = 0;
  for (const auto& one : refused)
    for (const auto value : one.mean)
      most = std::max(most, value);
  const auto y = amount_axis(most, "servers");
  std::string figures;
  for (std::size_t i = 0; i < view.all.variants.size(); ++i)
    if (!refused[i].mean.empty())
      figures += refusal_figure(view, i, y);
  return html_section("refusals", "What was refused, and why",
                      "Servers refused up to each moment, by the rule that decided, means over the "
                      "seeds. A steep slope is a time of many refusals.",
                      html_grid(figures));
}

std::string capacity_section(const time_view& view) {
  std::string figures;
  for (const auto& shape : shapes_of(view.all))
    figures += placeable_figure(view, shape);
  for (const auto& model : models_of(view.all)) {
    auto ratio = bands_of(view, model, [](const model_state& state) {
      return state.fragmentation ? std::optional{100 * *state.fragmentation} : std::nullopt;
    });
    figures += lines_figure(view, "Fragmentation of " + model, percent_axis(), ratio);
    const auto stranded = bands_of(view, model, [](const model_state& state) {
      return state.stranded ? std::optional{static_cast<double>(*state.stranded)} : std::nullopt;
    });
    figures += lines_figure(view, "Stranded GPUs of " + model,
                            amount_axis(most_of(stranded), "GPUs"), stranded);
  }
  if (figures.empty())
    return html_section("capacity", "What would still have fitted",
                        "Not recorded: the scenario follows no shapes of servers.", {});
  return html_section(
      "capacity", "What would still have fitted",
      "Fragmentation: the share of the free GPUs that servers of a followed shape cannot use, mean "
      "over the model's shapes. Stranded: free GPUs that not even its smallest shape can use.",
      html_grid(figures));
}

} // namespace berth::sim
