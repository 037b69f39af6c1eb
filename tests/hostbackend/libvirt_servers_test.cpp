#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/libvirt_handles.hpp"
#include "hostbackend/linux/libvirt_servers.hpp"
#include "hostbackend/simulated/machine.hpp"
#include "tests/hostbackend/apparmor_rules.hpp"
#include "tests/hostbackend/iso_reader.hpp"
#include "tests/hostbackend/private_libvirtd.hpp"

namespace berth::hostbackend::host_linux {
namespace {

using model::dev_type;
using model::errc;
using model::host_operations::device_left;
using model::host_operations::server_exited;
using model::host_operations::server_paused;
using model::host_operations::server_resumed;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::apparmor_rules;
using ::testing::ElementsAre;
using testing::eventually;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::private_libvirtd;
using testing::read_iso;

std::string code_of(const model::result<void>& outcome) {
  return outcome ? "ok" : std::string{to_string(outcome.error().code)};
}
std::string message_of(const model::result<void>& outcome) {
  return outcome ? "" : outcome.error().message;
}

/// Servers of a private libvirtd without virtualisation: their BIOS finds nothing to boot and
/// waits.
class LibvirtServers : public ::testing::Test {
protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN); // as berth-host does: a libvirtd that is gone is written to
    if (!private_libvirtd::possible())
      GTEST_SKIP() << "libvirtd or qemu-system-x86_64 is not installed";
    libvirtd_ = std::make_unique<private_libvirtd>();
    connect();
    admin_ = connection_handle{virConnectOpen(libvirtd_->uri().c_str()), virConnectClose};
    ASSERT_NE(admin_, nullptr);
    make_pool("disks");
    make_pool("images");
  }
  void TearDown() override {
    servers_.reset();
    admin_.reset();
  }

  [[nodiscard]] libvirt_settings settings() const {
    libvirt_settings some;
    some.uri = libvirtd_->uri();
    some.disk_pool = "disks";
    some.image_pool = "images";
    some.domains.by = accelerator::emulation;
    some.domains.serial_log_directory = *libvirtd_ / "serial";
    some.reconnect_interval = milliseconds{100};
    some.keepalive_seconds = 1;
    return some;
  }
  void connect() { connect(settings()); }
  void connect(const libvirt_settings& how) {
    servers_ = std::make_unique<libvirt_servers>(how, [this](server_event event) {
      const std::scoped_lock hold{guard_};
      events_.push_back(std::move(event));
    });
    ASSERT_TRUE(eventually([this] { return servers_->connected(); }));
  }
  void make_pool(const std::string& name) {
    const auto xml = "<pool type='dir'><name>" + name + "</name><target><path>" +
                     (*libvirtd_ / name).string() + "</path></target></pool>";
    const pool_handle pool{virStoragePoolDefineXML(admin_.get(), xml.c_str(), 0)};
    ASSERT_NE(pool, nullptr);
    ASSERT_EQ(virStoragePoolSetAutostart(pool.get(), 1), 0);
    ASSERT_EQ(virStoragePoolCreate(pool.get(), 0), 0);
  }

  static model::desired_server server(std::uint64_t number = 1) {
    model::desired_server one;
    one.id = {model::uuid::from_random(9, number)};
    one.spec.edit([&](auto& spec) {
      spec.name = "test-" + std::to_string(number);
      spec.memory_mib = 32;
    });
    return one;
  }
  model::desired_server running_server(std::uint64_t number = 1) {
    auto one = server(number);
    EXPECT_EQ(message_of(servers_->define(one, {})), "");
    EXPECT_EQ(message_of(servers_->start(one.id)), "");
    return one;
  }
  void kill_guest(const model::desired_server& one) const {
    const auto pid = libvirtd_->qemu_of(domain_name(one.id));
    ASSERT_GT(pid, 0);
    ::kill(pid, SIGKILL);
  }
  domain_handle domain_of(const model::desired_server& one) const {
    return domain_handle{virDomainLookupByUUIDString(admin_.get(), to_string(one.id).c_str())};
  }
  [[nodiscard]] model::host_operations::listed_server
  listed(const model::desired_server& one) const {
    const auto all = servers_->list();
    if (all)
      for (const auto& each : all->listing.servers)
        if (each.server == one.id)
          return each;
    return {};
  }
  [[nodiscard]] bool runs(const model::desired_server& one) const { return listed(one).running; }
  template <class Event> std::vector<Event> events() {
    const std::scoped_lock hold{guard_};
    std::vector<Event> some;
    for (const auto& event : events_)
      if (const auto* const one = std::get_if<Event>(&event))
        some.push_back(*one);
    return some;
  }
  [[nodiscard]] std::vector<std::string> files_in(const std::string& folder) const {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator{*libvirtd_ / folder})
      names.push_back(file.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }

