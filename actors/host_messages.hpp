#pragma once

#include "control/device_turnover.hpp"

namespace berth::actors {

/// For a device's machine.
struct device_event {
  control::turnover::event what;
};

} // namespace berth::actors
