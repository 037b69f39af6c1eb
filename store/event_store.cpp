#include "store/event_store.hpp"

namespace berth::store {

model::result<void> event_store::write_snapshot(model::sequence_number at,
                                                const std::function<snapshot_chunk()>& next) {
  auto writer = begin_snapshot(at);
  if (!writer)
    return tl::unexpected{std::move(writer).error()};
  for (snapshot_chunk chunk = next(); !chunk.empty(); chunk = next())
    if (auto added = (*writer)->add(chunk); !added)
      return added;
  if (auto committed = (*writer)->commit(); !committed)
    return committed;
  for (;;) {
    const auto more = tidy();
    if (!more)
      return tl::unexpected{more.error()};
    if (!*more)
      return {};
  }
}

} // namespace berth::store