  /// Made behind libvirt's back.
  void make_image(const std::string& name, const std::string& options) const {
    const auto path = *libvirtd_ / ("images/" + name);
    ASSERT_EQ(std::system(("qemu-img create -q " + options + " " + path.string() + " 8M").c_str()),
              0);
    private_libvirtd::give_away(path);
  }
  [[nodiscard]] std::string xml_of(const model::desired_server& one, unsigned flags = 0) const {
    const owned_text xml{virDomainGetXMLDesc(domain_of(one).get(), flags)};
    return xml ? xml.get() : "";
  }

  static std::string content_of(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{file}, {}};
  }

  std::unique_ptr<private_libvirtd> libvirtd_;
  connection_handle admin_; ///< another client
  std::mutex guard_;
  std::vector<server_event> events_;
  std::unique_ptr<libvirt_servers> servers_;
};

TEST_F(LibvirtServers, LiveFromDefineToUndefine) {
  auto one = server();
  one.spec.edit([](auto& spec) { spec.disks = {{.size_mib = 16, .image = {}}}; });
  EXPECT_EQ(code_of(servers_->start(one.id)), "hypervisor_failed") << "not defined";
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(message_of(servers_->define(one, {})), "");
  EXPECT_THAT(files_in("disks"), ElementsAre(volume_name(one.id, 0)));
  ASSERT_TRUE(servers_->list().has_value());
  EXPECT_FALSE(runs(one));
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(message_of(servers_->start(one.id)), "");
  EXPECT_TRUE(runs(one));
  EXPECT_FALSE(servers_->define(one, {}).has_value()) << "it runs";
  EXPECT_FALSE(servers_->undefine(one.id).has_value()) << "it runs";
  EXPECT_EQ(message_of(servers_->stop(one.id, false)), "") << "the guest was asked";
  EXPECT_TRUE(runs(one)) << "and does not listen";
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(message_of(servers_->stop(one.id, true)), "");
  EXPECT_FALSE(runs(one));
  EXPECT_THAT(files_in("serial"), ElementsAre(to_string(one.id) + ".log"));
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(message_of(servers_->undefine(one.id)), "");
  EXPECT_THAT(servers_->list()->listing.servers, IsEmpty());
  EXPECT_THAT(files_in("disks"), IsEmpty());
  EXPECT_EQ(message_of(servers_->stop(one.id, true)), "") << "it is off already";
  EXPECT_THAT(events<server_exited>(), IsEmpty()) << "nothing happened that nobody asked for";
}

TEST_F(LibvirtServers, EndsThatNobodyAskedForAreTold) {
  const auto killed = running_server(1);
  kill_guest(killed);
  ASSERT_TRUE(eventually([this] { return events<server_exited>().size() == 1; }));
  EXPECT_EQ(events<server_exited>()[0].server, killed.id);
  EXPECT_THAT(events<server_exited>()[0].reason, HasSubstr("crashed"));
  EXPECT_FALSE(runs(killed));

  const auto destroyed = running_server(2);
  EXPECT_EQ(virDomainDestroy(domain_of(destroyed).get()), 0);
  ASSERT_TRUE(eventually([this] { return events<server_exited>().size() == 2; }));
  EXPECT_THAT(events<server_exited>()[1].reason, HasSubstr("somebody else"));

  const auto paused = running_server(3);
  EXPECT_EQ(virDomainSuspend(domain_of(paused).get()), 0);
  ASSERT_TRUE(eventually([this] { return !events<server_paused>().empty(); }));
  EXPECT_EQ(events<server_paused>()[0].server, paused.id);
  EXPECT_TRUE(runs(paused)) << "it holds its devices";
  EXPECT_THAT(listed(paused).paused, HasSubstr("administrator"));
  EXPECT_THAT(events<server_resumed>(), IsEmpty());
  EXPECT_EQ(virDomainResume(domain_of(paused).get()), 0);
  ASSERT_TRUE(eventually([this] { return !events<server_resumed>().empty(); }));
  EXPECT_EQ(listed(paused).paused, "");
}

