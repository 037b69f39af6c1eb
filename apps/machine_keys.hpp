#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/device.hpp"
#include "model/failure.hpp"

namespace berth::apps {

// Keys of host.yaml whose text is a list. A failure names the key, the entry and what would be
// right; no text = an empty list.

/// `devices.offer`: what to offer besides GPUs.
struct offered_devices {
  std::vector<model::vendor_device_id> ids;
  std::vector<std::uint16_t> classes; ///< base class and subclass

  friend bool operator==(const offered_devices&, const offered_devices&) = default;
};
/// `15b3:1021, 0108`: vendor and device, or base class and subclass, in hexadecimal digits.
[[nodiscard]] model::result<offered_devices> parse_offers(std::string_view text);

/// An entry of `devices.resets`.
struct reset_order {
  std::string devices; ///< `10de:2330`, `10de:*` or `*`
  std::vector<std::string> methods;

  friend bool operator==(const reset_order&, const reset_order&) = default;
};
/// `10de:2330=bus+rescan, 10de:*=flr+bus`: the first entry that matches a device counts.
[[nodiscard]] model::result<std::vector<reset_order>> parse_resets(std::string_view text);

/// An entry of `servers.networks`.
struct named_network {
  std::string name;    ///< as servers ask for it
  bool bridge = false; ///< else a network of libvirt
  std::string target;  ///< the bridge's or libvirt network's name

  friend bool operator==(const named_network&, const named_network&) = default;
};
/// `net0=bridge:br0, nat=network:default`.
[[nodiscard]] model::result<std::vector<named_network>> parse_networks(std::string_view text);

} // namespace berth::apps
