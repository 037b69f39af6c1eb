#pragma once

#include <cstdint>

#include <caf/actor_system_config.hpp>

namespace berth::apps {

/// How CAF runs in the programs: a fixed number of threads that sleep when there is nothing to do.
struct actor_config : caf::actor_system_config {
  explicit actor_config(std::int64_t threads);
};

} // namespace berth::apps