TEST_F(LibvirtServers, SurviveTheEndOfLibvirtd) {
  const auto survivor = running_server(1);
  const auto victim = running_server(2);
  libvirtd_->stop();
  ASSERT_TRUE(eventually([this] { return !servers_->connected(); }));
  const auto refused = servers_->start(survivor.id);
  EXPECT_EQ(code_of(refused), "hypervisor_failed");
  EXPECT_THAT(message_of(refused), HasSubstr("not reachable"));
  kill_guest(victim);
  libvirtd_->start();
  ASSERT_TRUE(eventually([this] { return !events<server_exited>().empty(); }));
  EXPECT_EQ(events<server_exited>()[0].server, victim.id);
  EXPECT_TRUE(runs(survivor));
  EXPECT_FALSE(runs(victim));
  ASSERT_TRUE(eventually([this] { return events<libvirt_reachable>().size() == 3; }));
  EXPECT_FALSE(events<libvirt_reachable>()[1].reachable);
  EXPECT_TRUE(events<libvirt_reachable>()[2].reachable);
  kill_guest(survivor);
  EXPECT_TRUE(eventually([this] { return events<server_exited>().size() == 2; }))
      << "events of the new connection arrive";
}

TEST_F(LibvirtServers, AreAdoptedByTheNextAgent) {
  const auto one = running_server();
  const auto before = servers_->list();
  servers_.reset();
  connect();
  ASSERT_TRUE(before.has_value());
  EXPECT_EQ(servers_->list(), before);
  ASSERT_TRUE(eventually([this] { return events<libvirt_reachable>().size() == 2; }));
  kill_guest(one);
  EXPECT_TRUE(eventually([this] { return events<server_exited>().size() == 1; }));
}

TEST_F(LibvirtServers, AHangLeavesTheOutcomeUnknown) {
  const auto one = server();
  ASSERT_EQ(message_of(servers_->define(one, {})), ""); // libvirtd asks QEMU what it can, for long
  auto how = settings();
  how.call_limit = how.start_limit = seconds{2}; // of calls that are to hang
  how.keepalive_seconds = 60;
  servers_.reset();
  connect(how);
  libvirtd_->signal(SIGSTOP);
  const auto started = servers_->start(one.id);
  EXPECT_EQ(code_of(started), "outcome_unknown");
  EXPECT_THAT(message_of(started), HasSubstr("observe"));
  EXPECT_FALSE(servers_->list().has_value());
  libvirtd_->signal(SIGCONT);
  EXPECT_TRUE(eventually([&] { return runs(one); })) << "the start had its effect later";
}

TEST_F(LibvirtServers, ALibvirtdThatStaysSilentIsGivenUp) {
  libvirtd_->signal(SIGSTOP);
  EXPECT_TRUE(eventually([this] { return !servers_->connected(); }));
  libvirtd_->signal(SIGCONT);
  EXPECT_TRUE(eventually([this] { return servers_->connected(); }));
}

