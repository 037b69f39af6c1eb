#pragma once

#include <memory>

#include "apps/config.hpp"
#include "hostbackend/host_backend.hpp"
#include "model/failure.hpp"

namespace berth::apps {

/// The machine that this process runs on, as its configuration says. What an operator should know
/// of it goes to the log.
[[nodiscard]] model::result<std::shared_ptr<hostbackend::host_backend>>
make_linux_host(const host_config& config);

} // namespace berth::apps
