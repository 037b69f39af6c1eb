#pragma once

#include <functional>
#include <memory>

#include "hostbackend/host_backend.hpp"
#include "metrics/registry.hpp"
#include "model/time.hpp"

namespace berth::actors {

/// A host's backend whose operations are counted and timed. Any number of backends share one set
/// of metrics.
[[nodiscard]] std::shared_ptr<hostbackend::host_backend>
make_metered_backend(std::shared_ptr<hostbackend::host_backend> inner, metrics::registry& live,
                     std::function<model::timestamp()> clock);

} // namespace berth::actors
