#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/host_devices.hpp"
#include "tests/hostbackend/fake_lab.hpp"

namespace berth::apps {
namespace {

using hostbackend::host_linux::function_users;
using hostbackend::testing::fake_lab;
using hostbackend::testing::gtx;
using hostbackend::testing::gtx_sound;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr const char* fx = "0000:05:00.0";

/// An agent with both of the machine's cards, stopped.
class HostDevices : public ::testing::Test {
protected:
  HostDevices() : config_{(here.state_file().parent_path() / "host.yaml").string()} {
    std::ofstream{config_} << "state_dir: " << here.state_file().parent_path().string()
                           << "\nservers:\n  libvirt: test:///nobody-asks-it\n";
    for (const auto* card : {gtx, fx})
      EXPECT_TRUE(here.devices->bind(here.at(card).id).has_value());
    here.stop();
  }

  [[nodiscard]] int release(std::vector<std::string> arguments = {}) {
    arguments.insert(arguments.end(), {"--config", config_});
    device_doors doors;
    doors.tools = here.tools();
    doors.users = [this](const std::string& uri) {
      EXPECT_EQ(uri, "test:///nobody-asks-it");
      return users_;
    };
    return ended(run_host_release(arguments, out_, err_, doors));
  }
  [[nodiscard]] int accept(std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), {"--config", config_});
    return ended(run_host_accept(arguments, out_, err_));
  }
  [[nodiscard]] std::string remembered() const {
    std::ifstream in{here.state_file()};
    return {std::istreambuf_iterator<char>{in}, {}};
  }

