#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "control/cluster_state.hpp"

namespace berth::control {

/// When a waiting server could start on a host, if nobody else came there.
struct outlook {
  /// By the expected lifetimes of the servers that have to leave; nullopt = one of them has none.
  std::optional<model::timestamp> starts_at;
  /// Devices held by servers of unknown lifetime that have to leave.
  std::int64_t in_doubt = 0;

  /// True if a server would rather wait here than there: a known start before an unknown one, the
  /// earlier first; else the fewer devices in doubt.
  [[nodiscard]] bool is_better_than(const outlook& other) const;
  friend bool operator==(const outlook&, const outlook&) = default;
};

/// One host as it will be when its servers leave, one after another: by their expected ends, those
/// without one last and the oldest first. A server past its end counts as leaving now, as do those
/// being deleted; devices on their way back are free at once. A copy of that host alone.
class departing_host {
public:
  /// The host must exist. `models` are names that some device of the cluster has exactly: a request
  /// for one of them wants just that model, also where this host has none of it.
  departing_host(const cluster_state& state, model::host_id host, model::timestamp now,
                 std::span<const std::string> models);

  /// Lets servers go until the request fits; nullopt = it does not fit on the empty host either.
  [[nodiscard]] std::optional<outlook> make_room_for(const model::placement_request& request);
  /// Puts another server there, on devices that are free now, and keeps it.
  void put(const model::placement_request& request, const model::placement& where);
  [[nodiscard]] bool fits(const model::placement_request& request) const;

  /// A bound for make_room_for(), from amounts and numbers of devices alone: the outlook is not
  /// better than this; nullopt = it does not fit there at all. Cheap.
  [[nodiscard]] static std::optional<outlook> bound(const cluster_state& state,
                                                    const host_entry& host,
                                                    const model::placement_request& request,
                                                    model::timestamp now);

private:
  struct departure {
    const model::server_record* server = nullptr;
    std::optional<model::timestamp> at;
  };
  static std::vector<departure> departures(const cluster_state& state, const host_entry& host,
                                           model::timestamp now);
  void let_go(const model::server_record& server);

  const cluster_state& state_;
  model::host_id host_;
  model::timestamp now_;
  scheduler::inventory world_;
  std::vector<departure> leaving_;
  std::size_t gone_ = 0; ///< so many of them have left
};

} // namespace berth::control
