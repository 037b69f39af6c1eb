#include "sim/report/report_openmetrics.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <ostream>
#include <string>
#include <vector>

#include "metrics/exposition.hpp"
#include "model/device.hpp"
#include "model/server.hpp"
#include "sim/report/figures.hpp"
#include "sim/report/text.hpp"

namespace berth::sim {

namespace {

using metrics::metric;

/// Hands the figures of one run to the log, moment by moment.
class run_metrics {
public:
  run_metrics(const run_result& run, metrics::open_metrics_log& log) : run_(run), log_(log) {
    for (const auto& [name, model] : run.models)
      names_.push_back(clean_utf8(name));
  }

  void tell(model::timestamp start) {
    for (const auto& at : run_.series) {
      log_.at(start + at.at);
      devices(at);
      hosts(at);
      capacity(at);
      servers(at);
      decisions(at);
      waits(at.waits);
    }
    if (run_.series.empty() || run_.series.back().at >= run_.span)
      return;
    log_.at(start + run_.span);
    waits(run_.waits_by_class);
  }

private:
  void put(std::initializer_list<std::string_view> labels, double value) {
    log_.sample(std::span{labels.begin(), labels.size()}, value);
  }
  void put(std::initializer_list<std::string_view> labels, std::integral auto value) {
    put(labels, static_cast<double>(value));
  }

  void devices(const moment& at) {
    using enum model::device_state;
    log_.family(metric::devices);
    for (std::size_t i = 0; i < at.models.size(); ++i) {
      const auto& counts = at.models[i];
      const std::pair<model::device_state, std::int64_t> states[] = {{free, counts.free()},
                                                                     {in_use, counts.held},
                                                                     {resetting, counts.cleaned},
                                                                     {quarantined, counts.broken}};
      for (const auto& [state, devices] : states)
        put({"", names_[i], to_string(state)}, devices);
    }
  }

  void hosts(const moment& at) {
    log_.family(metric::hosts);
    put({"online"}, at.hosts - at.hosts_down);
    put({"offline"}, at.hosts_down);
  }

  void capacity(const moment& at) {
    log_.family(metric::placeable_servers);
    for (std::size_t i = 0; i < at.placeable.size() && i < run_.shapes.size(); ++i)
      put({clean_utf8(run_.shapes[i].model), std::to_string(run_.shapes[i].gpus), "any"},
          at.placeable[i]);
    for (std::size_t i = 0; i < at.models.size(); ++i) {
      const auto state = state_of(run_, at, i);
      log_.family(metric::stranded_devices);
      if (state.stranded)
        put({names_[i], "any"}, *state.stranded);
      log_.family(metric::fragmentation_ratio);
      if (state.fragmentation)
        put({names_[i]}, *state.fragmentation);
    }
  }

  void servers(const moment& at) {
    using enum model::server_status;
    log_.family(metric::requests_pending);
    put({"waiting"}, at.waiting);
    log_.family(metric::servers);
    put({to_string(running)}, at.living);
    put({to_string(scheduling)}, at.waiting);
  }

  void decisions(const moment& at) {
    std::uint64_t refused = 0;
    log_.family(metric::scheduling_filter_rejections_total);
    for (const auto& [rule, times] : run_.refused_by) { // a series starts at 0
      const auto found = at.refused_by.find(rule);
      const auto sofar = found == at.refused_by.end() ? 0 : found->second;
      put({clean_utf8(rule)}, sofar);
      refused += sofar;
    }
    log_.family(metric::scheduling_attempts_total);
    put({}, at.arrived);
    log_.family(metric::scheduling_failures_total);
    put({"does_not_fit"}, refused);
  }

  void waits(const std::vector<waits_so_far>& now) {
    const auto bounds = wait_bounds_s().size();
    log_.family(metric::request_wait_seconds);
    for (std::size_t i = 0; i < run_.waits_by_class.size(); ++i) {
      if (run_.waits_by_class[i].placed.empty())
        continue; // not one of them was placed
      // A series starts at 0.
      const auto sofar = i < now.size() ? now[i] : waits_so_far{};
      std::vector<std::uint64_t> cumulative(bounds + 1);
      std::ranges::copy(sofar.placed, cumulative.begin());
      std::partial_sum(cumulative.begin(), cumulative.end(), cumulative.begin());
      log_.sample(std::array{wait_classes()[i]},
                  {std::span{cumulative}.first(bounds), cumulative.back(), sofar.sum_s});
    }
  }

  const run_result& run_;
  metrics::open_metrics_log& log_;
  std::vector<std::string> names_; ///< of the models
};

} // namespace

void write_open_metrics(std::ostream& out, const study_result& all,
                        const metrics_options& options) {
  const auto scenario = clean_utf8(all.scenario) + (all.partial ? " (partial)" : "");
  metrics::open_metrics_log log{{}};
  for (const auto& variant : all.variants)
    for (std::size_t i = 0; i < variant.runs.size() && i < options.runs; ++i) {
      const auto& one = variant.runs[i];
      log.constant({{"scenario", scenario}, {"run", clean_utf8(run_name(variant, one.seed))}});
      run_metrics{one.result, log}.tell(options.start);
    }
  out << log.text();
}

} // namespace berth::sim
