#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "proto/log_codec.hpp"
#include "proto/snapshot_codec.hpp"

// Any bytes give a value or a failure; a value keeps its meaning when written again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berth;
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  if (const auto record = proto::decode_log_record(bytes)) {
    const auto again = proto::decode_log_record(proto::encode(*record));
    if (!again || *again != *record)
      std::abort();
  }
  const auto batch = proto::decode_batch(bytes, [](model::log_record&&) { return true; });
  const auto chunk =
      proto::decode_chunk(bytes, [](model::snapshot_item&&) -> model::result<void> { return {}; });
  return (batch || !batch.error().message.empty()) && (chunk || !chunk.error().message.empty())
             ? 0
             : -1;
}
