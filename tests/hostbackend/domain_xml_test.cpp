#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/domain_metadata.hpp"
#include "hostbackend/linux/domain_xml.hpp"
#include "hostbackend/linux/guest_devices.hpp"
#include "hostbackend/linux/hot_plug.hpp"
#include "hostbackend/simulated/machine.hpp"
#include "model/random.hpp"
#include "tests/golden.hpp"
#include "tests/hostbackend/apparmor_rules.hpp"

namespace berth::hostbackend::host_linux {
namespace {

namespace fs = std::filesystem;
using berth::testing::matches_golden;
using model::dev_type;
using model::errc;
using testing::apparmor_rules;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::array machines{"page-machine", "dgx-a100", "hgx-h100",
                              "l40s-4",       "mi300x-8", "desktop"};

std::shared_ptr<const simulated::machine> machine_named(const std::string& name) {
  return simulated::load_machine(BERTH_SOURCE_DIR "/machines/" + name + ".yaml").value();
}

/// The machine's usable devices with made-up, fixed ids.
std::vector<model::device_info> devices_of(const simulated::machine& kind) {
  std::vector<model::device_info> usable;
  for (auto device : kind.devices)
    if (device.unusable_reason.empty()) {
      device.id = derive_device_id({}, device.vendor_device, device.address);
      usable.push_back(std::move(device));
    }
  return usable;
}

std::vector<numa_node> nodes_of(const simulated::machine& kind) {
  std::vector<numa_node> nodes;
  const int cpus = static_cast<int>(kind.capacity.cpus) / kind.numa_nodes;
  for (int i = 0; i < kind.numa_nodes; ++i)
    nodes.push_back({.id = i,
                     .cpus = std::to_string(i * cpus) + "-" + std::to_string((i + 1) * cpus - 1),
                     .cpu_count = cpus,
                     .memory_mib = kind.capacity.memory_mib / kind.numa_nodes});
  return nodes;
}

domain_settings settings() {
  domain_settings some;
  some.networks = {{"default", {network_source::kind::libvirt_network, "default"}},
                   {"lan", {network_source::kind::bridge, "br0"}}};
  some.serial_log_directory = "/var/log/berth/serial";
  return some;
}

model::desired_server server_with(const std::vector<model::device_info>& devices) {
  model::desired_server server;
  server.id = {model::uuid::derive({}, "server")};
  server.spec.edit([](model::server_spec& spec) {
    spec.name = "web-1";
    spec.vcpus = 8;
    spec.memory_mib = 16384;
    spec.disks = {{.size_mib = 20480, .image = "debian-12.qcow2"}, {.size_mib = 1024, .image = {}}};
    spec.networks = {"default", "lan"};
  });
  for (const auto& device : devices)
    server.attachments.push_back({.device = device.id, .epoch = 3, .type = device.default_type});
  return server;
}

/// Of a host that makes its pools as docs/host-setup.md says.
server_files files_of(const model::desired_server& server) {
  const std::string pools = "/var/lib/libvirt/";
  server_files files;
  for (const auto& disk : server.spec->disks) {
    files.disks.push_back({pools + "berth/" + volume_name(server.id, files.disks.size()), {}});
    if (!disk.image.empty())
      files.disks.back().backing = backing_file{pools + "berth-images/" + disk.image, "qcow2"};
  }
  if (!server.spec->user_data.empty())
    files.seed = pools + "berth/" + seed_volume_name(server.id);
  return files;
}

model::result<std::string> domain_xml(const domain_settings& how,
                                      const model::desired_server& server,
                                      const std::vector<model::device_info>& devices) {
  return domain_xml(how, server, devices, files_of(server));
}

std::string xml_of(const domain_settings& how, const model::desired_server& server,
                   const std::vector<model::device_info>& devices) {
  const auto xml = domain_xml(how, server, devices);
  EXPECT_TRUE(xml.has_value()) << xml.error().message;
  return xml.value_or("");
}

::testing::AssertionResult fits_the_schema(const std::string& xml) {
  auto pattern = (fs::temp_directory_path() / "berth-domain-XXXXXX").string();
  const int file = mkstemp(pattern.data());
  if (file < 0)
    return ::testing::AssertionFailure() << "no temporary file";
  std::ofstream{pattern} << xml;
  const int status = std::system(("virt-xml-validate " + pattern + " domain 2>&1").c_str());
  fs::remove(pattern);
  return status == 0 ? ::testing::AssertionSuccess() : ::testing::AssertionFailure() << xml;
}

bool can_validate() {
  return std::system("command -v virt-xml-validate >/dev/null 2>&1") == 0;
}

TEST(DomainXml, AServerWithoutDevices) {
  EXPECT_TRUE(matches_golden(xml_of(settings(), server_with({}), {}), "domains/plain.xml"));
}

TEST(DomainXml, AGpuOnOneNodeForComputing) {
  const auto kind = machine_named("hgx-h100");
  auto how = settings();
  how.numa = nodes_of(*kind);
  const std::vector devices{devices_of(*kind).front()};
  auto server = server_with(devices);
  server.attachments[0].type = dev_type::gpu_hpc;
  server.spec.edit([](auto& spec) { spec.boot = model::firmware::uefi; });
  EXPECT_TRUE(matches_golden(xml_of(how, server, devices), "domains/gpu-hpc-uefi.xml"));
}

TEST(DomainXml, AGpuAsTheDisplayOfWindows) {
  const auto kind = machine_named("desktop");
  auto devices = devices_of(*kind);
  devices.erase(std::remove_if(devices.begin(), devices.end(),
                               [](const auto& one) { return one.class_code >> 8U != 0x0300; }),
                devices.end());
  ASSERT_FALSE(devices.empty());
  devices.resize(1);
  auto server = server_with(devices);
  server.attachments[0].type = dev_type::gpu_vga;
  server.spec.edit([](auto& spec) {
    spec.os = "windows";
    spec.boot = model::firmware::uefi;
  });
  EXPECT_TRUE(matches_golden(xml_of(settings(), server, devices), "domains/gpu-vga-windows.xml"));
}

TEST(DomainXml, GpusOnSeveralNodesAreMirroredToTheGuest) {
  const auto kind = machine_named("dgx-a100");
  auto how = settings();
  how.numa = nodes_of(*kind);
  auto devices = devices_of(*kind);
  devices.erase(std::remove_if(devices.begin(), devices.end(),
                               [](const auto& one) { return !is_gpu(one.default_type); }),
                devices.end());
  ASSERT_EQ(devices.size(), 8U);
  EXPECT_TRUE(
      matches_golden(xml_of(how, server_with(devices), devices), "domains/gpus-on-nodes.xml"));
}

TEST(DomainXml, AnAdministratorsExtras) {
  auto how = settings();
  how.by = accelerator::emulation;
  how.hugepage_kib = 2048;
  how.spare_root_ports = 2;
  auto server = server_with({});
  server.spec.edit([](auto& spec) { spec.qemu_arguments = {"-device", "edu,id=\"<&>\""}; });
  const auto refused = domain_xml(how, server, {});
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("servers.qemu_arguments"));
  how.allow_qemu_arguments = true;
  EXPECT_TRUE(matches_golden(xml_of(how, server, {}), "domains/extras.xml"));
}

TEST(DomainXml, UserDataComesOnAMediumAndNowhereElse) {
  auto server = server_with({});
  server.spec.edit([](auto& spec) { spec.user_data = "#cloud-config\npassword: secret\n"; });
  const auto xml = xml_of(settings(), server, {});
  EXPECT_TRUE(matches_golden(xml, "domains/user-data.xml"));
  EXPECT_THAT(xml, Not(HasSubstr("secret")));
  EXPECT_THAT(xml, Not(HasSubstr("ds=nocloud"))) << "it would make cloud-init read too early";
}

/// None of the files is there: the rules follow from the XML alone, whatever the program may read.
TEST(DomainXml, GetsTheAppArmorRulesThatItsQemuNeeds) {
  if (!apparmor_rules::possible())
    GTEST_SKIP() << "virt-aa-helper (libvirt-daemon-system) is not installed";
  const auto kind = machine_named("hgx-h100");
  const std::vector devices{devices_of(*kind).front()};
  auto server = server_with(devices);
  server.spec.edit([](auto& spec) {
    spec.boot = model::firmware::uefi;
    spec.user_data = "#cloud-config\n";
  });
  const auto rules = apparmor_rules::of(xml_of(settings(), server, devices), to_string(server.id));
  const auto files = files_of(server);
  for (const auto& disk : files.disks)
    EXPECT_THAT(rules, HasSubstr('"' + disk.path + "\" rwk,"));
  EXPECT_THAT(rules, HasSubstr('"' + files.disks[0].backing->path + "\" rk,"));
  EXPECT_THAT(rules, HasSubstr("deny \"" + files.disks[0].backing->path + "\" w,"));
  EXPECT_THAT(rules, HasSubstr('"' + files.seed + "\" rk,"));
  EXPECT_THAT(rules, HasSubstr("deny \"" + files.seed + "\" w,"));
  EXPECT_THAT(rules, HasSubstr('"' + settings().uefi_code + "\" rk,"));
  EXPECT_THAT(rules, HasSubstr("\"/dev/vfio/vfio\" rw,"));
  EXPECT_THAT(rules, HasSubstr("\"/dev/vfio/[0-9]*\" rw,"));
}

TEST(DomainXml, FilesOfAnotherServerAreRefused) {
  const auto server = server_with({});
  auto with_seed = files_of(server);
  with_seed.seed = "/seed.iso"; // and there is no user data
  for (const auto& wrong : {server_files{}, with_seed}) {
    const auto xml = domain_xml(settings(), server, {}, wrong);
    ASSERT_FALSE(xml.has_value());
    EXPECT_EQ(xml.error().code, errc::internal);
  }
}

TEST(DomainXml, TheSerialNumberNamesTheGuestAsItsMediumWould) {
  auto server = server_with({});
  server.spec.edit([](auto& spec) { spec.name = "team_a.llama3.1"; });
  const auto xml = xml_of(settings(), server, {});
  EXPECT_THAT(xml, HasSubstr(">ds=nocloud;h=team-a-llama3-1;i=" + to_string(server.id) + "<"));
  EXPECT_THAT(xml, HasSubstr("<title>team_a.llama3.1</title>"));
}

class EveryMachine : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryMachine, GivesXmlOfLibvirtsSchema) {
  if (!can_validate())
    GTEST_SKIP() << "virt-xml-validate (libvirt-clients) is not installed";
  const auto kind = machine_named(GetParam());
  const auto devices = devices_of(*kind);
  auto how = settings();
  how.numa = nodes_of(*kind);
  how.spare_root_ports = 4;
  how.allow_qemu_arguments = true;
  for (const auto* const os : {"linux", "windows"})
    for (const auto boot : {model::firmware::bios, model::firmware::uefi})
      for (const auto by : {accelerator::kvm, accelerator::emulation}) {
        how.by = by;
        auto server = server_with(devices);
        server.spec.edit([&](auto& spec) {
          spec.os = os;
          spec.boot = boot;
          spec.qemu_arguments = {"-device", "edu"};
          spec.user_data = boot == model::firmware::uefi ? "#cloud-config" : "";
        });
        EXPECT_TRUE(fits_the_schema(xml_of(how, server, devices)));
      }
}

