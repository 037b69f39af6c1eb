#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hostbackend/pci_facts.hpp"
#include "model/device.hpp"

namespace berth::hostbackend {

struct device_names {
  std::string vendor; ///< `NVIDIA`
  std::string model;  ///< `GeForce GTX 1050 Ti`
};

struct survey_options {
  bool disable_gpu = false;  ///< offer no GPU at all
  bool use_boot_vga = false; ///< offer even the host's boot display
  /// Offered besides GPUs, as dev_type `pci`. A virtual function (SR-IOV), a GPU's too, is offered
  /// only if its id stands here.
  std::vector<model::vendor_device_id> offered_ids{};
  /// The same by base class and subclass, e.g. 0x0108 for NVMe controllers; never a bridge.
  std::vector<std::uint16_t> offered_classes{};
};

/// Finds the passthrough devices of a machine and decides, from facts alone, what must be passed
/// along with each (`companions`), which can only be given away together (`allocation_unit`), and
/// which can never be offered (`unusable_reason`). Shared by the real and the simulated backend.
///
/// A unit is closed over cards and IOMMU groups: with one function go all functions of its card,
/// and with those all members of their groups, bridges excepted. A virtual function is a card of
/// its own. A group member of a card that is not offered makes the device unusable if the host
/// drives it; one without a driver is passed along. So does every member that the host is known to
/// use, that fell off the bus, or that could not be read. A bridge with an ordinary header (host,
/// ISA) is never passed along, but must not be driven by the host either: VFIO would refuse the
/// group (kernel, Documentation/driver-api/vfio.rst). A device that fell off the bus is none, until
/// it answers again. The devices are ascending by address; their ids are left nil.
[[nodiscard]] std::vector<model::device_info>
survey(const std::vector<function_facts>& functions, const survey_options& options,
       const std::function<device_names(const function_facts&)>& names);

} // namespace berth::hostbackend
