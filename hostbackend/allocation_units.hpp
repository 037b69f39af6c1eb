#pragma once

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
};

/// Finds the passthrough devices of a machine and decides, from facts alone, what must be passed
/// along with each (`companions`), which can only be given away together (`allocation_unit`), and
/// which can never be offered (`unusable_reason`). Shared by the real and the simulated backend.
///
/// A unit is closed over cards and IOMMU groups: with one function go all functions of its card,
/// and with those all members of their groups, bridges excepted. A group member that is no GPU, is
/// not of the GPU's card and is driven by the host makes the device unusable; one without a driver
/// is passed along. The devices are ascending by address; their ids are left nil.
[[nodiscard]] std::vector<model::device_info>
survey(const std::vector<function_facts>& functions, const survey_options& options,
       const std::function<device_names(const function_facts&)>& names);

} // namespace berth::hostbackend
