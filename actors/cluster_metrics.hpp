#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "actors/cluster_observer.hpp"
#include "control/cluster_state.hpp"
#include "metrics/registry.hpp"
#include "metrics/snapshot.hpp"

namespace berth::actors {

/// Turns what the cluster does into metrics and log lines. A scrape reads the registry and the
/// latest snapshot, and never waits for the cluster.
class cluster_metrics final : public cluster_observer {
public:
  using note_log = std::function<void(const control::note&)>;
  /// Both outlive it. `log` writes a line for a happening; may be empty.
  cluster_metrics(metrics::registry& live, metrics::snapshot_slot& slot, note_log log);

  void noted(const control::note& what) override;
  void settled(const control::placement_settled& what) override;
  void committed(std::size_t records, model::duration took,
                 const model::result<void>& outcome) override;
  void planned(std::size_t plans, model::duration took) override;
  void counted(const scheduler::capacity_report& report) override { capacity_ = report; }
  void looked(model::timestamp now, const control::cluster& core) override;

private:
  void add_servers(metrics::snapshot_builder& builder, const control::cluster_state& state);
  void add_device_time(model::timestamp now, const control::cluster_state& state);
  void add_capacity(metrics::snapshot_builder& builder) const;
  void note_oldest_pending(metrics::snapshot_builder& builder, const control::cluster_state& state);

  metrics::registry& live_;
  metrics::snapshot_slot& slot_;
  note_log log_;
  metrics::counter attempts_;
  metrics::counter failures_fit_;
  metrics::counter failures_busy_;
  metrics::counter conflicts_;
  metrics::counter appends_;
  metrics::histogram append_time_;
  metrics::histogram plan_time_;
  metrics::gauge leader_;
  std::map<std::string, metrics::counter> rejections_;
  std::vector<metrics::histogram> waits_; ///< by metrics::gpus_class
  scheduler::capacity_report capacity_;   ///< the latest
  std::optional<model::timestamp> looked_at_;
  std::optional<model::server_id> oldest_refused_; ///< as of the last look
};

} // namespace berth::actors