TEST_F(LibvirtServers, OtherDomainsAreReportedAndLeftAlone) {
  const auto ours = running_server(1);
  const auto define = [this](const std::string& xml) {
    const domain_handle defined{virDomainDefineXML(admin_.get(), xml.c_str())};
    EXPECT_NE(defined, nullptr);
  };
  const auto theirs = server(2);
  define("<domain type='qemu'><name>theirs</name><uuid>" + to_string(theirs.id) +
         "</uuid><memory unit='MiB'>32</memory><os><type machine='q35'>hvm</type></os></domain>");
  // A copy of ours, as virt-clone makes it: with our metadata and another UUID.
  auto copy = domain_xml(settings().domains, ours, {}, {}).value();
  const auto replace_first = [&copy](const std::string& from, const std::string& to) {
    copy.replace(copy.find(from), from.size(), to);
  };
  replace_first("<name>" + domain_name(ours.id), "<name>copy");
  replace_first("<uuid>" + to_string(ours.id), "<uuid>" + to_string(server(3).id));
  define(copy);

  EXPECT_THAT(servers_->list()->listing.unknown_domains, ElementsAre("copy", "theirs"));
  EXPECT_EQ(servers_->list()->listing.servers.size(), 1U);
  EXPECT_EQ(code_of(servers_->define(theirs, {})), "wrong_state");
  EXPECT_EQ(code_of(servers_->start(theirs.id)), "wrong_state");
  EXPECT_EQ(code_of(servers_->stop(theirs.id, true)), "wrong_state");
  EXPECT_EQ(code_of(servers_->undefine(theirs.id)), "wrong_state");
  ASSERT_NE(domain_of(theirs), nullptr);

  EXPECT_THAT(events<foreign_changed>(), IsEmpty()) << "ours is nobody else's";
  ASSERT_EQ(virDomainCreate(domain_of(theirs).get()), 0);
  EXPECT_TRUE(eventually([this] { return events<foreign_changed>().size() == 1; }));
  ASSERT_EQ(virDomainDestroy(domain_of(theirs).get()), 0);
  EXPECT_TRUE(eventually([this] { return events<foreign_changed>().size() == 2; }));
}

TEST_F(LibvirtServers, SayWhichFunctionsTheyAreDefinedWith) {
  const auto kind = simulated::load_machine(BERTH_SOURCE_DIR "/machines/page-machine.yaml").value();
  auto card = kind->devices.back();
  card.id = derive_device_id({}, card.vendor_device, card.address);
  ASSERT_EQ(card.companions.size(), 1U);
  auto one = server();
  one.attachments.push_back({.device = card.id, .epoch = 1, .type = dev_type::gpu_hpc});
  ASSERT_EQ(message_of(servers_->define(one, {card})), "");
  const auto theirs = "<domain type='qemu'><name>theirs</name><memory unit='MiB'>32</memory>"
                      "<os><type machine='q35'>hvm</type></os><devices><hostdev mode='subsystem' "
                      "type='pci'><source><address domain='0' bus='0x05' slot='0' function='0'/>"
                      "</source></hostdev></devices></domain>";
  const domain_handle foreign{virDomainDefineXML(admin_.get(), theirs)};
  ASSERT_NE(foreign, nullptr);

  const auto users = functions_of_servers(libvirtd_->uri(), seconds{30});
  ASSERT_TRUE(users.has_value()) << users.error().message;
  EXPECT_EQ(*users, (function_users{{card.address, domain_name(one.id)},
                                    {card.companions[0].address, domain_name(one.id)}}));
  ASSERT_EQ(message_of(servers_->undefine(one.id)), "");
  EXPECT_THAT(functions_of_servers(libvirtd_->uri(), seconds{30}).value(), IsEmpty());

  libvirtd_->stop();
  const auto unknown = functions_of_servers(libvirtd_->uri(), seconds{30});
  ASSERT_FALSE(unknown.has_value());
  EXPECT_THAT(unknown.error().message, HasSubstr("connection to " + libvirtd_->uri()));
}

/// More than the schema: libvirt checks every address, bus number and feature when it defines.
TEST_F(LibvirtServers, AreDefinedWithTheDevicesOfEveryMachine) {
  for (const std::string name :
       {"page-machine", "dgx-a100", "hgx-h100", "l40s-4", "mi300x-8", "desktop"}) {
    const auto kind =
        simulated::load_machine(BERTH_SOURCE_DIR "/machines/" + name + ".yaml").value();
    auto how = settings();
    for (int i = 0; i < kind->numa_nodes; ++i)
      how.domains.numa.push_back({i, std::to_string(i), 64, 65536});
    how.domains.spare_root_ports = 4;
    servers_.reset();
    connect(how);
    auto one = server();
    one.spec.edit([](auto& spec) {
      spec.vcpus = 8;
      spec.boot = model::firmware::uefi;
    });
    auto devices = kind->devices;
    for (auto& device : devices) {
      device.id = derive_device_id({}, device.vendor_device, device.address);
      if (device.unusable_reason.empty())
        one.attachments.push_back({.device = device.id, .epoch = 1, .type = dev_type::gpu_hpc});
    }
    EXPECT_EQ(message_of(servers_->define(one, devices)), "") << name;
    const auto listed = servers_->list();
    ASSERT_TRUE(listed.has_value() && listed->listing.servers.size() == 1) << name;
    EXPECT_EQ(listed->listing.servers.at(0).devices.size(), one.attachments.size()) << name;
  }
}

