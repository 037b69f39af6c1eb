#pragma once

#include "control/device_turnover.hpp"
#include "control/host_machine.hpp"

namespace berth::actors {

/// For the host's machine.
struct host_event {
  control::agent::event what;
};
/// For a device's machine.
struct device_event {
  control::turnover::event what;
};

} // namespace berth::actors
