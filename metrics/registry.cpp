#include "metrics/registry.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <span>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

namespace berth::metrics {

namespace {

bool is_live_in(const metric_description& row, process which) {
  switch (row.source) {
  case metric_source::controller:
    return which == process::controller;
  case metric_source::host:
    return which == process::host;
  case metric_source::both:
    return true;
  case metric_source::snapshot:
  case metric_source::later:
    return false;
  }
  return false;
}

[[noreturn]] void defect(const metric_description& row, const char* what) {
  std::fprintf(stderr, "metric %.*s: %s\n", static_cast<int>(row.name.size()), row.name.data(),
               what);
  std::abort();
}

prometheus::Labels to_labels(const metric_description& row,
                             std::span<const std::string_view> values) {
  if (values.size() != row.labels.size()) {
    defect(row, "wrong number of label values");
  }
  prometheus::Labels labels;
  for (std::size_t i = 0; i < values.size(); ++i) {
    labels.emplace(row.labels[i].name, values[i]);
  }
  return labels;
}

/// Every combination of label values, when all labels are closed sets.
std::vector<std::vector<std::string_view>> closed_series(const metric_description& row) {
  std::vector<std::vector<std::string_view>> series{{}};
  for (const auto& label : row.labels) {
    std::vector<std::vector<std::string_view>> longer;
    for (const auto& prefix : series) {
      for (const auto value : label.values) {
        longer.push_back(prefix);
        longer.back().push_back(value);
      }
    }
    series = std::move(longer);
  }
  return series;
}

template <class Families> auto& family_of(const Families& families, const metric_description& row) {
  const auto found = families.find(row.id);
  if (found == families.end()) {
    defect(row, "not a metric of this kind that this process exports");
  }
  return *found->second;
}

} // namespace

struct registry::impl {
  prometheus::Registry store;
  std::vector<metric> exported; // in the table's order
  std::map<metric, prometheus::Family<prometheus::Counter>*> counters;
  std::map<metric, prometheus::Family<prometheus::Gauge>*> gauges;
  std::map<metric, prometheus::Family<prometheus::Histogram>*> histograms;
  std::mutex hooks_mutex;
  std::vector<std::function<void()>> hooks;

  void add_family(const metric_description& row) {
    const std::string name{row.name};
    const std::string help{row.help};
    switch (row.kind) {
    case metric_kind::counter:
      counters[row.id] = &prometheus::BuildCounter().Name(name).Help(help).Register(store);
      break;
    case metric_kind::gauge:
      gauges[row.id] = &prometheus::BuildGauge().Name(name).Help(help).Register(store);
      break;
    case metric_kind::histogram:
      histograms[row.id] = &prometheus::BuildHistogram().Name(name).Help(help).Register(store);
      break;
    }
  }

  void add_series(const metric_description& row, std::span<const std::string_view> values) {
    switch (row.kind) {
    case metric_kind::counter:
      counter_at(row, values);
      break;
    case metric_kind::gauge:
      gauge_at(row, values);
      break;
    case metric_kind::histogram:
      histogram_at(row, values);
      break;
    }
  }

  prometheus::Counter& counter_at(const metric_description& row,
                                  std::span<const std::string_view> values) {
    return family_of(counters, row).Add(to_labels(row, values));
  }
  prometheus::Gauge& gauge_at(const metric_description& row,
                              std::span<const std::string_view> values) {
    return family_of(gauges, row).Add(to_labels(row, values));
  }
  prometheus::Histogram& histogram_at(const metric_description& row,
                                      std::span<const std::string_view> values) {
    return family_of(histograms, row)
        .Add(to_labels(row, values),
             prometheus::Histogram::BucketBoundaries(row.buckets.begin(), row.buckets.end()));
  }
};

registry::registry(process which) : impl_(std::make_unique<impl>()) {
  for (const auto& row : all_metrics()) {
    if (!is_live_in(row, which)) {
      continue;
    }
    impl_->exported.push_back(row.id);
    impl_->add_family(row);
    for (const auto& values : closed_series(row)) {
      impl_->add_series(row, values);
    }
  }
}

registry::~registry() = default;

counter registry::get_counter(metric id, label_values values) {
  return counter{impl_->counter_at(describe(id), {values.begin(), values.size()})};
}

gauge registry::get_gauge(metric id, label_values values) {
  return gauge{impl_->gauge_at(describe(id), {values.begin(), values.size()})};
}

histogram registry::get_histogram(metric id, label_values values) {
  return histogram{impl_->histogram_at(describe(id), {values.begin(), values.size()})};
}

void registry::before_scrape(std::function<void()> refresh) {
  const std::lock_guard lock{impl_->hooks_mutex};
  impl_->hooks.push_back(std::move(refresh));
}

namespace {

void collect_one(sample_sink& sink, const metric_description& row,
                 const prometheus::ClientMetric& series) {
  std::vector<std::string_view> values(row.labels.size());
  for (const auto& label : series.label) {
    for (std::size_t i = 0; i < row.labels.size(); ++i) {
      if (row.labels[i].name == label.name) {
        values[i] = label.value;
      }
    }
  }
  switch (row.kind) {
  case metric_kind::counter:
    return sink.sample(values, series.counter.value);
  case metric_kind::gauge:
    return sink.sample(values, series.gauge.value);
  case metric_kind::histogram:
    break;
  }
  std::vector<std::uint64_t> cumulative;
  for (const auto& bucket : series.histogram.bucket) {
    cumulative.push_back(bucket.cumulative_count);
  }
  sink.sample(values, histogram_value{cumulative, series.histogram.sample_count,
                                      series.histogram.sample_sum});
}

} // namespace

void registry::collect(sample_sink& sink) const {
  std::vector<std::function<void()>> hooks;
  {
    const std::lock_guard lock{impl_->hooks_mutex};
    hooks = impl_->hooks;
  }
  for (const auto& hook : hooks) {
    hook();
  }
  std::map<metric, prometheus::MetricFamily> by_metric; // without those that have no series yet
  for (auto& family : impl_->store.Collect()) {
    if (const auto id = find_metric(family.name)) {
      by_metric.emplace(*id, std::move(family));
    }
  }
  for (const auto id : impl_->exported) {
    sink.family(id);
    auto& series = by_metric[id].metric;
    std::ranges::sort(series, {}, &prometheus::ClientMetric::label);
    for (const auto& one : series) {
      collect_one(sink, describe(id), one);
    }
  }
}

void counter::increment(double by) const {
  if (target_ != nullptr) {
    target_->Increment(by);
  }
}

void gauge::set(double value) const {
  if (target_ != nullptr) {
    target_->Set(value);
  }
}

void gauge::add(double by) const {
  if (target_ != nullptr) {
    target_->Increment(by);
  }
}

void histogram::observe(double value) const {
  if (target_ != nullptr) {
    target_->Observe(value);
  }
}

} // namespace berth::metrics
