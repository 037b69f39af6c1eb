// Inside the lab VM: servers through a real libvirt with real hostdevs. Needs the topology
// dgx-mini.topo, whose devices are found by their emulated identities.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/host_scan.hpp"
#include "hostbackend/linux/libvirt_servers.hpp"
#include "tests/lab/lab.hpp"

namespace berth::hostbackend::host_linux {
namespace {

namespace fs = std::filesystem;
using model::errc;
using model::host_operations::device_left;
using model::host_operations::server_exited;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

constexpr const char* sysfs = "/sys/bus/pci/";

void write(const fs::path& attribute, const std::string& value) {
  std::ofstream{attribute} << value << std::flush;
}

std::vector<model::pci_address> functions_of(const model::device_info& device) {
  std::vector<model::pci_address> all{device.address};
  for (const auto& one : device.companions)
    all.push_back(one.address);
  return all;
}

/// Whatever drives the function now, vfio-pci does then.
void bind(const model::device_info& device) {
  for (const auto& address : functions_of(device)) {
    const auto name = to_string(address);
    const fs::path folder = fs::path{sysfs} / "devices" / name;
    write(folder / "driver_override", "vfio-pci");
    if (fs::exists(folder / "driver"))
      write(folder / "driver/unbind", name);
    write(fs::path{sysfs} / "drivers_probe", name);
  }
}

std::string content_of(const fs::path& path) {
  std::ifstream file{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{file}, {}};
}

/// A file of an ISO 9660 image, as the kernel reads it.
std::string file_in(const fs::path& image, const std::string& name) {
  const fs::path mounted = "/mnt/berth-seed";
  fs::create_directories(mounted);
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"modprobe", "-a", "loop", "isofs"},
        {"mount", "-t", "iso9660", "-o", "ro,loop", image.string(), mounted.string()}}) {
    const auto done = lab::run(command);
    EXPECT_EQ(done.status, 0) << done.output;
  }
  auto content = content_of(mounted / name);
  EXPECT_EQ(lab::run({"umount", mounted.string()}).status, 0);
  return content;
}

std::string owner_and_mode_of(const fs::path& path) {
  return lab::run({"stat", "--format", "%U %a", path.string()}).output;
}

class LabServers : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    if (!lab::inside())
      return;
    libvirt_ = std::make_unique<lab::libvirt_daemon>();
    const auto started = libvirt_->start();
    ASSERT_TRUE(started) << started.error().message;
    for (const std::string pool : {"berth", "berth-images"}) {
      const std::string target = pool == "berth" ? "/var/lib/berth-disks" : "/var/lib/berth-images";
      fs::create_directories(target);
      for (const std::vector<std::string>& command :
           {std::vector<std::string>{"pool-define-as", pool, "dir", "--target", target},
            {"pool-start", pool}}) {
        const auto made = lab::virsh(command);
        ASSERT_EQ(made.status, 0) << made.output;
      }
    }
  }
  static void TearDownTestSuite() { libvirt_.reset(); }

  void SetUp() override {
    BERTH_SKIP_OUTSIDE_THE_LAB();
    devices_ = scan_host({.host = derive_host_id("lab"), .host_name = "lab"}).value().info.devices;
    for (const auto& one : devices_)
      std::cerr << to_string(one.address) << " " << one.model << " +" << one.companions.size()
                << " node " << one.numa_node << " " << one.unusable_reason << "\n";
    libvirt_settings settings;
    settings.domains.by = accelerator::emulation;
    settings.domains.numa = {{0, "0", 1, 1024}, {1, "1", 1, 1024}};
    settings.domains.allow_qemu_arguments = true;
    fs::create_directories("/var/log/berth-lab");
    settings.domains.serial_log_directory = "/var/log/berth-lab";
    settings.domains.spare_root_ports = 1;
    settings.reconnect_interval = std::chrono::milliseconds{100};
    servers_ = std::make_unique<libvirt_servers>(settings, [this](server_event event) {
      const std::scoped_lock hold{guard_};
      events_.push_back(std::move(event));
    });
    ASSERT_TRUE(lab::eventually([this] { return servers_->connected(); }));
  }
  void TearDown() override {
    for (const auto& one : made_)
      EXPECT_TRUE(servers_->stop(one.id, true).has_value());
  }

  /// The n-th usable GPU.
  [[nodiscard]] model::device_info gpu(std::size_t n) const {
    std::vector<model::device_info> usable;
    for (const auto& one : devices_)
      if (one.unusable_reason.empty() && is_gpu(one.default_type))
        usable.push_back(one);
    return usable.at(n);
  }
  model::desired_server server_with(const std::vector<model::device_info>& devices) {
    model::desired_server one;
    one.id = {model::uuid::from_random(3, made_.size())};
    one.spec.edit([&](auto& spec) {
      spec.name = "lab-" + std::to_string(made_.size());
      spec.memory_mib = 64;
      spec.vcpus = 2;
      spec.qemu_arguments = {"-kernel", BERTH_BINARY_DIR "/tests/lab/guest/guest.elf"};
    });
    for (const auto& device : devices)
      one.attachments.push_back({.device = device.id, .epoch = 1});
    made_.push_back(one);
    return one;
  }
  std::string define(const model::desired_server& one) {
    const auto defined = servers_->define(one, devices_);
    return defined ? "" : defined.error().message;
  }
  std::string start(const model::desired_server& one) {
    const auto started = servers_->start(one.id);
    return started ? "" : started.error().message;
  }
  template <class Event> std::vector<Event> events() {
    const std::scoped_lock hold{guard_};
    std::vector<Event> some;
    for (const auto& event : events_)
      if (const auto* const one = std::get_if<Event>(&event))
        some.push_back(*one);
    return some;
  }

  std::vector<model::device_info> devices_;
  std::vector<model::desired_server> made_;
  std::mutex guard_;
  std::vector<server_event> events_;
  std::unique_ptr<libvirt_servers> servers_;
  static inline std::unique_ptr<lab::libvirt_daemon> libvirt_;
};