TEST_F(LibvirtServers, StartWithUefi) {
  if (!std::filesystem::exists(settings().domains.uefi_code))
    GTEST_SKIP() << "OVMF is not installed";
  auto one = server();
  one.spec.edit([](auto& spec) {
    spec.boot = model::firmware::uefi;
    spec.memory_mib = 128;
  });
  ASSERT_EQ(message_of(servers_->define(one, {})), "");
  ASSERT_EQ(message_of(servers_->start(one.id)), "");
  EXPECT_THAT(files_in("config/libvirt/qemu/nvram"), ElementsAre(HasSubstr(to_string(one.id))));
  ASSERT_EQ(message_of(servers_->stop(one.id, true)), "");
  ASSERT_EQ(message_of(servers_->undefine(one.id)), "");
  EXPECT_THAT(files_in("config/libvirt/qemu/nvram"), IsEmpty());
}

TEST_F(LibvirtServers, DisksStandOnImagesOfThePoolOnly) {
  make_image("small.qcow2", "-f qcow2");
  make_image("other.vmdk", "-f vmdk");
  make_image("chained.qcow2", "-f qcow2 -F qcow2 -b small.qcow2");
  const auto with_image = [this](const std::string& name, std::int64_t size) {
    auto one = server();
    one.spec.edit([&](auto& spec) { spec.disks = {{.size_mib = size, .image = name}}; });
    return servers_->define(one, {});
  };
  for (const std::string path : {"/etc/passwd", "../images/small.qcow2", "a b", "<x/>", "$(id)"})
    EXPECT_EQ(code_of(with_image(path, 16)), "invalid_argument") << path;
  EXPECT_EQ(code_of(with_image("unheard-of.qcow2", 16)), "not_found");
  EXPECT_EQ(code_of(with_image("other.vmdk", 16)), "invalid_argument");
  EXPECT_EQ(code_of(with_image("small.qcow2", 4)), "invalid_argument") << "smaller than the image";
  EXPECT_EQ(code_of(with_image("chained.qcow2", 16)), "invalid_argument");
  EXPECT_THAT(message_of(with_image("chained.qcow2", 16)), HasSubstr("small.qcow2"));
  EXPECT_THAT(files_in("disks"), IsEmpty());
  EXPECT_THAT(servers_->list()->listing.servers, IsEmpty()) << "nothing is left of what failed";
  EXPECT_EQ(message_of(with_image("small.qcow2", 16)), "");
  EXPECT_EQ(message_of(servers_->start(server().id)), "");
  EXPECT_TRUE(runs(server()));
}

