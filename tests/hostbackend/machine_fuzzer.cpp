// Machine files, inventories and fault plans from anywhere: an answer or a clear failure, never
// more. The first byte chooses the format.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "hostbackend/simulated/faults.hpp"
#include "hostbackend/simulated/inventory.hpp"
#include "hostbackend/simulated/machine.hpp"

namespace simulated = berth::hostbackend::simulated;

namespace {

void expect(bool holds) {
  if (!holds)
    std::abort();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  switch (data[0] % 3) {
  case 0:
    if (const auto parsed = simulated::parse_machine(text, "fuzz")) {
      const auto info = simulated::describe(simulated::make_host("fuzz", *parsed), "fuzz");
      expect(info.devices.size() <= (*parsed)->functions.size());
      for (const auto& device : info.devices)
        expect(!device.id.is_nil());
    } else {
      expect(parsed.error().message.starts_with("fuzz"));
    }
    break;
  case 1: // machine files are looked for where there are none
    if (const auto parsed = simulated::parse_inventory(
            text, "fuzz", {.machines = "/nonexistent", .base = "/nonexistent"}))
      expect(!parsed->empty());
    break;
  default:
    if (const auto parsed = simulated::parse_fault_plan(text, "fuzz"))
      expect(parsed->size() <= 1000);
    break;
  }
  return 0;
}
