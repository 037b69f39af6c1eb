#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "model/failure.hpp"
#include "model/link.hpp"

namespace berth::proto {

/// Most bytes of one frame, in either direction.
inline constexpr std::size_t frame_bytes_max = std::size_t{1} << 20U;

/// The bytes of one frame (messages ToHostFrame and FromHostFrame of proto/link.proto).
/// Errors: too_large if they would exceed frame_bytes_max.
[[nodiscard]] model::result<std::string> encode(const model::link_frame<model::to_host>& frame);
[[nodiscard]] model::result<std::string> encode(const model::link_frame<model::from_host>& frame);

/// The frame of `bytes`, which come from the network: total and strict. Unknown fields are ignored;
/// text must be UTF-8, and PCI addresses in their bounds.
/// Errors: too_large; invalid_argument naming the field.
[[nodiscard]] model::result<model::link_frame<model::to_host>>
decode_to_host(std::string_view bytes);
[[nodiscard]] model::result<model::link_frame<model::from_host>>
decode_from_host(std::string_view bytes);

} // namespace berth::proto
