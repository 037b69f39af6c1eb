#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/control/agent_world.hpp"

namespace berth::control {
namespace {

using model::device_state;
using model::server_status;
using testing::agent_world;
namespace simulated = hostbackend::simulated;

simulated::simulated_host some_host() {
  static const auto kind =
      simulated::load_machine(BERTH_SOURCE_DIR "/machines/l40s-4.yaml").value();
  return simulated::make_host("h", kind);
}

simulated::simulated_settings that_plugs() {
  simulated::simulated_settings settings;
  settings.hot_plug = true;
  return settings;
}

/// Drives an agent with random wishes, faults, lost messages and restarts, then lets the faults end
/// and demands that the host becomes what is wanted. Safety is checked by agent_world all along,
/// and by the backend, which refuses to give one device to two guests.
class agent_trial {
public:
  explicit agent_trial(std::uint64_t seed)
      : world_{some_host(), seed, that_plugs()}, dice_{seed * 31 + 7} {
    if (seed % 2 == 0) {
      world_.options.report_gather = std::chrono::milliseconds{10 + dice_.below(3'000)};
      world_.boot();
    }
  }

  void run(int steps) {
    world_.run(std::chrono::seconds{5});
    world_.connect();
    world_.run(std::chrono::seconds{5});
    world_.loss = 0.1;
    for (int i = 0; i < steps && !::testing::Test::HasFatalFailure(); ++i) {
      change();
      world_.run_for(std::chrono::milliseconds{
          static_cast<std::int64_t>(dice_.below(dice_.chance(0.2) ? 60'000 : 3'000))});
    }
    settle();
  }

private:
  model::device_id device(std::uint64_t index) {
    return simulated::device_id_of(world_.backend.host(), index);
  }
  model::desired_server* some_server() {
    auto& servers = world_.desired.servers;
    return servers.empty() ? nullptr : &servers[dice_.below(servers.size())];
  }

  void change() {
    switch (dice_.below(16)) {
    case 0:
    case 1:
    case 2:
      return create();
    case 3:
      return remove();
    case 4:
    case 5:
      if (auto* server = some_server())
        server->desired_power =
            server->desired_power == model::power::on ? model::power::off : model::power::on;
      break;
    case 6:
      if (auto* server = some_server())
        ++server->restarts;
      break;
    case 7:
      world_.link_is_up ? world_.disconnect() : world_.connect();
      return;
    case 8:
      return inject();
    case 9:
      world_.backend.clear_faults();
      return;
    case 10:
      if (dice_.chance(0.3))
        world_.boot();
      return;
    case 11:
      if (auto* server = some_server())
        world_.backend.crash_server(server->id, "killed");
      return;
    case 12:
      if (dice_.chance(0.5))
        world_.backend.remove_device(device(dice_.below(4)), "pulled");
      return;
    case 13:
      return attach();
    case 14:
      return detach();
    default:
      return world_.backend.return_device(device(dice_.below(4)));
    }
    world_.send_desired();
  }

  void create() {
    model::desired_server wanted;
    wanted.id = {model::uuid::from_random(5, ++created_)};
    wanted.spec.edit([](model::server_spec& spec) { spec.name = "s"; });
    wanted.desired_power = dice_.chance(0.8) ? model::power::on : model::power::off;
    for (const auto& one : world_.desired.devices)
      if (!one.owner && dice_.chance(0.4)) {
        world_.own(one.id, wanted.id);
        wanted.attachments.push_back({.device = one.id, .epoch = world_.epoch_of(one.id)});
      }
    world_.desired.servers.push_back(wanted);
    world_.send_desired();
  }

  void remove() {
    const auto* server = some_server();
    if (server == nullptr)
      return;
    world_.remove(model::server_id{server->id});
    world_.send_desired();
  }

  /// Running or not: the host plugs.
  void attach() {
    auto* server = some_server();
    const auto id = device(dice_.below(4));
    const auto found = std::ranges::find(world_.desired.devices, id, &model::desired_device::id);
    if (server == nullptr || found == world_.desired.devices.end() || found->owner)
      return;
    world_.attach(id, *server);
    world_.send_desired();
  }

  void detach() {
    auto* server = some_server();
    if (server == nullptr || server->attachments.empty())
      return;
    const auto device = server->attachments[dice_.below(server->attachments.size())].device;
    world_.detach(device, *server);
    world_.send_desired();
  }

  void inject() {
    static const std::vector<std::string> operations{
        "bind_device",  "reset_device", "verify_device",   "define_server",
        "start_server", "stop_server",  "undefine_server", "list_servers",
        "discover",     "plug_device",  "unplug_device"};
    simulated::fault fault;
    fault.operation = operations[dice_.below(operations.size())];
    constexpr simulated::fault_kind kinds[] = {
        simulated::fault_kind::fail,       simulated::fault_kind::unknown,
        simulated::fault_kind::slow,       simulated::fault_kind::stuck,
        simulated::fault_kind::unreadable, simulated::fault_kind::off_bus,
        simulated::fault_kind::ignored};
    fault.kind = kinds[dice_.below(std::size(kinds))];
    const bool asks_a_guest =
        fault.operation == "stop_server" || fault.operation == "unplug_device";
    if (fault.kind == simulated::fault_kind::ignored && !asks_a_guest)
      fault.kind = simulated::fault_kind::fail; // what succeeds was done
    if (fault.operation == "list_servers" || fault.operation == "discover")
      fault.kind = simulated::fault_kind::fail;
    fault.probability = 0.7;
    fault.times = static_cast<std::uint32_t>(1 + dice_.below(5));
    world_.backend.inject(fault);
  }

  void settle() {
    world_.loss = 0;
    world_.backend.clear_faults();
    for (std::uint64_t i = 0; i < 4; ++i)
      world_.backend.return_device(device(i));
    if (!world_.link_is_up)
      world_.connect();
    world_.run();
    // What failed under faults is asked for again, as a user would; twice, because what a former
    // life of the agent had under way may have spoilt a device after it was proven clean.
    for (int i = 0; i < 2; ++i) {
      for (auto& server : world_.desired.servers)
        ++server.restarts;
      world_.desired.leader += 1;
      world_.disconnect();
      world_.connect();
      world_.run();
    }
    world_.send_desired();
    world_.run();
    world_.run_for(std::chrono::minutes{1}); // in the middle between two listings of the servers
    check();
  }

  void check() {
    ASSERT_EQ(world_.machine->operations_in_flight(), 0U);
    const auto listing = world_.listing();
    ASSERT_EQ(listing.size(), world_.desired.servers.size());
    for (const auto& wanted : world_.desired.servers) {
      const bool on = wanted.desired_power == model::power::on;
      const auto& seen = world_.servers_seen[wanted.id];
      ASSERT_EQ(seen.status, on ? server_status::running : server_status::ready)
          << to_string(seen.status) << ": " << seen.reason;
      const auto listed = std::find_if(listing.begin(), listing.end(),
                                       [&](const auto& one) { return one.server == wanted.id; });
      ASSERT_NE(listed, listing.end());
      ASSERT_EQ(listed->running, on);
      ASSERT_EQ(listed->devices.size(), wanted.attachments.size());
    }
    for (const auto& one : world_.desired.devices) {
      const auto& seen = world_.devices_seen[one.id];
      ASSERT_EQ(seen.obeyed, one.epoch);
      if (!one.owner) {
        ASSERT_EQ(seen.state, device_state::free) << seen.reason;
        continue;
      }
      ASSERT_TRUE(seen.state == device_state::reserved || seen.state == device_state::in_use)
          << to_string(seen.state) << ": " << seen.reason;
    }
    ASSERT_EQ(world_.reports.back().generation, world_.desired.generation);
  }

  agent_world world_;
  model::random dice_;
  std::uint64_t created_ = 0;
};

TEST(HostMachineProperty, BecomesWhatIsWantedOnceFaultsEnd) {
  for (std::uint64_t seed = 1; seed <= 250; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    agent_trial{seed}.run(60);
    if (HasFatalFailure())
      return;
  }
}

} // namespace
} // namespace berth::control
