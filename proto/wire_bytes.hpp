#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace berth::proto {

// The few pieces of Protobuf's wire format that the codecs write and walk themselves, so that a
// message can be reused (a oneof's cannot) and a repeated field be read entry by entry.
// Internal to proto/. https://protobuf.dev/programming-guides/encoding/

enum class wire_type : std::uint32_t { varint = 0, fixed64 = 1, bytes = 2 };

[[nodiscard]] constexpr std::uint32_t wire_tag(int field, wire_type type) {
  return static_cast<std::uint32_t>(field) << 3U | static_cast<std::uint32_t>(type);
}

[[nodiscard]] constexpr std::size_t varint_size(std::uint64_t value) {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7U)
    ++size;
  return size;
}

[[nodiscard]] inline std::uint8_t* put_varint(std::uint64_t value, std::uint8_t* out) {
  for (; value >= 0x80; value >>= 7U)
    *out++ = static_cast<std::uint8_t>(value | 0x80U);
  *out++ = static_cast<std::uint8_t>(value);
  return out;
}

/// Takes a varint off the front; empty if there is no whole one.
[[nodiscard]] inline std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto next = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t{next & 0x7FU} << shift;
    if (next < 0x80)
      return value;
  }
  return std::nullopt;
}

/// Takes one entry of a repeated message field with number 1 off the front; empty if the bytes do
/// not begin with a whole one.
[[nodiscard]] inline std::optional<std::string_view> take_entry(std::string_view& bytes) {
  if (take_varint(bytes) != wire_tag(1, wire_type::bytes))
    return std::nullopt;
  const auto size = take_varint(bytes);
  if (!size || *size > bytes.size())
    return std::nullopt;
  const std::string_view entry = bytes.substr(0, static_cast<std::size_t>(*size));
  bytes.remove_prefix(entry.size());
  return entry;
}

/// Makes room for `size` bytes at the end of `out`.
[[nodiscard]] inline std::uint8_t* grow(std::string& out, std::size_t size) {
  const std::size_t old = out.size();
  out.resize(old + size);
  return reinterpret_cast<std::uint8_t*>(out.data()) + old;
}

/// Appends one message: `prefix` are its first bytes, `fill` makes the message that goes into its
/// field `field`. `framed`: the whole is an entry of a repeated message field with number 1. The
/// inner message is reused by the thread, so that its strings and entries keep their memory.
template <class Wire, class Fill>
void append_message(std::string_view prefix, int field, const Fill& fill, std::string& out,
                    bool framed) {
  constexpr std::size_t most_kept = std::size_t{64} * 1024;
  thread_local Wire body;
  body.Clear();
  fill(body);
  const std::size_t body_size = body.ByteSizeLong();
  const std::uint32_t tag = wire_tag(field, wire_type::bytes);
  const std::size_t size = prefix.size() + varint_size(tag) + varint_size(body_size) + body_size;
  std::uint8_t* at = grow(out, framed ? 1 + varint_size(size) + size : size);
  if (framed) {
    *at++ = static_cast<std::uint8_t>(wire_tag(1, wire_type::bytes));
    at = put_varint(size, at);
  }
  at = std::copy(prefix.begin(), prefix.end(), at);
  at = put_varint(tag, at);
  at = put_varint(body_size, at);
  body.SerializeWithCachedSizesToArray(at);
  if (body_size > most_kept)
    body = Wire{};
}

} // namespace berth::proto
