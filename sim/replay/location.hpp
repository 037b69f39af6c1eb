#pragma once

#include <vector>

#include "model/event.hpp"
#include "model/ids.hpp"
#include "model/server.hpp"

namespace berth::sim {

/// Where a server is put.
struct location {
  model::host_id host;
  std::vector<model::device_id> devices;

  friend bool operator==(const location&, const location&) = default;
};

[[nodiscard]] std::vector<model::device_id>
devices_of(const std::vector<model::attachment>& attachments);
[[nodiscard]] std::vector<model::device_id>
devices_of(const std::vector<model::device_release>& releases);

} // namespace berth::sim