INSTANTIATE_TEST_SUITE_P(DomainXml, EveryMachine, ::testing::ValuesIn(machines));

model::device_info a_gpu() {
  return devices_of(*machine_named("page-machine")).front();
}

TEST(DomainXml, OnlyTheFirstDisplayIsPrimary) {
  auto first = a_gpu();
  first.class_code = 0x030000;
  auto second = first;
  second.id = {model::uuid::derive({}, "second")};
  second.address.bus = 0x77;
  second.companions.clear();
  auto server = server_with({first, second});
  for (auto& one : server.attachments)
    one.type = dev_type::gpu_vga;
  const auto xml = xml_of(settings(), server, {first, second});
  EXPECT_THAT(xml, HasSubstr("alias=\"ua-" + to_string(first.id) + "\""));
  EXPECT_THAT(xml, Not(HasSubstr("alias=\"ua-" + to_string(second.id) + "\"")));
  EXPECT_THAT(xml, Not(HasSubstr("vnc")));
}

TEST(DomainXml, ACardWithoutVgaIsNoDisplay) {
  auto device = a_gpu();
  device.class_code = 0x030200;
  auto server = server_with({device});
  server.attachments[0].type = dev_type::gpu_vga;
  const auto xml = domain_xml(settings(), server, {device});
  ASSERT_FALSE(xml.has_value());
  EXPECT_EQ(xml.error().code, errc::invalid_argument);
  EXPECT_THAT(xml.error().message, HasSubstr("GPU-HPC"));
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
    ++count;
  return count;
}

