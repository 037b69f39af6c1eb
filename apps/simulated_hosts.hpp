#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apps/config.hpp"
#include "hostbackend/host_backend.hpp"
#include "model/failure.hpp"

namespace berth::apps {

/// A machine that an agent speaks for, and the name of its host.
struct agent_machine {
  std::string name;
  std::shared_ptr<hostbackend::host_backend> backend;
};

/// The machines that the configuration names: one machine description, or an inventory of many.
/// `timer` must outlive them.
[[nodiscard]] model::result<std::vector<agent_machine>>
make_simulated_hosts(const host_config& config, hostbackend::timer& timer);

} // namespace berth::apps