TEST_F(LibvirtServers, DisksAreFilesWithTheirImagesBelow) {
  make_image("debian", "-f qcow2");
  make_image("disk.img", "-f raw");
  auto one = server();
  one.spec.edit([](auto& spec) {
    spec.user_data = "#cloud-config\n";
    spec.disks = {{.size_mib = 16, .image = "debian"},
                  {.size_mib = 16, .image = "disk.img"},
                  {.size_mib = 16, .image = {}}};
  });
  ASSERT_EQ(message_of(servers_->define(one, {})), "");
  const auto defined = xml_of(one);
  ASSERT_EQ(message_of(servers_->start(one.id)), "");
  if (apparmor_rules::possible()) {
    const auto rules = apparmor_rules::of(xml_of(one, VIR_DOMAIN_XML_SECURE), to_string(one.id));
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_THAT(rules, HasSubstr("disks/" + volume_name(one.id, i) + "\" rwk,"));
    for (const std::string read : {"images/debian", "images/disk.img"})
      EXPECT_THAT(rules, HasSubstr((*libvirtd_ / read).string() + "\" rk,"));
    EXPECT_THAT(rules, HasSubstr("disks/" + seed_volume_name(one.id) + "\" rk,"));
  }
  ASSERT_EQ(message_of(servers_->stop(one.id, true)), "");

  libvirtd_->stop(); // it learns of the volumes from their files then
  ASSERT_TRUE(eventually([this] { return !servers_->connected(); }));
  libvirtd_->start();
  ASSERT_TRUE(eventually([this] { return servers_->connected(); }));
  admin_ = connection_handle{virConnectOpen(libvirtd_->uri().c_str()), virConnectClose};
  ASSERT_EQ(message_of(servers_->define(one, {})), "");
  EXPECT_EQ(xml_of(one), defined);

  // An image that comes to stand on another would be read without what is below it.
  make_image("below", "-f qcow2");
  make_image("debian", "-f qcow2 -F qcow2 -b below");
  const pool_handle images{virStoragePoolLookupByName(admin_.get(), "images")};
  ASSERT_EQ(virStoragePoolRefresh(images.get(), 0), 0);
  EXPECT_EQ(code_of(servers_->define(one, {})), "invalid_argument");
}

TEST_F(LibvirtServers, AFileThatLibvirtDoesNotKnowIsNoDisk) {
  auto one = server();
  one.spec.edit([](auto& spec) { spec.disks = {{.size_mib = 16, .image = {}}}; });
  const auto path = *libvirtd_ / ("disks/" + volume_name(one.id, 0));
  std::ofstream{path} << "somebody's";
  const auto refused = servers_->define(one, {});
  EXPECT_EQ(code_of(refused), "hypervisor_failed");
  EXPECT_THAT(message_of(refused), HasSubstr(path.string()));
  EXPECT_EQ(content_of(path), "somebody's");
}

TEST_F(LibvirtServers, WhatAFailedDefinitionLeavesIsRemoved) {
  auto one = server();
  one.spec.edit([](auto& spec) {
    spec.user_data = "secret";
    spec.disks = {{.size_mib = 16, .image = {}}};
  });
  const auto theirs = "<domain type='qemu'><name>" + domain_name(one.id) +
                      "</name><memory unit='MiB'>32</memory><os><type machine='q35'>hvm</type>"
                      "</os></domain>";
  const domain_handle in_the_way{virDomainDefineXML(admin_.get(), theirs.c_str())};
  ASSERT_NE(in_the_way, nullptr);
  EXPECT_EQ(code_of(servers_->define(one, {})), "name_in_use");
  ASSERT_EQ(message_of(servers_->undefine(one.id)), "");
  EXPECT_THAT(files_in("disks"), IsEmpty());
  EXPECT_THAT(servers_->list()->listing.unknown_domains, ElementsAre(domain_name(one.id)));

  one.spec.edit([](auto& spec) { spec.networks = {"unheard-of"}; });
  EXPECT_EQ(code_of(servers_->define(one, {})), "invalid_argument");
  EXPECT_THAT(files_in("disks"), IsEmpty()) << "looked at before anything is made";
}