TEST(DomainXml, DevicesOfOneUnitNameEachOtherAndComeOnce) {
  auto first = a_gpu();
  auto second = first;
  second.id = {model::uuid::derive({}, "second")};
  second.address.function = 7;
  first.companions = {{.address = second.address, .id = {}, .class_code = 0}};
  second.companions = {{.address = first.address, .id = {}, .class_code = 0}};
  const auto both = xml_of(settings(), server_with({first, second}), {first, second});
  EXPECT_EQ(count_of(both, "<hostdev "), 2U);
  const auto one = xml_of(settings(), server_with({first}), {first});
  EXPECT_EQ(count_of(one, "<hostdev "), 2U) << "the companion goes along";
}

TEST(DomainXml, MoreThanEightFunctionsTakeAnotherSlot) {
  auto device = a_gpu();
  device.companions.clear();
  for (std::uint8_t i = 0; i < 9; ++i)
    device.companions.push_back(
        {.address = {.domain = 0x10000, .bus = 0xe0, .device = i, .function = 0},
         .id = {},
         .class_code = 0});
  auto server = server_with({device});
  server.spec.edit([](auto& spec) { spec.disks.clear(), spec.networks.clear(); });
  const auto xml = xml_of(settings(), server, {device});
  EXPECT_EQ(count_of(xml, "pcie-root-port"), 2U);
  EXPECT_THAT(xml, HasSubstr("bus=\"2\" slot=\"0\" function=\"1\""));
  EXPECT_TRUE(!can_validate() || fits_the_schema(xml));
}

