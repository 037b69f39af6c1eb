#pragma once

#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "control/cluster_state.hpp"

namespace berth::control {

/// The way back: one entry per change that is not durable, in the order of the changes. Undone in
/// reverse, each entry finds the state exactly as its change left it. Internal to cluster_state.
struct cluster_state::journal {
  struct server_created {
    model::server_id id;
  };
  struct server_removed {
    std::unique_ptr<server_entry> entry;
  };
  struct server_changed {
    std::unique_ptr<server_entry> before;
  };
  /// The cheap form for the most frequent change.
  struct server_status {
    model::server_id id;
    model::server_status status;
    std::string reason;
    model::timestamp updated_at;
  };
  struct device_created {
    model::device_id id;
  };
  struct device_removed {
    std::unique_ptr<model::device_record> device;
  };
  struct device_changed {
    std::unique_ptr<model::device_record> before;
  };
  /// The cheap form: turnover and ownership only.
  struct device_turned {
    model::device_id id;
    model::device_state state;
    std::string reason;
    model::timestamp since;
    model::device_epoch epoch;
    model::device_epoch obeyed;
    std::optional<model::server_id> owner;
  };
  struct host_created {
    model::host_id id;
  };
  struct host_removed {
    std::unique_ptr<host_entry> entry;
  };
  struct host_changed {
    std::unique_ptr<model::host_record> before;
  };
  struct host_generation {
    model::host_id id;
    model::generation_number before;
  };
  struct answer_added {};
  struct answer_evicted {
    std::unique_ptr<model::snapshot_answer> before;
  };
  struct leader_changed {
    model::leader_epoch before;
  };
  using change =
      std::variant<server_created, server_removed, server_changed, server_status, device_created,
                   device_removed, device_changed, device_turned, host_created, host_removed,
                   host_changed, host_generation, answer_added, answer_evicted, leader_changed>;
  struct entry {
    model::sequence_number sequence;
    change what;
  };

  std::vector<entry> entries;
  // What a rollback touched; ordered, because it reaches the updates.
  std::set<model::server_id> servers;
  std::set<model::device_id> devices;
  std::set<model::host_id> hosts;

  /// Takes one change back.
  struct undo;
};

} // namespace berth::control