TEST_F(LabServers, HoldRealDevices) {
  const auto first = gpu(0);
  const auto second = gpu(1);
  const auto far = gpu(2);
  ASSERT_NE(first.numa_node, far.numa_node) << "to be mirrored";
  auto owner = server_with({first, second, far});
  const auto rival = server_with({second});
  ASSERT_EQ(define(owner), "");
  ASSERT_EQ(define(rival), "");

  const auto unbound = servers_->start(owner.id);
  ASSERT_FALSE(unbound.has_value());
  EXPECT_EQ(unbound.error().code, errc::bind_failed) << unbound.error().message;

  for (const auto& one : {first, second, far})
    bind(one);
  ASSERT_EQ(start(owner), "");
  const auto refused = servers_->start(rival.id);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, errc::device_in_use) << refused.error().message;
  EXPECT_THAT(refused.error().details.at("libvirt"), HasSubstr(to_string(second.address)));
  EXPECT_EQ(servers_->list()->listing.servers.at(0).devices.size(), 3U);

  ASSERT_TRUE(servers_->stop(owner.id, true).has_value());
  owner.attachments.pop_back();
  owner.attachments.pop_back();
  ASSERT_EQ(define(owner), "") << "a cold detach";
  ASSERT_EQ(start(owner), "");
  EXPECT_THAT(servers_->list()->listing.servers.at(0).devices, ElementsAre(first.id));
  ASSERT_EQ(start(rival), "") << "the device is free for it now";
  EXPECT_THAT(events<server_exited>(), IsEmpty());
}

TEST_F(LabServers, AnAbsentDeviceIsLost) {
  auto ghost = gpu(0);
  ghost.id = {model::uuid::from_random(4, 4)};
  ghost.address.bus = 0xee;
  ghost.companions.clear();
  devices_.push_back(ghost);
  const auto one = server_with({ghost});
  ASSERT_EQ(define(one), "");
  const auto started = servers_->start(one.id);
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error().code, errc::device_lost) << started.error().message;
}

TEST_F(LabServers, PlugDevicesInAndOut) {
  const auto device = gpu(2);
  const model::attachment attachment{.device = device.id, .epoch = 2};
  bind(device);
  const auto one = server_with({});
  ASSERT_EQ(define(one), "");
  EXPECT_EQ(servers_->plug(one.id, attachment, device).error().code, errc::wrong_state)
      << "it is off";
  ASSERT_EQ(start(one), "");
  EXPECT_FALSE(servers_->plug(one.id, attachment, gpu(0)).has_value()) << "it has companions";
  for (int i = 0; i < 2; ++i) {
    const auto attached = servers_->plug(one.id, attachment, device);
    ASSERT_TRUE(attached.has_value()) << attached.error().message;
  }
  EXPECT_THAT(servers_->list()->listing.servers.at(0).devices, ElementsAre(device.id));
  const lab::guest_console console{{}, "/var/log/berth-lab/" + to_string(one.id) + ".log"};
  ASSERT_TRUE(console.said("GUEST ready", 120)) << "a guest that listens: " << console.text();
  const auto detached = servers_->unplug(one.id, device.id);
  ASSERT_TRUE(detached.has_value()) << detached.error().message;
  ASSERT_TRUE(lab::eventually([this] { return !events<device_left>().empty(); }));
  EXPECT_EQ(events<device_left>()[0], (device_left{one.id, device.id}));
  EXPECT_THAT(servers_->list()->listing.servers.at(0).devices, IsEmpty());
  EXPECT_TRUE(servers_->unplug(one.id, device.id).has_value()) << "it is gone already";
}