TEST(DomainXml, RefusesWhatTheSpecificationMustNotSay) {
  const auto refused = [](auto change) {
    auto server = server_with({});
    server.spec.edit(change);
    const auto xml = domain_xml(settings(), server, {});
    return xml ? std::string{} : std::string{to_string(xml.error().code)};
  };
  const std::string invalid = "invalid_argument";
  for (const std::string name :
       {"</name><qemu:commandline>", "a;rm -rf $HOME", "../../etc/passwd", "`id`", "a\nb", ""})
    EXPECT_EQ(refused([&](auto& spec) { spec.name = name; }), invalid) << name;
  EXPECT_EQ(refused([](auto& spec) { spec.vcpus = 1'000'000; }), invalid);
  EXPECT_EQ(refused([](auto& spec) { spec.memory_mib = -1; }), invalid);
  EXPECT_EQ(refused([](auto& spec) { spec.disks[0].size_mib = INT64_MAX; }), invalid);
  EXPECT_EQ(refused([](auto& spec) { spec.networks = {"'/><evil"}; }), invalid);
  EXPECT_EQ(refused([](auto& spec) { spec.networks = {"unheard-of"}; }), invalid);
  EXPECT_EQ(refused([](auto&) {}), "");
}

TEST(DomainXml, RefusesMemoryThatIsNoMultipleOfTheHugePages) {
  auto how = settings();
  how.hugepage_kib = 1'048'576;
  auto server = server_with({});
  server.spec.edit([](auto& spec) { spec.memory_mib = 1500; });
  EXPECT_FALSE(domain_xml(how, server, {}).has_value());
}

