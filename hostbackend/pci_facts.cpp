#include "hostbackend/pci_facts.hpp"

#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

namespace berth::hostbackend {

bool is_gpu(const function_facts& one) {
  constexpr std::uint16_t nvidia = 0x10de;
  constexpr std::uint16_t amd = 0x1002;
  constexpr std::uint16_t intel = 0x8086;
  const auto kind = one.class_code >> 8U;
  const bool graphics = kind == 0x0300 || kind == 0x0302 || kind == 0x0380;
  const bool accelerator = kind == 0x1200 && one.id.vendor != intel; // Intel's are no GPUs
  return (graphics || accelerator) && !is_bridge(one) &&
         (one.id.vendor == nvidia || one.id.vendor == amd || one.id.vendor == intel);
}

std::string class_name(std::uint32_t class_code) {
  static constexpr std::array<std::pair<std::uint32_t, std::string_view>, 12> names{{
      {0x0106, "SATA controller"},
      {0x0108, "NVMe controller"},
      {0x0200, "Ethernet controller"},
      {0x0207, "InfiniBand controller"},
      {0x0300, "VGA controller"},
      {0x0302, "3D controller"},
      {0x0380, "display controller"},
      {0x0403, "audio device"},
      {0x0680, "bridge"},
      {0x0c03, "USB controller"},
      {0x0c80, "serial bus controller"},
      {0x1200, "processing accelerator"},
  }};
  for (const auto& [code, name] : names)
    if (class_code >> 8U == code)
      return std::string{name};
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "class %04x", (class_code >> 8U) & 0xffffU);
  return text.data();
}

model::host_id derive_host_id(std::string_view host_name) {
  return {model::uuid::derive(model::uuid{}, "berth-host:" + std::string{host_name})};
}

model::device_id derive_device_id(const model::host_id& host, const model::vendor_device_id& kind,
                                  const model::pci_address& address) {
  return {model::uuid::derive(host.value, to_string(kind) + " " + to_string(address))};
}

} // namespace berth::hostbackend
