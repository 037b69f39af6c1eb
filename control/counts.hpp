#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "model/device.hpp"
#include "model/server.hpp"

namespace berth::control {

inline constexpr std::size_t device_states =
    static_cast<std::size_t>(model::device_state::quarantined) + 1;
inline constexpr std::size_t server_statuses =
    static_cast<std::size_t>(model::server_status::unknown) + 1;

/// How many devices are in each state, indexed by the state's number.
using device_state_counts = std::array<std::int64_t, device_states>;
/// The same per model. Ordered: it reaches the metrics.
using model_counts = std::map<std::string, device_state_counts, std::less<>>;

/// Totals over the cluster, kept current with every event.
struct counts {
  std::int64_t hosts = 0;
  std::int64_t hosts_online = 0;
  std::int64_t hosts_settled = 0;
  std::int64_t hosts_disabled = 0;
  std::int64_t hosts_in_maintenance = 0;
  std::array<std::int64_t, server_statuses> servers{}; ///< by the status's number
  device_state_counts devices{};
  std::int64_t devices_allocated = 0; ///< those with an owner

  friend bool operator==(const counts&, const counts&) = default;
};

} // namespace berth::control
