// The file of remembered devices with anything in it: an answer that is written again as it was
// read, or a failure that names the file.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "hostbackend/linux/device_memory.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace host_linux = berth::hostbackend::host_linux;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto parsed = host_linux::parse_remembered(text, "fuzz");
  const bool good =
      parsed ? host_linux::to_text(*parsed) == text : parsed.error().message.starts_with("fuzz");
  if (!good)
    std::abort();
  return 0;
}
