#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "model/ids.hpp"
#include "model/request.hpp"
#include "model/server.hpp"
#include "model/time.hpp"

namespace berth::control {

/// The place of a waiting server: the higher priority first, then the older.
struct queue_key {
  std::int32_t priority = 0;
  model::sequence_number created = 0;

  friend bool operator==(const queue_key&, const queue_key&) = default;
  friend std::strong_ordering operator<=>(const queue_key& a, const queue_key& b) {
    const auto order = b.priority <=> a.priority;
    return order != 0 ? order : a.created <=> b.created;
  }
};

[[nodiscard]] queue_key key_of(const model::server_record& server);

/// The servers that wait for capacity: an index over the records of a cluster_state, which keeps it
/// current. Owns no record.
///
/// Where a server fits depends on its shape (devices, closeness, hard tags, pinned host) and,
/// within it, on its flavour (amounts, group, lifetime). Servers of one flavour fit the same hosts,
/// so one answer does for all of them; a host's devices are compared once per shape, not once per
/// server.
class waiting_queue {
public:
  struct flavour {
    model::resources amount;
    std::string group; ///< anti-affinity; empty = none
    std::optional<model::duration> lifetime;
    std::map<queue_key, model::server_id> members; ///< never empty

    friend bool operator==(const flavour&, const flavour&) = default;
  };
  using flavour_key =
      std::tuple<std::int64_t, std::int64_t, std::int64_t, std::string, std::int64_t>;
  struct shape {
    model::placement_request wants;          ///< without amounts, group and times
    std::map<flavour_key, flavour> flavours; ///< ascending by CPUs; never empty

    friend bool operator==(const shape& a, const shape& b) { return a.flavours == b.flavours; }
  };

  /// Equal for servers that fit the same hosts.
  using kind = std::pair<std::string, flavour_key>;
  [[nodiscard]] static kind kind_of(const model::server_spec& spec);

  void add(const model::server_record& server);
  void remove(const model::server_record& server);

  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  /// 1 = next in line. The server must be waiting.
  [[nodiscard]] std::size_t position(const model::server_record& server) const;
  [[nodiscard]] const std::map<std::string, shape>& shapes() const { return shapes_; }
  /// That which was created first; nullopt = none waits.
  [[nodiscard]] std::optional<model::server_id> oldest() const;
  /// When whose time is over, ascending.
  [[nodiscard]] const std::set<std::pair<model::timestamp, model::server_id>>& deadlines() const {
    return deadlines_;
  }
  /// Changes with every change of the queue.
  [[nodiscard]] std::uint64_t version() const { return version_; }

  /// Of one priority, the oldest first.
  struct place {
    model::sequence_number created = 0;
    model::server_id server;

    friend bool operator==(const place&, const place&) = default;
  };
  /// By priority, the highest first; no list is empty.
  [[nodiscard]] const std::map<std::int32_t, std::deque<place>, std::greater<>>& places() const {
    return places_;
  }
  /// Hosts that are kept for waiting servers, and for whom.
  [[nodiscard]] const std::map<model::host_id, model::server_id>& reserved() const {
    return reserved_;
  }

private:
  std::size_t size_ = 0;
  std::uint64_t version_ = 0;
  std::map<std::int32_t, std::deque<place>, std::greater<>> places_;
  std::map<std::string, shape> shapes_;
  std::set<std::pair<model::timestamp, model::server_id>> deadlines_;
  std::map<model::host_id, model::server_id> reserved_;

  /// Equal in what they hold; for audits.
  friend bool operator==(const waiting_queue& a, const waiting_queue& b);
};

} // namespace berth::control
