#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "hostbackend/host_backend.hpp"
#include "model/ids.hpp"

namespace berth::sim {

/// Watches what really happens on the simulated machines, without a line of code shared with what
/// it watches: which servers run where with which devices, and what is done to those devices.
/// Survives the agents and the controller.
///
/// What it holds to be wrong:
///  1. a server starts with, or gets, a device that another running server has;
///  2. a server starts while it already runs on another host;
///  3. a device is bound or reset while a running server has it;
///  4. a server starts with, or gets, a device that was not reset since its last user.
class fleet_auditor {
public:
  fleet_auditor();

  /// `inner`, watched. Events and completions pass through.
  [[nodiscard]] std::shared_ptr<hostbackend::host_backend>
  watch(std::string host, std::shared_ptr<hostbackend::host_backend> inner);

  [[nodiscard]] const std::vector<std::string>& violations() const;
  [[nodiscard]] std::size_t starts() const;
  [[nodiscard]] std::size_t running() const;
  [[nodiscard]] bool is_running(model::server_id server) const;
  /// What the running server has, plugged in later or from its start.
  [[nodiscard]] std::set<model::device_id> devices_of(const model::server_id& server) const;

  struct state;

private:
  std::shared_ptr<state> state_;
};

} // namespace berth::sim
