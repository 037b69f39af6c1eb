#pragma once

#include <functional>
#include <memory>

#include <caf/fwd.hpp>

#include "actors/interfaces.hpp"
#include "actors/ownership_store.hpp"
#include "control/device_turnover.hpp"
#include "control/host_machine.hpp"
#include "model/time.hpp"

namespace berth::actors {

struct device_parts {
  model::device_id id;
  control::turnover::ownership kept;
  control::turnover_options options;
  std::shared_ptr<ownership_keeper> keeper;
  std::function<model::timestamp()> clock;
  host_actor host;                                            ///< its host; linked
  std::function<void(control::agent::device_said)> tell_host; ///< any thread
};

[[nodiscard]] device_actor spawn_device(caf::actor_system& system, device_parts parts);

} // namespace berth::actors
