#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/failure.hpp"
#include "model/pci_address.hpp"

namespace berth::hostbackend::simulated {

/// What a fault does to the operation that it strikes.
enum class fault_kind : std::uint8_t {
  fail,       ///< it fails with the code that its name has (`bind_failed`, `reset_failed`, ...)
  stuck,      ///< it does not answer until clear_faults()
  unknown,    ///< it fails with outcome_unknown; it was done with probability 1/2
  slow,       ///< it takes `factor` times as long
  unreadable, ///< it succeeds, and the configuration space reads 0xFF until a reset without a fault
  link_degraded, ///< likewise, the link comes up with half its lanes
  ignored,       ///< it succeeds and nothing comes of it: a guest that does not do what it is asked
  off_bus,       ///< the device leaves the bus: device_lost, and a device_vanished event
};

/// Which operations go wrong, and how. The first matching fault of a plan strikes.
struct fault {
  std::string operation{}; ///< as operation_name(), e.g. `reset_device`
  fault_kind kind = fault_kind::fail;
  std::string host{};                         ///< by name; empty = any
  std::optional<model::pci_address> device{}; ///< nullopt = any
  std::string method{};                       ///< of a reset; empty = any
  double probability = 1;                     ///< 0..1
  std::uint32_t times = 0;                    ///< strikes per host, then never again; 0 = no end
  double factor = 10;                         ///< of `slow`
};
using fault_plan = std::vector<fault>;

/// Reads a fault plan:
///   faults:
///     - {on: reset_device, kind: fail, device: "41:00.0", method: flr, times: 2}
///     - {on: bind_device, kind: stuck, host: gpu-0007, probability: 0.01}
[[nodiscard]] model::result<fault_plan> parse_fault_plan(std::string_view text, std::string source);
[[nodiscard]] model::result<fault_plan> load_fault_plan(const std::string& path);

} // namespace berth::hostbackend::simulated
