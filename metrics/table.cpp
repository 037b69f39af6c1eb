#include "metrics/table.hpp"

#include <algorithm>
#include <array>

namespace berth::metrics {

namespace {

constexpr std::array operations{0.001, 0.005, 0.02, 0.1,  0.5,  1.0,
                                2.5,   5.0,   10.0, 30.0, 60.0, 180.0};
constexpr std::array requests{0.00001, 0.00003, 0.0001, 0.0003, 0.001, 0.003, 0.01,
                              0.03,    0.1,     0.3,    1.0,    3.0,   10.0};
constexpr std::array waits{0.001, 0.01,   0.1,     1.0,     10.0,    60.0,
                           600.0, 3600.0, 21600.0, 86400.0, 604800.0};
constexpr std::array<double, 0> none{};

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return parts;
}

std::vector<label_description> parse_labels(std::string_view text) {
  std::vector<label_description> labels;
  for (const auto part : split(text, ' ')) {
    const auto equals = part.find('=');
    label_description label{part.substr(0, equals), {}};
    if (equals != std::string_view::npos) {
      label.values = split(part.substr(equals + 1), ',');
    }
    labels.push_back(std::move(label));
  }
  return labels;
}

const std::vector<metric_description>& table() {
  static const std::vector<metric_description> rows{
#define BERTH_METRIC(name, kind, source, labels, buckets, help)                                    \
  {metric::name,                                                                                   \
   "berth_" #name,                                                                                 \
   metric_kind::kind,                                                                              \
   metric_source::source,                                                                          \
   parse_labels(labels),                                                                           \
   buckets,                                                                                        \
   help},
#include "metrics/table.def"
#undef BERTH_METRIC
  };
  return rows;
}

std::string_view exporter(metric_source source) {
  switch (source) {
  case metric_source::snapshot:
  case metric_source::controller:
    return "controller";
  case metric_source::host:
    return "host";
  case metric_source::both:
    return "controller, host";
  case metric_source::later:
    return "none yet";
  }
  return "";
}

std::string label_cell(const metric_description& row) {
  std::string cell;
  for (const auto& label : row.labels) {
    cell += cell.empty() ? "`" : ", `";
    cell += label.name;
    cell += '`';
    if (!label.values.empty()) {
      cell += " (";
      for (std::size_t i = 0; i < label.values.size(); ++i) {
        cell += i == 0 ? "" : " ";
        cell += label.values[i];
      }
      cell += ')';
    }
  }
  return cell;
}

} // namespace

std::string_view to_string(metric_kind kind) {
  switch (kind) {
  case metric_kind::gauge:
    return "gauge";
  case metric_kind::counter:
    return "counter";
  case metric_kind::histogram:
    return "histogram";
  }
  return "";
}

std::span<const metric_description> all_metrics() {
  return table();
}

const metric_description& describe(metric id) {
  return table()[static_cast<std::size_t>(id)];
}

std::size_t gpus_class(std::int64_t gpus) {
  const auto& classes = describe(metric::request_wait_seconds).labels.front().values;
  const auto found = std::ranges::find(classes, std::to_string(gpus));
  return static_cast<std::size_t>(found - classes.begin()) - (found == classes.end() ? 1 : 0);
}

std::optional<metric> find_metric(std::string_view name) {
  for (const auto& row : table()) {
    if (row.name == name) {
      return row.id;
    }
  }
  return std::nullopt;
}

std::string to_markdown() {
  std::string text =
      "# Metrics\n\n"
      "Generated from `metrics/table.def`; change that and run the test `metrics_test` "
      "with `UPDATE_GOLDEN=1`.\n\n"
      "Scraped at `/metrics` of the controller and of every host agent. Inventory and "
      "server figures come from a snapshot that the\ncontroller publishes as the "
      "cluster changes (`berth_snapshot_timestamp_seconds` tells its age), so that a "
      "scrape never waits for the\ncontroller. A simulation writes the same names "
      "with the labels `scenario` and `run`.\n\n"
      "| metric | kind | labels | exported by | meaning |\n|---|---|---|---|---|\n";
  for (const auto& row : table()) {
    text += "| `";
    text += row.name;
    text += "` | ";
    text += to_string(row.kind);
    text += " | " + label_cell(row) + " | ";
    text += exporter(row.source);
    text += " | ";
    text += row.help;
    text += " |\n";
  }
  return text;
}

} // namespace berth::metrics
