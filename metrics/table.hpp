#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace berth::metrics {

/// Every metric of metrics/table.def, in its order.
enum class metric : std::uint8_t {
#define BERTH_METRIC(name, kind, source, labels, buckets, help) name,
#include "metrics/table.def"
#undef BERTH_METRIC
};

enum class metric_kind : std::uint8_t { gauge, counter, histogram };

/// Where a metric's values come from; see metrics/table.def.
enum class metric_source : std::uint8_t { snapshot, controller, host, both, later };

/// Which program exports.
enum class process : std::uint8_t { controller, host };

/// A label and, for a closed set, all of its values.
struct label_description {
  std::string_view name;
  std::vector<std::string_view> values; ///< empty = open
};

/// One line of the table.
struct metric_description {
  metric id;
  std::string_view name; ///< with prefix, e.g. `berth_devices`
  metric_kind kind;
  metric_source source;
  std::vector<label_description> labels;
  std::span<const double> buckets; ///< upper bounds without +Inf; empty unless a histogram
  std::string_view help;
};

[[nodiscard]] std::string_view to_string(metric_kind kind);

/// All metrics in the table's order.
[[nodiscard]] std::span<const metric_description> all_metrics();
[[nodiscard]] const metric_description& describe(metric id);
/// Where in the values of request_wait_seconds' label `gpus` a server with so many GPUs stands; the
/// last is for all that have none of their own.
[[nodiscard]] std::size_t gpus_class(std::int64_t gpus);
/// By exported name, with prefix.
[[nodiscard]] std::optional<metric> find_metric(std::string_view name);

/// docs/metrics.md.
[[nodiscard]] std::string to_markdown();

} // namespace berth::metrics
