#pragma once

#include <functional>
#include <memory>
#include <string>

#include "hostbackend/host_backend.hpp"
#include "metrics/registry.hpp"
#include "model/time.hpp"

namespace berth::actors {

/// The backend of `host` whose operations are counted and timed, and what its devices do by
/// themselves counted. Any number of backends share one set of metrics, which outlives them.
[[nodiscard]] std::shared_ptr<hostbackend::host_backend>
make_metered_backend(std::shared_ptr<hostbackend::host_backend> inner, const std::string& host,
                     metrics::registry& live, std::function<model::timestamp()> clock);

} // namespace berth::actors
