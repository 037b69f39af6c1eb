#pragma once

#include <string_view>

#include "model/failure.hpp"

namespace berth::api {

/// Whether the API may listen there: an address that is not loopback needs TLS and tokens. The
/// failure says what is missing.
[[nodiscard]] model::result<void> listen_policy(std::string_view address, bool has_tls,
                                                bool has_tokens);

} // namespace berth::api
