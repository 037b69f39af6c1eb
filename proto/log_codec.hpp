#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "model/event.hpp"
#include "model/failure.hpp"

namespace berth::proto {

/// The bytes of one record (message LogRecord of proto/log.proto).
[[nodiscard]] std::string encode(const model::log_record& record);

/// The record of `bytes`; equal to what was encoded. Total: any bytes give a value or a failure.
/// Errors: store_corrupt naming the field; store_too_new for an event kind, field or word that a
/// newer version added.
[[nodiscard]] model::result<model::log_record> decode_log_record(std::string_view bytes);

/// Appends a record to the bytes of a batch (message LogBatch). Bytes of batches may be joined.
void append_to_batch(const model::log_record& record, std::string& batch);

/// Calls `visit` for each record of a batch, in order, until it returns false. Errors as in
/// decode_log_record; the message counts the record within the batch from 1.
[[nodiscard]] model::result<void>
decode_batch(std::string_view batch, const std::function<bool(model::log_record&&)>& visit);

} // namespace berth::proto
