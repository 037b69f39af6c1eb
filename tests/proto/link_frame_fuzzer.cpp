#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "proto/link_codec.hpp"

namespace {

template <class Frame> void same_again(const Frame& frame, Frame (*again)(const Frame&)) {
  if (again(frame) != frame)
    std::abort();
}

} // namespace

// Any bytes give a frame or a failure; a frame keeps its meaning when written again.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berth;
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  if (const auto frame = proto::decode_to_host(bytes))
    same_again<model::link_frame<model::to_host>>(*frame, [](const auto& f) {
      return proto::decode_to_host(proto::encode(f).value()).value();
    });
  if (const auto frame = proto::decode_from_host(bytes))
    same_again<model::link_frame<model::from_host>>(*frame, [](const auto& f) {
      return proto::decode_from_host(proto::encode(f).value()).value();
    });
  return 0;
}
