// Inside the lab VM (topology dgx-mini): devices go back to the real drivers that they had, after
// an agent whose configuration does not offer them any more, and by `berth-host release`.
#include <algorithm>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/linux_backend.hpp"
#include "hostbackend/linux/pci_function_files.hpp"
#include "tests/lab/lab.hpp"

namespace berth::hostbackend::host_linux {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

const fs::path state_dir = "/var/tmp/berth-release";

/// The real backend, asked one thing at a time.
class agent {
public:
  explicit agent(survey_options offers) {
    linux_settings settings;
    settings.scan.host = derive_host_id("lab");
    settings.scan.host_name = "lab";
    settings.scan.offers = std::move(offers);
    settings.devices.state_file = state_dir / "devices";
    settings.servers.domains.by = accelerator::emulation;
    backend_ = linux_backend::open(std::move(settings), [this](const std::string& remark) {
                 const std::scoped_lock hold{guard_};
                 remarks_.push_back(remark);
               }).value();
  }

  model::result<operation_result> ask(operation what) {
    std::optional<model::result<operation_result>> answer;
    backend_->perform(std::move(what), [&](model::result<operation_result> given) {
      const std::scoped_lock hold{guard_};
      answer = std::move(given);
      changed_.notify_all();
    });
    std::unique_lock hold{guard_};
    changed_.wait(hold, [&] { return answer.has_value(); });
    return *std::move(answer);
  }
  /// Looks at the machine; what is given back was given back when this returns.
  void discover() {
    for (int i = 0; i < 2; ++i) { // the second waits for what the first one led to
      auto found = ask(hostbackend::discover{});
      ASSERT_TRUE(found.has_value()) << found.error().message;
      devices_ = std::get<model::host_info>(*found).devices;
    }
  }
  [[nodiscard]] std::optional<model::device_info> at(const model::pci_address& address) const {
    const auto found = std::find_if(devices_.begin(), devices_.end(),
                                    [&](const auto& one) { return one.address == address; });
    return found == devices_.end() ? std::nullopt : std::optional{*found};
  }
  [[nodiscard]] std::vector<std::string> remarks() {
    const std::scoped_lock hold{guard_};
    return remarks_;
  }

private:
  std::mutex guard_;
  std::condition_variable changed_;
  std::vector<std::string> remarks_;
  std::vector<model::device_info> devices_;
  std::shared_ptr<linux_backend> backend_; ///< last: its threads use the rest
};

class LabRelease : public ::testing::Test {
protected:
  static void SetUpTestSuite() {
    if (!lab::inside())
      return;
    libvirt_ = std::make_unique<lab::libvirt_daemon>();
    const auto started = libvirt_->start();
    ASSERT_TRUE(started) << started.error().message;
    for (const auto* module : {"vfio-pci", "nvme", "e1000"})
      ASSERT_EQ(lab::run({"modprobe", module}).status, 0) << module;
    fs::create_directories("/var/lib/berth-release");
    for (const auto& words : {std::vector<std::string>{"pool-define-as", "berth", "dir", "--target",
                                                       "/var/lib/berth-release"},
                              {"pool-start", "berth"}}) {
      const auto made = lab::virsh(words);
      ASSERT_EQ(made.status, 0) << made.output;
    }
  }
  static void TearDownTestSuite() { libvirt_.reset(); }

  void SetUp() override {
    BERTH_SKIP_OUTSIDE_THE_LAB();
    fs::remove_all(state_dir);
    fs::create_directories(state_dir);
    std::ofstream{config} << "state_dir: " << state_dir.string() << "\n";
    places_ = lab::addresses().value();
  }

