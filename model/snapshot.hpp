#pragma once

#include <cstdint>
#include <string>
#include <variant>

#include "model/device.hpp"
#include "model/host.hpp"
#include "model/ids.hpp"
#include "model/server.hpp"
#include "model/time.hpp"

namespace berth::model {

// A snapshot is the state of a cluster as a sequence of plain values, in this order: one
// snapshot_meta, then every host, device and server by creation, then the remembered answers from
// the oldest on. control/cluster_state.hpp makes and takes them, proto/ encodes them.

/// Where the snapshot stands. Always the first item.
struct snapshot_meta {
  sequence_number sequence = 0; ///< of the last event in it
  leader_epoch leader = 0;      ///< of the latest leadership
  friend bool operator==(const snapshot_meta&, const snapshot_meta&) = default;
};

/// A server with what follows from its events but is not part of its record.
struct snapshot_server {
  server_record server;
  /// Generation of its host's desired state at the server's latest change: what the host reports of
  /// the server while it acts on an older generation is out of date. 0 = never placed.
  generation_number changed_at = 0;
  friend bool operator==(const snapshot_server&, const snapshot_server&) = default;
};

/// The answer that was given under an Idempotency-Key.
struct snapshot_answer {
  std::string key;
  std::uint64_t fingerprint = 0;
  std::uint16_t http_status = 0;
  std::string body;
  timestamp at{}; ///< of its request_answered event
  friend bool operator==(const snapshot_answer&, const snapshot_answer&) = default;
};

using snapshot_item =
    std::variant<snapshot_meta, host_record, device_record, snapshot_server, snapshot_answer>;

} // namespace berth::model
