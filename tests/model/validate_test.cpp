#include <functional>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/server.hpp"

namespace berth::model {
namespace {

using ::testing::HasSubstr;

server_spec good_spec() {
  server_spec spec;
  spec.name = "vm-1";
  spec.disks = {{10240, "debian12"}, {1, ""}};
  spec.networks = {"net0"};
  spec.devices = {{std::nullopt, 2, {{"H100", "", {}, {}}, {"A100", "NVIDIA", {}, {}}}},
                  {device_id{uuid::from_random(1, 1)}, 1, {}}};
  spec.tags = {{"rack1"}, {"fast"}, {"old"}};
  spec.metadata = {{"team", "vision"}};
  return spec;
}

struct bad_row {
  const char* what;
  std::function<void(server_spec&)> spoil;
  const char* field;   ///< the message starts with it
  const char* message; ///< part of what it says
  errc code = errc::invalid_argument;
};

const device_request one_gpu{std::nullopt, 1, {device_selector{}}};
constexpr auto biggest = std::numeric_limits<std::int64_t>::max();

const std::vector<bad_row>& bad_rows() {
  static const std::vector<bad_row> rows{
      {"no name", [](auto& s) { s.name = ""; }, "name", "1 to 128"},
      {"name with space", [](auto& s) { s.name = "a b"; }, "name", "'a b'"},
      {"long name", [](auto& s) { s.name = std::string(129, 'a'); }, "name", "1 to 128"},
      {"dash first", [](auto& s) { s.name = "-rf"; }, "name", "not start with"},
      {"bad project", [](auto& s) { s.project = ""; }, "project", "1 to 128"},
      {"not kvm", [](auto& s) { s.hypervisor = "xen"; }, "hypervisor", "only 'kvm'"},
      {"unknown os", [](auto& s) { s.os = "beos"; }, "os", "'linux' or 'windows'"},
      {"bad group", [](auto& s) { s.anti_affinity_group = "a b"; }, "anti_affinity_group", "1 to"},
      {"no vcpus", [](auto& s) { s.vcpus = 0; }, "vcpus", "1 to 1024"},
      {"negative vcpus", [](auto& s) { s.vcpus = -1; }, "vcpus", "is -1"},
      {"many vcpus", [](auto& s) { s.vcpus = 1025; }, "vcpus", "1 to 1024"},
      {"no memory", [](auto& s) { s.memory_mib = 0; }, "memory_mib", "1 to 67108864 MiB"},
      {"much memory", [](auto& s) { s.memory_mib = 67108865; }, "memory_mib", "67108864"},
      {"65 disks",
       [](auto& s) {
         s.disks.assign(65, {1, ""});
       },
       "disks", "at most 64"},
      {"negative priority", [](auto& s) { s.priority = -1; }, "priority", "must be 0 to 100"},
      {"high priority", [](auto& s) { s.priority = 101; }, "priority", "is 101"},
      {"no wait", [](auto& s) { s.wait_for_capacity = duration{999'999'999}; },
       "wait_for_capacity_seconds", "is 0: must be 1 to 31536000 seconds"},
      {"long wait", [](auto& s) { s.wait_for_capacity = std::chrono::hours{366 * 24}; },
       "wait_for_capacity_seconds", "1 to"},
      {"no lifetime", [](auto& s) { s.lifetime = std::chrono::seconds{-5}; },
       "expected_lifetime_seconds", "is -5: must be 1 to 315360000 seconds"},
      {"longest lifetime", [](auto& s) { s.lifetime = duration::max(); },
       "expected_lifetime_seconds", "1 to"},
      {"empty disk", [](auto& s) { s.disks[1].size_mib = 0; }, "disks[1].size_mib", "1 to"},
      {"overflowing disks",
       [](auto& s) {
         s.disks.assign(2, {biggest, ""});
       },
       "disks[0].size_mib", "1 to"},
      {"too much storage",
       [](auto& s) {
         s.disks.assign(17, {67108864, ""});
       },
       "disks", "in total"},
      {"image with newline", [](auto& s) { s.disks[0].image = "a\nb"; }, "disks[0].image", "a?b"},
      {"17 networks", [](auto& s) { s.networks.assign(17, "n"); }, "networks", "at most 16"},
      {"bad network",
       [](auto& s) {
         s.networks = {"ok", "a;b"};
       },
       "networks[1]", "'a;b'"},
      {"bad tag",
       [](auto& s) {
         s.tags.prefer = {"ok", ""};
       },
       "tags.prefer[1]", "1 to 128"},
      {"65 tags", [](auto& s) { s.tags.avoid.assign(65, "t"); }, "tags.avoid", "at most 64"},
      {"required and avoided", [](auto& s) { s.tags.avoid = {"rack1"}; }, "tags", "'rack1'"},
      {"no count", [](auto& s) { s.devices[0].count = 0; }, "devices[0].count", "1 to 64"},
      {"negative count", [](auto& s) { s.devices[0].count = -2; }, "devices[0].count", "is -2"},
      {"65 of one", [](auto& s) { s.devices[0].count = 65; }, "devices[0].count", "1 to 64"},
      {"65 in total", [](auto& s) { s.devices[0].count = 64; }, "devices", "65 devices"},
      {"65 requests", [](auto& s) { s.devices.assign(65, one_gpu); }, "devices", "at most 64"},
      {"neither id nor selector", [](auto& s) { s.devices[0].alternatives.clear(); }, "devices[0]",
       "names no device"},
      {"17 alternatives", [](auto& s) { s.devices[0].alternatives.assign(17, device_selector{}); },
       "devices[0].alternatives", "at most 16"},
      {"id with count", [](auto& s) { s.devices[1].count = 2; }, "devices[1]", "id alone"},
      {"id with selector", [](auto& s) { s.devices[1].alternatives = {device_selector{}}; },
       "devices[1]", "id alone"},
      {"model with control character",
       [](auto& s) { s.devices[0].alternatives[1].model = "A\x01"; },
       "devices[0].alternatives[1].model", "control"},
      {"long vendor", [](auto& s) { s.devices[0].alternatives[0].vendor = std::string(129, 'v'); },
       "devices[0].alternatives[0].vendor", "at most 128"},
      {"one device twice", [](auto& s) { s.devices.push_back(s.devices[1]); }, "device 0",
       "named twice", errc::duplicate_device},
      {"windows with GPU-VGA on bios",
       [](auto& s) {
         s.os = "windows";
         s.devices[0].alternatives[1].type = dev_type::gpu_vga;
       },
       "devices[0]", "set the firmware to uefi"},
      {"65 metadata",
       [](auto& s) {
         for (int i = 0; i < 65; ++i) {
           s.metadata[std::to_string(i)] = "";
         }
       },
       "metadata", "at most 64"},
      {"empty key", [](auto& s) { s.metadata[""] = "x"; }, "metadata", "1 to 128"},
      {"huge user data", [](auto& s) { s.user_data.assign(16'385, 'x'); }, "user_data", "16384"},
      {"65 QEMU arguments", [](auto& s) { s.qemu_arguments.assign(65, "-x"); }, "qemu_arguments",
       "at most 64"},
      {"an empty QEMU argument", [](auto& s) { s.qemu_arguments = {""}; }, "qemu_arguments[0]",
       "1 to 1024"},
      {"huge value", [](auto& s) { s.metadata["k"] = std::string(4097, 'x'); }, "metadata", "4096"},
  };
  return rows;
}

TEST(Validate, EveryBoundHasItsMessage) {
  for (const auto& row : bad_rows()) {
    auto spec = good_spec();
    row.spoil(spec);
    const auto checked = validate(spec);
    ASSERT_FALSE(checked.has_value()) << row.what;
    EXPECT_EQ(checked.error().code, row.code) << row.what;
    EXPECT_EQ(checked.error().message.rfind(row.field, 0), 0U)
        << row.what << ": " << checked.error().message;
    EXPECT_THAT(checked.error().message, HasSubstr(row.message)) << row.what;
    EXPECT_NE(checked.error().message.back(), '.') << row.what;
  }
}

TEST(Validate, TakesEveryUpperBound) {
  auto spec = good_spec();
  EXPECT_TRUE(validate(spec).has_value());
  spec.name = std::string(128, 'a');
  spec.vcpus = 1024;
  spec.memory_mib = 67108864;
  spec.disks.assign(16, {67108864, ""});
  spec.devices = {{std::nullopt, 64, {device_selector{}}}};
  spec.networks.assign(16, "n");
  EXPECT_TRUE(validate(spec).has_value());
  spec = good_spec();
  spec.disks.clear();
  spec.networks.clear();
  spec.devices.clear();
  EXPECT_TRUE(validate(spec).has_value());
}

TEST(Validate, WindowsMayHaveVgaWithUefi) {
  auto spec = good_spec();
  spec.os = "windows";
  spec.devices[0].alternatives[0].type = dev_type::gpu_vga;
  EXPECT_FALSE(validate(spec).has_value());
  spec.boot = firmware::uefi;
  EXPECT_TRUE(validate(spec).has_value());
  spec.boot = firmware::bios;
  spec.devices[0].alternatives[0].type = dev_type::gpu_hpc;
  EXPECT_TRUE(validate(spec).has_value());
}

TEST(Amount, SumsDisks) {
  const auto spec = good_spec();
  EXPECT_EQ(amount_of(spec), (resources{1, 1024, 10241}));
}

TEST(ToPlacementRequest, CarriesEverythingThatPlacementNeeds) {
  auto spec = good_spec();
  spec.host = host_id{uuid::from_random(3, 3)};
  spec.preferred_host = host_id{uuid::from_random(4, 4)};
  spec.anti_affinity_group = "group";
  spec.topology.numa = wish::require;
  const server_id id{uuid::from_random(5, 5)};
  spec.lifetime = std::chrono::hours{3};
  const timestamp now{std::chrono::hours{5}};
  const auto request = to_placement_request(id, spec, now);
  EXPECT_EQ(request.server, id);
  EXPECT_EQ(request.project, "default");
  EXPECT_EQ(request.amount, amount_of(spec));
  EXPECT_EQ(request.devices, spec.devices);
  EXPECT_EQ(request.topology, spec.topology);
  EXPECT_EQ(request.tags, spec.tags);
  EXPECT_EQ(request.anti_affinity_group, "group");
  EXPECT_EQ(request.host, spec.host);
  EXPECT_EQ(request.preferred_host, spec.preferred_host);
  EXPECT_EQ(request.now, now);
  EXPECT_EQ(request.ends_at, now + std::chrono::hours{3});
}

TEST(Resources, AddSubtractCompare) {
  const resources a{4, 8, 16};
  const resources b{1, 9, 16};
  EXPECT_EQ(a + b, (resources{5, 17, 32}));
  EXPECT_EQ(a - b, (resources{3, -1, 0}));
  EXPECT_EQ(min(a, b), (resources{1, 8, 16}));
  EXPECT_TRUE(min(a, b).fits_in(a));
  EXPECT_FALSE(b.fits_in(a));
}

} // namespace
} // namespace berth::model
