#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hostbackend/linux/doctor_facts.hpp"

namespace berth::hostbackend::host_linux {

enum class check_verdict : std::uint8_t {
  ok,
  warning, ///< works, but could be better or will not last
  problem, ///< keeps GPUs from being passed through, or makes it unsafe
  not_applicable,
  unknown, ///< could not be read
};
[[nodiscard]] std::string_view to_string(check_verdict verdict); ///< `not_applicable`

/// What is to change on the kernel's command line.
struct kernel_arguments {
  std::vector<std::string> add{};
  std::vector<std::string> remove{}; ///< as they stand there

  [[nodiscard]] bool empty() const { return add.empty() && remove.empty(); }
  friend bool operator==(const kernel_arguments&, const kernel_arguments&) = default;
};

/// One thing that was looked at.
struct finding {
  std::string check{};   ///< stable name, `iommu_kernel`
  std::string subject{}; ///< the device for checks that are made once per device; else empty
  check_verdict verdict = check_verdict::unknown;
  bool needed = true; ///< nothing is passed through without it: `unknown` leaves the answer open
  std::string seen{};
  kernel_arguments kernel{};         ///< the part of the remedy that takes a reboot
  std::vector<std::string> remedy{}; ///< commands, lines for files, or what to do in the firmware

  friend bool operator==(const finding&, const finding&) = default;
};

/// Every check, always in the same order. Pure. The rules: the host settings of Cloudpods' page on
/// GPU passthrough, and the kernel's documentation of vfio and of its parameters.
[[nodiscard]] std::vector<finding> examine(const doctor_facts& facts);

enum class diagnosis : std::uint8_t { ready, not_ready, unknown };
[[nodiscard]] std::string_view to_string(diagnosis what);
/// One problem is enough for `not_ready`; a needed check that is unknown makes the rest `unknown`.
[[nodiscard]] diagnosis diagnose(const std::vector<finding>& findings);

/// What all of them together want changed, each argument once.
[[nodiscard]] kernel_arguments wanted_kernel_arguments(const std::vector<finding>& findings);

} // namespace berth::hostbackend::host_linux
