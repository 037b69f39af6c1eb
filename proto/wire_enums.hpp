#pragma once

#include <optional>

#include "model/device.hpp"
#include "model/host.hpp"
#include "model/request.hpp"
#include "model/server.hpp"
#include "proto/types.pb.h"

namespace berth::proto {

// Enumerations on the wire. Internal to proto/. Total: a new enumerator breaks the build here.
[[nodiscard]] v1::DevType to_wire(model::dev_type value);
[[nodiscard]] v1::DeviceState to_wire(model::device_state value);
[[nodiscard]] v1::HostStatus to_wire(model::host_status value);
[[nodiscard]] v1::ServerStatus to_wire(model::server_status value);
[[nodiscard]] v1::Firmware to_wire(model::firmware value);
[[nodiscard]] v1::Power to_wire(model::power value);
[[nodiscard]] v1::Wish to_wire(model::wish value);

/// The model's value of a number from the wire; empty if there is none.
template <class Model> [[nodiscard]] std::optional<Model> from_wire(int number);

} // namespace berth::proto
