#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/cluster_port.hpp"
#include "control/agent_link.hpp"
#include "control/cluster.hpp"
#include "control/host_machine.hpp"
#include "hostbackend/simulated/simulated_backend.hpp"
#include "sim/faulty_network.hpp"
#include "sim/fleet_auditor.hpp"
#include "sim/kernel.hpp"
#include "store/memory_store.hpp"

namespace berth::sim {

struct world_options {
  std::uint64_t seed = 1;
  std::vector<hostbackend::simulated::simulated_host> hosts;
  hostbackend::simulated::simulated_settings machines; ///< times and faults of all hosts
  link_faults network;
  control::cluster_config cluster;
  std::size_t schedulers = 1; ///< that plan side by side
  control::host_options host;
  control::turnover_options turnover;
  /// Chance that an append to the controller's store fails, and that an agent's disk does.
  double store_failure = 0;
  double disk_failure = 0;
  /// The controller makes a snapshot after so many events and drops what is older; 0: never.
  std::uint64_t snapshot_events = 0;
};

/// A controller and its hosts, production actors all of them, in one kernel: with stores that
/// survive crashes, machines that pretend and a network that fails. Deterministic by its seed.
class world {
public:
  explicit world(world_options options);
  ~world();
  world(const world&) = delete;
  world& operator=(const world&) = delete;

  [[nodiscard]] kernel& time();
  [[nodiscard]] faulty_network& network();
  [[nodiscard]] fleet_auditor& auditor();
  [[nodiscard]] store::memory_store& log();
  [[nodiscard]] hostbackend::simulated::simulated_backend& machine(std::size_t host);
  [[nodiscard]] std::size_t hosts() const;
  [[nodiscard]] const std::string& host_name(std::size_t host) const;

  void start_controller();
  /// The process dies: nothing of it acts any more; what its store had is durable.
  void crash_controller();
  [[nodiscard]] bool controller_runs() const;
  void start_agent(std::size_t host);
  void crash_agent(std::size_t host);

  /// The live cluster; only while the controller runs. Requests that a crash overtakes are never
  /// answered.
  [[nodiscard]] api::cluster_port& port();
  /// Asks and lets time pass until the answer; nullopt: none within `limit`.
  [[nodiscard]] std::optional<model::result<model::reply>>
  ask(model::command what, model::duration limit = std::chrono::minutes{1});
  [[nodiscard]] std::optional<model::result<model::answer>>
  ask(model::query what, model::duration limit = std::chrono::minutes{1});
  /// Every server and device, read through the port page by page.
  [[nodiscard]] std::vector<model::server_row> servers();
  [[nodiscard]] std::vector<model::device_row> devices();

  /// No chance of failures any more, network and disks included.
  void stop_faults();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace berth::sim
