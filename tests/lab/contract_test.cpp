// Inside the lab VM: the real backend keeps the same contract as the simulated one. Needs the
// topology dgx-mini.topo.
#include <algorithm>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "hostbackend/linux/linux_backend.hpp"
#include "hostbackend/pci_facts.hpp"
#include "tests/hostbackend/host_backend_contract.hpp"
#include "tests/lab/lab.hpp"

namespace berth::hostbackend::testing {

namespace {

namespace fs = std::filesystem;

const fs::path consoles = "/var/log/berth-contract";

/// libvirt and its pools, for all tests of the process.
class libvirt_with_pools {
public:
  libvirt_with_pools() {
    if (auto started = daemon_.start(); !started)
      throw std::runtime_error{started.error().message};
    for (const std::string pool : {"berth", "berth-images"}) {
      const auto directory = "/var/lib/" + pool;
      fs::create_directories(directory);
      for (const auto& made : {lab::virsh({"pool-define-as", pool, "dir", "--target", directory}),
                               lab::virsh({"pool-start", pool})})
        if (made.status != 0)
          throw std::runtime_error{made.output};
    }
  }

private:
  lab::libvirt_daemon daemon_;
};

host_linux::linux_settings settings() {
  host_linux::linux_settings what;
  what.scan.host = derive_host_id("lab");
  what.scan.host_name = "lab";
  what.scan.hot_plug = true;
  what.servers.domains.spare_root_ports = 1;
  what.devices.state_file = "/var/tmp/berth-contract-devices";
  what.servers.domains.by = host_linux::accelerator::emulation;
  what.servers.domains.allow_qemu_arguments = true;
  what.servers.domains.serial_log_directory = consoles;
  return what;
}

/// Asks and answers on the test's thread, inside settle(): the machine itself is never in step with
/// a test.
class lab_contract_host final : public contract_host, private host_backend {
public:
  lab_contract_host() {
    static libvirt_with_pools libvirt;
    fs::remove_all(consoles); // servers of different tests have the same ids
    fs::create_directories(consoles);
    real_ = host_linux::linux_backend::open(settings(), [](const std::string& remark) {
              std::cerr << remark << '\n';
            }).value();
    real_->on_event([this](backend_event event) {
      const std::scoped_lock hold{guard_};
      events_.push_back(std::move(event));
      changed_.notify_all();
    });
    const auto here = [this] {
      const auto listed = ask(list_servers{});
      return listed.has_value();
    };
    if (!lab::eventually(here))
      throw std::runtime_error{"libvirt does not list its servers"};
  }
  ~lab_contract_host() override {
    if (const auto listed = ask(list_servers{}))
      for (const auto& one : std::get<server_listing>(*listed).servers) {
        (void)ask(stop_server{one.server, true});
        (void)ask(undefine_server{one.server});
      }
  }

  host_backend& backend() override { return *this; }

  void settle() override {
    for (auto asked = std::exchange(asked_, {}); auto& [what, done] : asked) {
      const bool guest_answers = asks_a_guest(what);
      const auto* started = std::get_if<start_server>(&what);
      const auto starting = started != nullptr ? to_string(started->server.id) : std::string{};
      auto answer = ask(std::move(what));
      if (answer && !starting.empty())
        await_boot(starting);
      done(std::move(answer));
      if (guest_answers)
        await_event();
    }
    std::vector<backend_event> events;
    {
      const std::scoped_lock hold{guard_};
      events = std::exchange(events_, {});
    }
    for (auto& event : events)
      listener_(std::move(event));
  }

private:
  using outcome = model::result<operation_result>;

  void perform(operation what, completion done) override {
    // The tiny guest obeys the power button, and needs little memory.
    if (auto* define = std::get_if<define_server>(&what))
      define->server.spec.edit([](auto& spec) {
        spec.memory_mib = 64;
        spec.qemu_arguments = {"-kernel", BERTH_BINARY_DIR "/tests/lab/guest/guest.elf"};
      });
    asked_.emplace_back(std::move(what), std::move(done));
  }
  void on_event(std::function<void(backend_event)> listener) override {
    listener_ = std::move(listener);
  }

  outcome ask(operation what) {
    std::unique_lock hold{guard_};
    std::optional<outcome> answer;
    real_->perform(std::move(what), [this, &answer](outcome given) {
      const std::scoped_lock answered{guard_};
      EXPECT_FALSE(answer.has_value()) << "answered twice";
      answer = std::move(given);
      changed_.notify_all();
    });
    changed_.wait(hold, [&] { return answer.has_value(); });
    return *std::move(answer);
  }
  /// What succeeds when the guest was asked, and is done when an event says so.
  bool asks_a_guest(const operation& what) {
    if (const auto* unplug = std::get_if<unplug_device>(&what))
      return holds(unplug->server, unplug->device);
    const auto* stop = std::get_if<stop_server>(&what);
    return stop != nullptr && !stop->force;
  }
  bool holds(const model::server_id& server, const model::device_id& device) {
    const auto listed = ask(list_servers{});
    if (!listed)
      return false;
    const auto& all = std::get<server_listing>(*listed).servers;
    const auto found = std::ranges::find(all, server, &listed_server::server);
    return found != all.end() && std::ranges::find(found->devices, device) != found->devices.end();
  }
  /// A guest that still boots does not hear the power button.
  static void await_boot(const std::string& server) {
    const lab::guest_console console{{}, consoles / (server + ".log")};
    EXPECT_TRUE(console.said("GUEST ready", 120)) << console.text();
  }
  void await_event() {
    std::unique_lock hold{guard_};
    if (!changed_.wait_for(hold, std::chrono::minutes{1}, [this] { return !events_.empty(); }))
      for (const auto& log : fs::directory_iterator{consoles})
        std::cerr << log.path() << '\n' << lab::guest_console{{}, log.path()}.text();
  }

  std::deque<std::pair<operation, completion>> asked_;
  std::function<void(backend_event)> listener_;
  std::mutex guard_;
  std::condition_variable changed_;
  std::vector<backend_event> events_;
  std::shared_ptr<host_linux::linux_backend> real_; ///< last: its threads use the rest
};

std::unique_ptr<contract_host> make_real() {
  if (!lab::inside())
    return nullptr;
  return std::make_unique<lab_contract_host>();
}

} // namespace

INSTANTIATE_TEST_SUITE_P(Real, HostBackendContract, ::testing::Values(make_real));

} // namespace berth::hostbackend::testing
