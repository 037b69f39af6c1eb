#pragma once

#include <map>
#include <vector>

#include "apps/checker.hpp"
#include "model/event.hpp"
#include "model/failure.hpp"
#include "model/snapshot.hpp"
#include "store/event_store.hpp"

namespace berth::apps {

/// The cluster as its log tells it, folded by the checker itself. Along the way it watches that no
/// event gives away what somebody has (rule `history`).
class log_fold {
public:
  void apply(const model::log_record& record);
  void apply(const model::snapshot_item& item);

  [[nodiscard]] cluster_facts facts() const;
  [[nodiscard]] const std::vector<violation>& violations() const { return violations_; }

private:
  struct host_state {
    host_fact fact;
    model::resources physical;
    std::int32_t cpu_overcommit_milli = 1000;
    std::int32_t memory_overcommit_milli = 1000;
  };

  void on(const model::host_inventoried& event);
  void on(const model::host_settings_changed& event);
  void on(const model::host_removed& event);
  void on(const model::server_created& event);
  void on(const model::server_delete_requested& event);
  void on(const model::server_removed& event);
  void on(const model::server_placed& event);
  void on(const model::device_attached& event);
  void on(const model::device_detached& event);
  void on(const model::device_removed& event);
  template <class Event> void on(const Event& /*says nothing about ownership*/) {}

  void give(const model::server_id& server, const model::device_id& device);
  void take(const model::device_id& device);
  void blame(const std::string& text);
  static void set_capacity(host_state& host);

  model::sequence_number sequence_ = 0;
  std::map<model::host_id, host_state> hosts_;
  std::map<model::device_id, device_fact> devices_;
  std::map<model::server_id, server_fact> servers_;
  std::vector<violation> violations_;
};

/// Folds snapshot and log up to and with `until` (0 = all of it).
[[nodiscard]] model::result<log_fold> fold_store(const store::event_reader& reader,
                                                 model::sequence_number until);

} // namespace berth::apps
