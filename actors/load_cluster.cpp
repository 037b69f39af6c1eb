#include "actors/load_cluster.hpp"

#include <utility>

#include "proto/snapshot_codec.hpp"

namespace berth::actors {

model::result<control::cluster_state> load_cluster(const store::event_reader& store,
                                                   model::sequence_number until) {
  control::cluster_state state;
  const auto at = store.load_snapshot([&](const store::snapshot_chunk& chunk) {
    return proto::decode_chunk(
        chunk, [&](model::snapshot_item&& item) { return state.add_item(std::move(item)); });
  });
  if (!at)
    return tl::unexpected{at.error()};
  const auto replayed = store.read(*at + 1, [&](const model::log_record& record) {
    if (record.sequence > until)
      return false;
    state.replay(record);
    return true;
  });
  if (!replayed)
    return tl::unexpected{replayed.error()};
  return state;
}

} // namespace berth::actors