TEST(DomainXml, AnAttachedDeviceMustBeThere) {
  const auto device = a_gpu();
  const auto xml = domain_xml(settings(), server_with({device}), {});
  ASSERT_FALSE(xml.has_value());
  EXPECT_EQ(xml.error().code, errc::not_found);
}

TEST(DomainXml, AliasesLeadBackToTheDevice) {
  const auto device = a_gpu();
  EXPECT_EQ(device_of_alias("ua-" + to_string(device.id)), device.id);
  EXPECT_FALSE(device_of_alias("ua-" + to_string(device.id) + "-1").has_value()) << "a companion";
  for (const auto* const other : {"", "ua-", "hostdev0", "net0"})
    EXPECT_FALSE(device_of_alias(other).has_value()) << other;
}

TEST(HotPlug, TakesTheLowestRootPortWithNothingBehind) {
  const std::string xml = "<domain><devices>"
                          "<controller type='pci' index='0' model='pcie-root'/>"
                          "<controller type='pci' index='1' model='pcie-root-port'>"
                          "<address type='pci' bus='0x00' slot='0x01'/></controller>"
                          "<controller type='pci' index='2' model='pcie-root-port'/>"
                          "<controller type='pci' index='10' model='pcie-root-port'/>"
                          "<hostdev><source><address bus='0x0a'/></source>"
                          "<address type='pci' bus='0x01' slot='0x00'/></hostdev>";
  const std::string more = "<disk><address type='pci' bus='0x02' slot='0x00'/></disk>";
  const std::string rest = "</devices></domain>";
  EXPECT_EQ(free_root_port(xml + rest), 2U);
  EXPECT_EQ(free_root_port(xml + more + rest), 10U) << "a host's bus is no guest's";
  EXPECT_EQ(free_root_port(xml + more + "<disk><address bus='0x0a'/></disk>" + rest), std::nullopt);
  for (const auto* const other : {"", "<domain/>", "<domain><devices/></domain>", "no xml"})
    EXPECT_EQ(free_root_port(other), std::nullopt) << other;
}

TEST(HotPlug, IsForSingleFunctionsThatAreNoDisplay) {
  auto device = a_gpu();
  const model::attachment as_gpu{.device = device.id, .epoch = 1};
  device.companions.clear();
  const auto xml = hot_plug_xml(as_gpu, device, 10);
  ASSERT_TRUE(xml.has_value());
  EXPECT_THAT(*xml, HasSubstr("bus=\"10\""));
  EXPECT_THAT(*xml, HasSubstr(device_alias(device.id)));
  auto as_display = as_gpu;
  as_display.type = dev_type::gpu_vga;
  EXPECT_FALSE(hot_plug_xml(as_display, device, 10).has_value());
  device.companions = {{.address = {}, .id = {}, .class_code = 0}};
  EXPECT_FALSE(hot_plug_xml(as_gpu, device, 10).has_value());
}

TEST(DomainLayout, PinsOnlyWhereTheServerFits) {
  const std::vector<numa_node> host{{0, "0-3", 4, 8192}, {1, "4-7", 4, 8192}};
  auto device = a_gpu();
  device.numa_node = 1;
  EXPECT_EQ(lay_out_memory(host, {device}, 4, 8192).near, std::vector{host[1]});
  EXPECT_TRUE(lay_out_memory(host, {device}, 5, 8192).near.empty()) << "more processors";
  EXPECT_TRUE(lay_out_memory(host, {device}, 4, 8193).near.empty()) << "more memory";
  device.numa_node = -1;
  EXPECT_TRUE(lay_out_memory(host, {device}, 1, 1).near.empty()) << "an unknown node";
  EXPECT_TRUE(lay_out_memory(host, {}, 1, 1).near.empty()) << "no device";
}