  /// The device that the topology calls `name`, taken by an agent that offers it.
  model::device_info take(agent& one, const std::string& name) {
    one.discover();
    const auto device = one.at(places_.at(name)).value();
    EXPECT_EQ(device.unusable_reason, "");
    const auto bound = one.ask(bind_device{device.id});
    EXPECT_TRUE(bound.has_value()) << bound.error().message;
    EXPECT_EQ(driver(name), "vfio-pci");
    return device;
  }
  [[nodiscard]] std::string driver(const std::string& name) const {
    return pci_function_files{"/sys", places_.at(name)}.driver();
  }
  void await_driver(const std::string& name, const std::string& expected) const {
    ASSERT_TRUE(lab::eventually([&] { return driver(name) == expected; }, 90)) << driver(name);
    ASSERT_EQ(lab::run({"udevadm", "settle"}).status, 0); // its workers look into new disks
  }
  static std::string remembered() {
    std::ifstream in{state_dir / "devices"};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  static lab::ended release() {
    return lab::run({BERTH_BINARY_DIR "/bin/berth-host", "release", "--config", config}, 120);
  }

  static survey_options drives() {
    survey_options offers;
    offers.offered_classes = {0x0108};
    return offers;
  }
  static survey_options network_cards() {
    survey_options offers;
    offers.offered_ids = {{0x8086, 0x100e}};
    return offers;
  }

  static constexpr const char* config = "/var/tmp/berth-release-host.yaml";
  static inline std::unique_ptr<lab::libvirt_daemon> libvirt_;
  std::map<std::string, model::pci_address> places_;
};

TEST_F(LabRelease, ACardThatIsNotOfferedAnyMoreHasItsDriverBackAfterTheNextStart) {
  await_driver("nic0", "e1000");
  {
    agent first{network_cards()};
    const auto card = take(first, "nic0");
    ASSERT_EQ(card.companions.size(), 1U) << "the display behind the same bridge";
    EXPECT_EQ(driver("gpu4"), "vfio-pci");
  }
  agent second{{}};
  second.discover();
  EXPECT_EQ(driver("nic0"), "e1000");
  EXPECT_EQ(driver("gpu4"), "");
  for (const auto* name : {"nic0", "gpu4"})
    EXPECT_EQ((pci_function_files{"/sys", places_.at(name)}.driver_override()), "") << name;
  EXPECT_THAT(remembered(), Not(HasSubstr("function ")));
  EXPECT_THAT(second.remarks(),
              Contains(AllOf(HasSubstr("was given back: "), HasSubstr(" is on e1000"))));
}

TEST_F(LabRelease, AServerThatIsDefinedWithADriveKeepsItFromTheHost) {
  await_driver("nv0", "nvme");
  model::desired_server server;
  server.id = {model::uuid::from_random(5, 1)};
  server.spec.edit([](auto& spec) {
    spec.name = "held";
    spec.memory_mib = 64;
  });
  {
    agent first{drives()};
    server.attachments.push_back(
        {.device = take(first, "nv0").id, .epoch = 1, .type = model::dev_type::pci});
    ASSERT_TRUE(lab::eventually( // once libvirt is connected
        [&] { return first.ask(define_server{server}).has_value(); }));
  }
  agent second{{}};
  second.discover();
  EXPECT_EQ(driver("nv0"), "vfio-pci");
  const auto why = HasSubstr("libvirt's domain berth-" + to_string(server.id) + " is defined with");
  EXPECT_THAT(second.remarks(), Contains(why).Times(1)) << "said once, though seen twice";
  ASSERT_TRUE(lab::eventually([&] { return second.ask(undefine_server{server.id}).has_value(); }));
  second.discover();
  EXPECT_EQ(driver("nv0"), "nvme");
}

TEST_F(LabRelease, TheCommandGivesBackWhatNobodyHolds) {
  await_driver("nv0", "nvme");
  {
    agent running{drives()};
    const auto drive = take(running, "nv0");
    const auto refused = release();
    EXPECT_EQ(refused.status, 3);
    EXPECT_THAT(refused.output, HasSubstr("in use by process " + std::to_string(::getpid())));
    EXPECT_EQ(driver("nv0"), "vfio-pci");
  }
  const auto address = places_.at("nv0");
  const auto group = pci_function_files{"/sys", address}.iommu_group().value();
  const auto node = "/dev/vfio/" + std::to_string(group);
  int held = -1;
  ASSERT_TRUE(
      lab::eventually([&] { return (held = ::open(node.c_str(), O_RDWR | O_CLOEXEC)) >= 0; }));
  const auto holder = release();
  ::close(held);
  EXPECT_EQ(holder.status, 1);
  EXPECT_THAT(holder.output, HasSubstr("process " + std::to_string(::getpid()) +
                                       " (lab_release_tes) has " + node));
  EXPECT_EQ(driver("nv0"), "vfio-pci");
  const auto done = release();
  EXPECT_EQ(done.status, 0);
  EXPECT_EQ(done.output,
            to_string(address) + "  given back: " + to_string(address) + " is on nvme\n");
  EXPECT_EQ(driver("nv0"), "nvme");
  EXPECT_THAT(remembered(), Not(HasSubstr("function ")));
}

} // namespace
} // namespace berth::hostbackend::host_linux
