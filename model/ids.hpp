#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace berth::model {

/// A 128-bit identifier in the textual form of RFC 9562 (8-4-4-4-12 lower-case hexadecimal digits).
/// Two words, so that comparing and hashing cost two instructions each; ordered as its bytes and
/// its text are.
struct uuid {
  std::uint64_t high = 0; ///< the first eight bytes, big-endian
  std::uint64_t low = 0;  ///< the last eight

  using byte_array = std::array<std::uint8_t, 16>;

  /// Accepts upper and lower case; nothing else than the 36-character form.
  [[nodiscard]] static std::optional<uuid> parse(std::string_view text);
  /// A version 4 identifier from 128 random bits of the caller's generator.
  [[nodiscard]] static uuid from_random(std::uint64_t high, std::uint64_t low);
  /// The same (space, name) gives the same identifier everywhere: version 8 with a 128-bit FNV-1a
  /// hash.
  [[nodiscard]] static uuid derive(const uuid& space, std::string_view name);
  [[nodiscard]] static uuid from_bytes(const byte_array& bytes);

  /// In the order of the text, as they travel and are stored.
  [[nodiscard]] byte_array bytes() const;
  [[nodiscard]] bool is_nil() const { return (high | low) == 0; }
  friend auto operator<=>(const uuid&, const uuid&) = default;
};

[[nodiscard]] std::string to_string(const uuid& id);

/// An identifier that cannot be mistaken for another kind's.
template <class Tag> struct strong_id {
  uuid value{};

  [[nodiscard]] static std::optional<strong_id> parse(std::string_view text) {
    auto parsed = uuid::parse(text);
    return parsed ? std::optional{strong_id{*parsed}} : std::nullopt;
  }
  [[nodiscard]] bool is_nil() const { return value.is_nil(); }
  friend auto operator<=>(const strong_id&, const strong_id&) = default;
};

template <class Tag> [[nodiscard]] std::string to_string(const strong_id<Tag>& id) {
  return to_string(id.value);
}

using server_id = strong_id<struct server_tag>;
using host_id = strong_id<struct host_tag>;
using device_id = strong_id<struct device_tag>;
/// One life of a host agent's process; a restarted agent has a new one.
using incarnation_id = strong_id<struct incarnation_tag>;

/// Position of an event in the controller's log; the first event has 1.
using sequence_number = std::uint64_t;
/// Counts the changes of ownership of one device. The host obeys no command with an older epoch
/// than it has obeyed. Starts at 0 (never owned).
using device_epoch = std::uint64_t;
/// Counts leaderships of a controller over one store.
using leader_epoch = std::uint64_t;
/// Counts the changes of one host's desired state.
using generation_number = std::uint64_t;

} // namespace berth::model

template <> struct std::hash<berth::model::uuid> {
  std::size_t operator()(const berth::model::uuid& id) const noexcept {
    return static_cast<std::size_t>(id.high ^ (id.low * 0x9e3779b97f4a7c15ULL));
  }
};
template <class Tag> struct std::hash<berth::model::strong_id<Tag>> {
  std::size_t operator()(const berth::model::strong_id<Tag>& id) const noexcept {
    return std::hash<berth::model::uuid>{}(id.value);
  }
};
