#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "model/failure.hpp"
#include "model/snapshot.hpp"

namespace berth::proto {

/// Appends an item to the bytes of a chunk (message SnapshotChunk of proto/snapshot.proto). Chunks
/// may be cut between any two items; some 256 KiB each suit the store.
void append_to_chunk(const model::snapshot_item& item, std::string& chunk);

/// Calls `visit` for each item of a chunk, in order, until it fails; its failure is returned.
/// Errors: store_corrupt naming item and field; store_too_new for what a newer version added.
[[nodiscard]] model::result<void>
decode_chunk(std::string_view chunk,
             const std::function<model::result<void>(model::snapshot_item&&)>& visit);

} // namespace berth::proto