  fake_lab here{"page-machine"};
  std::string config_;
  model::result<function_users> users_{};
  std::string output_; ///< of the latest command
  std::string errors_;

private:
  int ended(int status) {
    output_ = out_.str();
    errors_ = err_.str();
    out_.str({});
    err_.str({});
    return status;
  }
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(HostDevices, ReleaseGivesAllBack) {
  EXPECT_EQ(release(), 0) << errors_;
  EXPECT_EQ(output_, "0000:05:00.0  given back: 0000:05:00.0 is on nouveau\n"
                     "0000:41:00.0  given back: 0000:41:00.0 is on nouveau, 0000:41:00.1 is on "
                     "snd_hda_intel\n");
  EXPECT_THAT(errors_, IsEmpty());
  EXPECT_EQ(here.driver(gtx_sound), "snd_hda_intel");
  EXPECT_THAT(remembered(), Not(HasSubstr("function")));
  EXPECT_EQ(release(), 0);
  EXPECT_EQ(output_, "no device is taken from the host's drivers\n");
}

TEST_F(HostDevices, ReleaseOfNamedOnes) {
  EXPECT_EQ(release({"41:00.1", gtx}), 0) << errors_;
  EXPECT_THAT(output_, StartsWith("0000:41:00.0  given back: "));
  EXPECT_EQ(here.driver(gtx), "nouveau");
  EXPECT_EQ(here.driver(fx), "vfio-pci");
}

TEST_F(HostDevices, ReleaseRefusesWhatIsHeldAndDoesTheRest) {
  here.start();
  const auto group = here.at(gtx).iommu_group;
  here.stop();
  here.hold(500, "qemu-system-x86", "/dev/vfio/" + std::to_string(group));
  EXPECT_EQ(release(), 1);
  EXPECT_THAT(output_, HasSubstr("0000:05:00.0  given back"));
  EXPECT_THAT(output_, HasSubstr("0000:41:00.0  not given back: 0000:41:00.0 is in use: process "
                                 "500 (qemu-system-x86)"));
  EXPECT_EQ(here.driver(gtx), "vfio-pci");
  here.let_go(500);
  users_ = function_users{{model::pci_address::parse(gtx).value(), "berth-db"}};
  EXPECT_EQ(release(), 1);
  EXPECT_THAT(output_, HasSubstr("not given back: libvirt's domain berth-db is defined with"));
  EXPECT_EQ(here.driver(gtx), "vfio-pci");
  users_ = function_users{};
  EXPECT_EQ(release(), 0);
}

TEST_F(HostDevices, ReleaseWithoutKnowingTheServersDoesNothing) {
  users_ = model::fail(model::errc::hypervisor_failed, "no libvirtd");
  EXPECT_EQ(release(), 3);
  EXPECT_THAT(errors_, HasSubstr("no libvirtd; start libvirt"));
  EXPECT_EQ(here.driver(gtx), "vfio-pci");
}

TEST_F(HostDevices, ReleaseOfACardThatIsAwayIsNone) {
  for (const auto* one : {gtx_sound, gtx})
    ASSERT_FALSE(here.kernel->write(here.kernel->files(one).path("remove"), "1"));
  EXPECT_EQ(release(), 1);
  EXPECT_THAT(output_, HasSubstr("0000:41:00.0  not given back: 0000:41:00.0 is not on the bus"));
  EXPECT_THAT(remembered(), HasSubstr("function 0000:41:00.0"));
}

TEST_F(HostDevices, NeitherWorksWhileTheAgentRuns) {
  here.start();
  const auto before = remembered();
  const auto refused = [this](int status) {
    EXPECT_EQ(status, 3);
    EXPECT_THAT(errors_, HasSubstr("is in use by process " + std::to_string(::getpid())));
    EXPECT_THAT(errors_, HasSubstr("the agent, or another command of berth-host, runs"));
    EXPECT_THAT(output_, IsEmpty());
  };
  refused(release());
  refused(accept({gtx}));
  EXPECT_EQ(remembered(), before);
  EXPECT_EQ(here.driver(gtx), "vfio-pci");
}

TEST_F(HostDevices, AcceptForgetsTheBaselineAndTheNextStartTakesAnother) {
  const auto resource = here.kernel->files(fx).path("resource");
  std::string first_bar;
  std::getline(std::ifstream{resource}, first_bar);
  std::ofstream{resource} << first_bar << "\n"; // the others are gone
  here.start();
  EXPECT_FALSE(here.devices->verify(here.at(fx).id)->bars_match);
  here.stop();
  EXPECT_EQ(accept({"05:00.0"}), 0) << errors_;
  EXPECT_EQ(output_, "0000:05:00.0  baseline forgotten: 10de:0659 class 030000, link 2x16, BARs "
                     "16777216, 268435456, 33554432\n");
  EXPECT_THAT(remembered(), Not(HasSubstr("baseline 0000:05:00.0")));
  EXPECT_THAT(remembered(), HasSubstr("baseline 0000:41:00.0"));
  EXPECT_THAT(remembered(), HasSubstr("function 0000:05:00.0")) << "its driver is not forgotten";
  here.start();
  EXPECT_THAT(here.at(fx).bar_sizes, ::testing::ElementsAre(16777216U));
  EXPECT_TRUE(here.devices->verify(here.at(fx).id)->bars_match);
}

TEST_F(HostDevices, WrongCommandLinesDoNothing) {
  const auto before = remembered();
  EXPECT_EQ(release({"41:00"}), 2);
  EXPECT_THAT(errors_, HasSubstr("berth-host release: `41:00` is no PCI address"));
  EXPECT_EQ(release({gtx, "0000:02:00.0"}), 2);
  EXPECT_THAT(errors_, HasSubstr("0000:02:00.0 was not taken by berth; taken: 0000:05:00.0, "
                                 "0000:41:00.0"));
  EXPECT_EQ(release({"--all"}), 2);
  EXPECT_THAT(errors_, HasSubstr("see --help"));
  EXPECT_EQ(accept({}), 2);
  EXPECT_THAT(errors_, HasSubstr("name the PCI address"));
  EXPECT_EQ(accept({gtx, gtx_sound}), 2);
  EXPECT_THAT(errors_, HasSubstr("0000:41:00.1 has no baseline; there are: 0000:05:00.0"));
  EXPECT_EQ(remembered(), before);
  EXPECT_EQ(here.driver(gtx), "vfio-pci");
}

TEST_F(HostDevices, AnAgentThatNeverWasHereIsSaid) {
  std::filesystem::remove(here.state_file());
  EXPECT_EQ(release(), 3);
  EXPECT_THAT(errors_, HasSubstr(here.state_file().string() + " does not exist"));
  EXPECT_EQ(accept({gtx}), 3);
  EXPECT_THAT(errors_, HasSubstr(here.state_file().string() + " does not exist"));
  std::ofstream{config_} << "state_dri: /nowhere\n";
  EXPECT_EQ(release(), 2);
  EXPECT_THAT(errors_, HasSubstr("host.yaml:1: unknown key state_dri"));
  std::filesystem::remove(config_);
  EXPECT_EQ(release(), 2);
  EXPECT_THAT(errors_, HasSubstr("host.yaml"));
}

TEST_F(HostDevices, ADamagedStateFileStopsBoth) {
  std::ofstream{here.state_file()} << "nonsense";
  EXPECT_EQ(release(), 3);
  EXPECT_THAT(errors_, HasSubstr(here.state_file().string() + ":1: "));
  EXPECT_EQ(accept({gtx}), 3);
  EXPECT_THAT(errors_, HasSubstr(here.state_file().string() + ":1: "));
  EXPECT_EQ(here.driver(gtx), "vfio-pci");
}

TEST_F(HostDevices, HelpNeedsNothing) {
  std::filesystem::remove(config_);
  EXPECT_EQ(release({"--help"}), 0);
  EXPECT_THAT(output_, StartsWith("usage: berth-host release"));
  EXPECT_EQ(accept({"--help"}), 0);
  EXPECT_THAT(output_, StartsWith("usage: berth-host accept"));
}

} // namespace
} // namespace berth::apps
