#include "cli/device_argument.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::cli {
namespace {

std::string parsed(std::string_view text) {
  const auto got = parse_device_argument(text);
  return got ? dump(to_json(*got)) : got.error().message;
}

TEST(DeviceArgument, Forms) {
  struct row {
    const char* text;
    const char* result;
  };
  const row rows[] = {
      {"273f4f72-06b6-49aa-8456-4beceec44997", R"({"id":"273f4f72-06b6-49aa-8456-4beceec44997"})"},
      {"273F4F72-06B6-49AA-8456-4BECEEC44997", R"({"id":"273f4f72-06b6-49aa-8456-4beceec44997"})"},
      {"GeForce GTX 1050 Ti", R"({"model":"GeForce GTX 1050 Ti"})"},
      {"GPU-HPC", R"({"dev_type":"GPU-HPC"})"},
      {"vendor=NVIDIA", R"({"vendor":"NVIDIA"})"},
      {"GPU-HPC:Tesla V100:vendor=NVIDIA",
       R"({"model":"Tesla V100","vendor":"NVIDIA","dev_type":"GPU-HPC"})"},
      {"10de:1c82", R"({"vendor_device_id":"10de:1c82"})"},
      {"GPU-VGA:10de:1c82", R"({"dev_type":"GPU-VGA","vendor_device_id":"10de:1c82"})"},
      {"model=10de", R"({"model":"10de"})"},
      {"4xA100", R"({"model":"A100","count":4})"},
      {"2x A100 : vendor=10de", R"({"model":"A100","vendor":"10de","count":2})"},
      {"H100|A100", R"({"model":"H100","alternatives":[{"model":"A100"}]})"},
      {"8xH100|A100:vendor=NVIDIA|GPU-HPC",
       R"({"model":"H100","count":8,"alternatives":[{"model":"A100","vendor":"NVIDIA"},)"
       R"({"dev_type":"GPU-HPC"}]})"},
      {"1080 Ti", R"({"model":"1080 Ti"})"},
      {"", R"(--isolated-device "": it is empty; give an id, a type, a model or vendor=X)"},
      {"0xA100", R"(--isolated-device "0xA100": the count must be from 1 to 64)"},
      {"65xA100", R"(--isolated-device "65xA100": the count must be from 1 to 64)"},
      {"A100||H100", R"(--isolated-device "A100||H100": an alternative is empty)"},
      {"GPU-HPC::A100", R"(--isolated-device "GPU-HPC::A100": a piece between colons is empty)"},
      {"A100:H100",
       R"(--isolated-device "A100:H100": "H100" says again what another piece has said)"},
      {"USB", R"(--isolated-device "USB": type USB cannot be passed through; GPU-HPC, GPU-VGA and )"
              R"(PCI can)"},
      {"273f4f72-06b6-49aa-8456-4beceec44997:GPU-HPC",
       R"(--isolated-device "273f4f72-06b6-49aa-8456-4beceec44997:GPU-HPC": an id names one )"
       R"(device and stands alone)"},
      {"device_path=/dev/x",
       R"(--isolated-device "device_path=/dev/x": devices are not chosen by path; use an id from )"
       R"(isolated-device-list)"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(parsed(row.text), row.result) << row.text;
}

} // namespace
} // namespace berth::cli
