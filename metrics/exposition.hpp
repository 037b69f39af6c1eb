#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "metrics/table.hpp"
#include "model/time.hpp"

namespace berth::metrics {

/// A histogram's state: `cumulative` has one count per bucket of the table, without +Inf.
struct histogram_value {
  std::span<const std::uint64_t> cumulative;
  std::uint64_t count = 0;
  double sum = 0;
};

/// Receives samples, all of one metric in a row. Label values come in the table's order.
class sample_sink {
public:
  virtual ~sample_sink() = default;
  /// Announces a metric, also one without samples. Its samples follow.
  virtual void family(metric id) = 0;
  virtual void sample(std::span<const std::string_view> labels, double value) = 0;
  virtual void sample(std::span<const std::string_view> labels, const histogram_value& value) = 0;
};

/// The Prometheus text format, version 0.0.4: what `/metrics` answers.
class text_writer final : public sample_sink {
public:
  static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";
  void family(metric id) override;
  void sample(std::span<const std::string_view> labels, double value) override;
  void sample(std::span<const std::string_view> labels, const histogram_value& value) override;
  [[nodiscard]] std::string take() { return std::move(text_); }

private:
  void line(std::string_view suffix, std::span<const std::string_view> labels,
            std::string_view bound, double value);

  std::string text_;
  const metric_description* row_ = nullptr;
};

/// Collects samples over (virtual) time and writes them as OpenMetrics 1.0 with timestamps, for
/// `promtool tsdb create-blocks-from openmetrics`. Constant labels (scenario, run) go on every
/// series.
class open_metrics_log final : public sample_sink {
public:
  using constant_labels = std::vector<std::pair<std::string, std::string>>;
  explicit open_metrics_log(constant_labels labels) : constant_(std::move(labels)) {}

  /// Of the samples that follow: other series from here on.
  void constant(constant_labels labels) { constant_ = std::move(labels); }
  /// The time of the samples that follow; must not go back within a series.
  void at(model::timestamp time) { now_ = time; }
  void family(metric id) override;
  void sample(std::span<const std::string_view> labels, double value) override;
  void sample(std::span<const std::string_view> labels, const histogram_value& value) override;
  /// The whole text, series by series, ending with `# EOF`.
  [[nodiscard]] std::string text() const;

private:
  struct point {
    model::timestamp at;
    double value;
  };
  struct series {
    std::string name_and_labels;
    std::vector<point> points;
  };
  void add(std::string_view suffix, std::span<const std::string_view> labels,
           std::string_view bound, double value);

  constant_labels constant_;
  model::timestamp now_{};
  std::size_t family_ = 0;
  std::vector<std::vector<series>> families_ =
      std::vector<std::vector<series>>(all_metrics().size()); // in the order of first appearance
  std::unordered_map<std::string, std::size_t> index_;        // looked up, never iterated
};

/// Appends a sample's value as Prometheus reads it (`+Inf`, `NaN`, shortest decimal otherwise).
void append_number(std::string& out, double value);

} // namespace berth::metrics
