#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/device.hpp"
#include "model/ids.hpp"
#include "model/request.hpp"
#include "model/resources.hpp"
#include "model/time.hpp"
#include "scheduler/scheduler.hpp"

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

/// On its way back to being free, and in nobody's hands.
[[nodiscard]] bool comes_back(const model::device_record& device);
/// Could be given away one day, whoever has it now.
[[nodiscard]] bool is_usable(const model::device_record& device);
/// False only for a device that the request surely does not ask for.
[[nodiscard]] bool may_match(const model::device_record& device,
                             const model::placement_request& request);

/// How many a request asks for, of all kinds.
[[nodiscard]] std::int64_t devices_of(const model::placement_request& request);

/// What of a host a request could use, in numbers alone.
struct host_supply {
  struct leaving {
    std::optional<model::timestamp> ends; ///< nullopt: not known
    std::uint64_t created = 0;            ///< the order of creation
    model::resources amount;
    std::int64_t usable = 0; ///< of its devices: may match the request, and come back
    std::int64_t held = 0;   ///< all its devices
  };
  model::resources free;    ///< for a server of this kind, with devices or without
  std::int64_t devices = 0; ///< may match, and are free or come back
  std::vector<leaving> servers;
};

/// A bound for departing_host::make_room_for(): the outlook is not better than this; nullopt = it
/// does not fit there at all. Cheap.
[[nodiscard]] std::optional<outlook>
best_outlook(host_supply supply, const model::placement_request& request, model::timestamp now);

/// A host and who is on it.
struct host_tenancy {
  struct tenant {
    scheduler::server_allocated holds;
    std::optional<model::timestamp> ends; ///< nullopt: not known
    std::uint64_t created = 0;            ///< the order of creation
  };
  scheduler::host_changed host;
  std::vector<tenant> tenants;
};

/// One host as it will be when its servers leave, one after another: by their expected ends, those
/// without one last and the oldest first. A server past its end counts as leaving now; devices on
/// their way back are free at once. A copy of that host alone.
class departing_host {
public:
  /// `models` are names that some device of the cluster has exactly: a request for one of them
  /// wants just that model, also where this host has none of it.
  departing_host(host_tenancy of, model::timestamp now, std::span<const std::string> models);

  /// Lets servers go until the request fits; nullopt = it does not fit on the empty host either.
  [[nodiscard]] std::optional<outlook> make_room_for(const model::placement_request& request);
  /// Puts another server there, on devices that are free now, and keeps it.
  void put(const model::placement_request& request, const model::placement& where);
  [[nodiscard]] bool fits(const model::placement_request& request) const;

private:
  void let_go(const host_tenancy::tenant& tenant);

  model::host_id host_;
  model::timestamp now_;
  scheduler::inventory world_;
  std::vector<model::device_record> devices_;
  std::vector<host_tenancy::tenant> leaving_;
  std::size_t gone_ = 0; ///< so many of them have left
};

} // namespace berth::control
