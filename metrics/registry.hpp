#pragma once

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "metrics/exposition.hpp"
#include "metrics/table.hpp"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
} // namespace prometheus

namespace berth::metrics {

/// A handle to one series: look it up once, keep it, use it from any thread. Lives as long as its
/// registry. A default-made handle counts nothing.
class counter {
public:
  counter() = default;
  void increment(double by = 1) const;

private:
  friend class registry;
  explicit counter(prometheus::Counter& target) : target_(&target) {}
  prometheus::Counter* target_ = nullptr;
};

/// See counter.
class gauge {
public:
  gauge() = default;
  void set(double value) const;
  void add(double by) const;

private:
  friend class registry;
  explicit gauge(prometheus::Gauge& target) : target_(&target) {}
  prometheus::Gauge* target_ = nullptr;
};

/// See counter. Durations in seconds.
class histogram {
public:
  histogram() = default;
  void observe(double value) const;

private:
  friend class registry;
  explicit histogram(prometheus::Histogram& target) : target_(&target) {}
  prometheus::Histogram* target_ = nullptr;
};

/// The live metrics of one process. Every metric of the table that this process exports exists from
/// the start; series of closed label sets start at 0. Thread-safe.
class registry {
public:
  using label_values = std::initializer_list<std::string_view>;

  explicit registry(process which);
  registry(const registry&) = delete;
  registry& operator=(const registry&) = delete;
  ~registry();

  /// The series of `id` with these label values, in the table's order; made at 0 if new. A metric
  /// of another kind, of another process or a wrong number of values is a defect and ends the
  /// process.
  [[nodiscard]] counter get_counter(metric id, label_values values = {});
  [[nodiscard]] gauge get_gauge(metric id, label_values values = {});
  [[nodiscard]] histogram get_histogram(metric id, label_values values = {});

  /// Runs before every scrape, to refresh gauges that are cheap to read.
  void before_scrape(std::function<void()> refresh);

  /// Hands every series to `sink`, in the table's order.
  void collect(sample_sink& sink) const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace berth::metrics