TEST_F(LabServers, ADeviceThatIsPulledLeavesItsServer) {
  const auto device = gpu(2); // gpu3 of the topology, which the lab can pull
  bind(device);
  const auto one = server_with({device});
  ASSERT_EQ(define(one), "");
  ASSERT_EQ(start(one), "");
  ASSERT_EQ(std::system("labctl surprise gpu3"), 0);
  ASSERT_TRUE(lab::eventually([this] { return !events<device_left>().empty(); }));
  EXPECT_EQ(events<device_left>()[0], (device_left{one.id, device.id}));
  EXPECT_THAT(events<server_exited>(), IsEmpty()) << "the guest lives";
}

/// QEMU runs as a user of its own and must be let into all files; libvirt sees to it by the XML.
TEST_F(LabServers, ServersShareAnImageThatIsRootsOnly) {
  const std::string image = "/var/lib/berth-images/debian";
  ASSERT_EQ(lab::run({"qemu-img", "create", "-f", "qcow2", image, "8M"}).status, 0);
  fs::permissions(image, fs::perms::owner_read | fs::perms::owner_write);
  std::vector<model::desired_server> both;
  for (int i = 0; i < 2; ++i) {
    auto one = server_with({});
    one.spec.edit([](auto& spec) { spec.disks = {{.size_mib = 16, .image = "debian"}}; });
    ASSERT_EQ(define(one), "");
    ASSERT_EQ(start(one), "");
    both.push_back(one);
  }
  for (const auto& one : both) {
    const auto disk = "/var/lib/berth-disks/" + volume_name(one.id, 0);
    EXPECT_THAT(
        lab::virsh({"qemu-monitor-command", "--hmp", domain_name(one.id), "info block"}).output,
        AllOf(HasSubstr(disk), HasSubstr(image)));
    EXPECT_EQ(owner_and_mode_of(disk), "libvirt-qemu 600\n");
    ASSERT_TRUE(servers_->stop(one.id, true).has_value());
    ASSERT_TRUE(servers_->undefine(one.id).has_value());
    EXPECT_FALSE(fs::exists(disk));
  }
  EXPECT_TRUE(fs::exists(image));
}

TEST_F(LabServers, UserDataReachesTheGuestOnAMedium) {
  auto one = server_with({});
  const auto medium = fs::path{"/var/lib/berth-disks"} / seed_volume_name(one.id);
  const auto console = fs::path{"/var/log/berth-lab"} / (to_string(one.id) + ".log");
  fs::remove(console); // another test's server had the same id
  const std::string first = "#cloud-config\npassword: secret\n";
  one.spec.edit([&](auto& spec) { spec.user_data = first; });
  ASSERT_EQ(define(one), "");
  EXPECT_EQ(owner_and_mode_of(medium), "root 600\n");
  EXPECT_EQ(lab::run({"blkid", "-o", "value", "-s", "LABEL", medium.string()}).output, "cidata\n");
  EXPECT_EQ(file_in(medium, "user-data"), first);
  EXPECT_EQ(file_in(medium, "meta-data"), "instance-id: \"" + to_string(one.id) +
                                              "\"\nlocal-hostname: \"" + one.spec->name + "\"\n");
  EXPECT_THAT(lab::virsh({"dumpxml", domain_name(one.id), "--security-info"}).output,
              Not(HasSubstr("secret")));

  ASSERT_EQ(start(one), "");
  EXPECT_EQ(owner_and_mode_of(medium), "libvirt-qemu 600\n") << "QEMU's while it runs";
  EXPECT_THAT(
      lab::virsh({"qemu-monitor-command", "--hmp", domain_name(one.id), "info block"}).output,
      AllOf(HasSubstr(medium.string()), HasSubstr("read-only")));
  EXPECT_TRUE(lab::eventually([&] {
    return content_of(console).find("GUEST ready") != std::string::npos;
  })) << content_of(console);
  ASSERT_TRUE(servers_->stop(one.id, true).has_value());
  EXPECT_THAT(owner_and_mode_of(medium), HasSubstr(" 600\n"));

  const std::string second(16 * 1024, '\0');
  one.spec.edit([&](auto& spec) { spec.user_data = second; });
  ASSERT_EQ(define(one), "");
  EXPECT_TRUE(file_in(medium, "user-data") == second) << "renewed";
  ASSERT_EQ(start(one), "");
  ASSERT_TRUE(servers_->stop(one.id, true).has_value());
  ASSERT_TRUE(servers_->undefine(one.id).has_value());
  EXPECT_FALSE(fs::exists(medium));
  EXPECT_NE(lab::virsh({"vol-info", "--pool", "berth", seed_volume_name(one.id)}).status, 0);
}

} // namespace
} // namespace berth::hostbackend::host_linux
