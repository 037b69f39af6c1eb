#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/device.hpp"
#include "model/ids.hpp"
#include "model/resources.hpp"
#include "model/time.hpp"

namespace berth::model {

/// Describes devices instead of naming them. Empty fields match everything.
/// `model`: exact, else substring, both without regard to case (CLOUDPODS.md section 1.3).
struct device_selector {
  std::string model;
  std::string vendor; ///< exact, without regard to case, or 4 hexadecimal digits
  std::optional<dev_type> type;
  std::optional<vendor_device_id> vendor_device;

  friend bool operator==(const device_selector&, const device_selector&) = default;
};

/// One exact device, or `count` devices that one selector matches. Alternatives are tried in order.
struct device_request {
  std::optional<device_id> id; ///< set: count is 1 and alternatives is empty
  std::int32_t count = 1;      ///< 1..64
  std::vector<device_selector>
      alternatives; ///< `H100 else A100`; all `count` devices match the same one

  friend bool operator==(const device_request&, const device_request&) = default;
};

enum class wish : std::uint8_t { none, prefer, require };
[[nodiscard]] std::string_view to_string(wish w);
[[nodiscard]] std::optional<wish> parse_wish(std::string_view text);

/// How close a server's devices shall be to each other.
struct topology_wishes {
  wish numa = wish::prefer;
  wish pcie_root = wish::prefer; ///< below one root port
  wish pcie_switch = wish::prefer;
  wish fabric = wish::prefer;

  friend bool operator==(const topology_wishes&, const topology_wishes&) = default;
};

/// `numa=require fabric=none`: what differs from the default; empty if nothing does.
[[nodiscard]] std::string to_string(const topology_wishes& wishes);
/// nullopt: not such a text.
[[nodiscard]] std::optional<topology_wishes> parse_topology(std::string_view text);

struct tag_wishes {
  std::vector<std::string> require;
  std::vector<std::string> prefer;
  std::vector<std::string> avoid; ///< excluded hosts: a hard rule

  friend bool operator==(const tag_wishes&, const tag_wishes&) = default;
};

/// All that placement needs to know of a server.
struct placement_request {
  server_id server;
  std::string project;
  resources amount;
  std::vector<device_request> devices; ///< empty = an ordinary server
  topology_wishes topology;
  tag_wishes tags;
  std::string anti_affinity_group;       ///< empty = none; members sit on different hosts
  std::optional<host_id> host;           ///< hard: only this host
  std::optional<host_id> preferred_host; ///< soft
  timestamp now{};                       ///< when it is asked: placement has no clock
  std::optional<timestamp> ends_at{};    ///< when the server is expected to be gone, if known
  /// Hard: hosts that are kept for waiting servers and would not be free of this one in time.
  /// Ascending, no duplicates.
  std::vector<host_id> avoid_hosts{};

  friend bool operator==(const placement_request&, const placement_request&) = default;
};

} // namespace berth::model