TEST_F(LibvirtServers, UserDataIsOnAMediumThatOnlyItsQemuReads) {
  auto one = server();
  one.spec.edit([](auto& spec) {
    spec.user_data = "#cloud-config\npassword: secret\n";
    spec.disks = {{.size_mib = 16, .image = {}}};
  });
  const auto path = *libvirtd_ / ("disks/" + seed_volume_name(one.id));
  for (int i = 0; i < 2; ++i)
    ASSERT_EQ(message_of(servers_->define(one, {})), "");
  EXPECT_THAT(files_in("disks"), ElementsAre(volume_name(one.id, 0), seed_volume_name(one.id)));
  EXPECT_EQ(read_iso(content_of(path)).files.at("user-data").content, one.spec->user_data);
  constexpr auto by_others = std::filesystem::perms{077};
  EXPECT_EQ(std::filesystem::status(path).permissions() & by_others, std::filesystem::perms::none);
  EXPECT_THAT(xml_of(one, VIR_DOMAIN_XML_SECURE), ::testing::Not(HasSubstr("secret")));

  ASSERT_EQ(message_of(servers_->start(one.id)), "");
  EXPECT_FALSE(servers_->define(one, {}).has_value()) << "it runs, and reads the medium";
  ASSERT_EQ(message_of(servers_->stop(one.id, true)), "");
  one.spec.edit([](auto& spec) { spec.user_data = std::string(16 * 1024, '\0'); });
  ASSERT_EQ(message_of(servers_->define(one, {})), "");
  EXPECT_EQ(read_iso(content_of(path)).files.at("user-data").content, one.spec->user_data);
  EXPECT_EQ(message_of(servers_->start(one.id)), "");
  ASSERT_EQ(message_of(servers_->stop(one.id, true)), "");

  one.spec.edit([](auto& spec) { spec.user_data.clear(); });
  ASSERT_EQ(message_of(servers_->define(one, {})), "");
  EXPECT_THAT(files_in("disks"), ElementsAre(volume_name(one.id, 0))) << "a secret does not stay";
  one.spec.edit([](auto& spec) { spec.user_data = "x"; });
  ASSERT_EQ(message_of(servers_->define(one, {})), "");
  ASSERT_EQ(message_of(servers_->undefine(one.id)), "");
  EXPECT_THAT(files_in("disks"), IsEmpty());
}

TEST_F(LibvirtServers, AMediumThatCannotBeMadeIsNoServer) {
  auto one = server();
  one.spec.edit([](auto& spec) { spec.user_data = "secret"; });
  // Unknown to libvirt, and in the way.
  std::filesystem::create_directory(*libvirtd_ / ("disks/" + seed_volume_name(one.id)));
  const auto refused = servers_->define(one, {});
  EXPECT_EQ(code_of(refused), "hypervisor_failed");
  EXPECT_THAT(message_of(refused), HasSubstr(seed_volume_name(one.id)));
  EXPECT_THAT(message_of(refused), ::testing::Not(HasSubstr("secret")));
  EXPECT_THAT(servers_->list()->listing.servers, IsEmpty());
}

TEST_F(LibvirtServers, ManyAreDefinedAtOnce) {
  constexpr std::uint64_t makers = 8;
  constexpr std::uint64_t servers_each = 6;
  std::mutex guard;
  std::vector<std::string> refusals;
  const auto define_some = [&](std::uint64_t maker) {
    for (std::uint64_t i = 0; i < servers_each; ++i) {
      auto one = server(maker * servers_each + i);
      one.spec.edit([](auto& spec) {
        spec.user_data = "#cloud-config\n";
        spec.disks = {{.size_mib = 16, .image = {}}, {.size_mib = 16, .image = {}}};
      });
      const auto defined = servers_->define(one, {});
      const std::scoped_lock hold{guard};
      if (!defined)
        refusals.push_back(message_of(defined));
    }
  };
  {
    std::vector<std::jthread> all;
    for (std::uint64_t maker = 0; maker < makers; ++maker)
      all.emplace_back(define_some, maker);
  }
  EXPECT_THAT(refusals, IsEmpty());
  EXPECT_EQ(servers_->list()->listing.servers.size(), makers * servers_each);
  EXPECT_EQ(files_in("disks").size(), makers * servers_each * 3) << "two disks and a medium each";
}

TEST(LibvirtLink, WithoutLibvirtdEveryOperationSaysWhy) {
  libvirt_settings nowhere;
  nowhere.uri = "qemu+unix:///session?socket=/nonexistent/libvirt-sock";
  nowhere.reconnect_interval = milliseconds{10};
  libvirt_servers servers{nowhere, [](const server_event&) {}};
  std::string message;
  EXPECT_TRUE(eventually([&] {
    message = message_of(servers.stop({model::uuid::from_random(1, 1)}, true));
    return message.find("/nonexistent") != std::string::npos;
  })) << message;
  EXPECT_FALSE(servers.connected());
  EXPECT_EQ(servers.list().error().code, errc::hypervisor_failed);
}

} // namespace
} // namespace berth::hostbackend::host_linux