TEST(DomainLayout, CellsShareEverythingAndLoseNothing) {
  const std::vector<numa_node> host{{0, "0-7", 8, 8192}, {1, "8-15", 8, 8192}};
  std::vector<model::device_info> devices{a_gpu(), a_gpu()};
  devices[0].numa_node = 1;
  devices[1].numa_node = 0;
  const auto layout = lay_out_memory(host, devices, 7, 4097);
  ASSERT_EQ(layout.cells.size(), 2U);
  EXPECT_EQ(layout.cells[0].vcpus + layout.cells[1].vcpus, 7);
  EXPECT_EQ(layout.cells[1].first_vcpu, layout.cells[0].vcpus);
  EXPECT_EQ(layout.cells[0].memory_mib + layout.cells[1].memory_mib, 4097);
  EXPECT_TRUE(lay_out_memory(host, devices, 1, 4096).cells.empty()) << "one processor, two nodes";
}

TEST(DomainLayout, TheWindowHoldsEveryBarOnItsAlignment) {
  constexpr std::uint64_t gib = std::uint64_t{1} << 30U;
  auto device = a_gpu();
  device.bar_sizes = {16U << 20U, 8 * gib};
  EXPECT_EQ(mmio_window({device}), 0U) << "firmware's own window is enough";
  device.bar_sizes = {16U << 20U, 128 * gib, 32U << 20U};
  EXPECT_EQ(mmio_window({device}), 512 * gib) << "256 GiB for the port, doubled";
  device.bar_sizes = {UINT64_MAX, UINT64_MAX};
  EXPECT_GT(mmio_window({device, device}), 0U) << "nonsense does not overflow";
}

std::string note_text(const domain_note& note) {
  xml_writer xml;
  write_note(xml, note);
  return std::move(xml).take();
}

TEST(DomainNote, ComesBackAsItWasWritten) {
  domain_note note{{model::uuid::derive({}, "s")}, "<&'\">", "p/$(id)", 7, {}};
  note.devices.push_back(
      {{.device = {model::uuid::derive({}, "d")}, .epoch = UINT64_MAX, .type = dev_type::gpu_vga},
       {.domain = 0x10000, .bus = 0xff, .device = 31, .function = 7}});
  for (const auto& text : {note_text(note), bare_note(note)}) {
    const auto read = read_note(text);
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(*read, note);
  }
}

TEST(DomainNote, HalfANoteIsNone) {
  const domain_note note{{model::uuid::derive({}, "s")}, "web", "p", 0, {}};
  const auto text = note_text(note);
  ASSERT_TRUE(read_note(text).has_value());
  for (std::size_t length = 0; length + 1 < text.size(); ++length)
    EXPECT_FALSE(read_note(text.substr(0, length)).has_value()) << length;
  for (const auto* const bad :
       {"", "<a/>", "<server id='1'/>",
        "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a/>",
        "<b:server xmlns:b='urn:berth:server:2' id='' name='' project='' restarts='0'/>"})
    EXPECT_FALSE(read_note(bad).has_value()) << bad;
}

TEST(DomainNote, ForeignTextDoesNotHarm) {
  auto text = note_text({{model::uuid::derive({}, "s")},
                         "web",
                         "p",
                         0,
                         {{{.device = {model::uuid::derive({}, "d")}}, {}}}});
  model::random dice{20'260'101};
  for (int round = 0; round < 20'000; ++round) {
    auto changed = text;
    for (int i = 0; i < 3; ++i)
      changed[dice.below(changed.size())] = static_cast<char>(dice.below(256));
    const auto read = read_note(changed);
    EXPECT_LE(read ? read->devices.size() : 0U, 1U);
  }
}

} // namespace
} // namespace berth::hostbackend::host_linux
