#pragma once

#include <string>

#include "model/event.hpp"

namespace berth::proto {

/// A record as one line of JSON, for support: `{"sequence":7,"at":"2026-01-02T03:04:05.000000006Z",
/// "server_created":{...}}`. The keys are those of proto/log.proto, identifiers in their textual
/// form, words in lower case, text that is not UTF-8 with its bytes as \u00xx. What may hold
/// secrets (a server's `user_data`) is left out: its size stands as `user_data_bytes`. For people
/// and scripts; nothing reads it back.
[[nodiscard]] std::string to_json(const model::log_record& record);

} // namespace berth::proto
