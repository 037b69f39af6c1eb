#include "model/ids.hpp"

#include <algorithm>

namespace berth::model {

namespace {

__extension__ typedef unsigned __int128 uint128;

constexpr std::size_t text_length = 36;

constexpr bool is_dash_position(std::size_t position) {
  return position == 8 || position == 13 || position == 18 || position == 23;
}

constexpr int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

uuid from_halves(std::uint64_t high, std::uint64_t low, unsigned version) {
  constexpr std::uint64_t version_bits = 0xf000;
  constexpr std::uint64_t variant_bits = std::uint64_t{3} << 62U;
  constexpr std::uint64_t variant = std::uint64_t{2} << 62U; // RFC 9562
  return {(high & ~version_bits) | (std::uint64_t{version} << 12U),
          (low & ~variant_bits) | variant};
}

} // namespace

std::optional<uuid> uuid::parse(std::string_view text) {
  if (text.size() != text_length) {
    return std::nullopt;
  }
  uint128 number = 0;
  for (std::size_t i = 0; i < text_length; ++i) {
    if (is_dash_position(i)) {
      if (text[i] != '-') {
        return std::nullopt;
      }
      continue;
    }
    const int value = hex_value(text[i]);
    if (value < 0) {
      return std::nullopt;
    }
    number = (number << 4U) | static_cast<unsigned>(value);
  }
  return uuid{static_cast<std::uint64_t>(number >> 64U), static_cast<std::uint64_t>(number)};
}

uuid uuid::from_bytes(const byte_array& bytes) {
  uuid id;
  for (std::size_t i = 0; i < 8; ++i) {
    id.high = id.high << 8U | bytes[i];
    id.low = id.low << 8U | bytes[8 + i];
  }
  return id;
}

uuid::byte_array uuid::bytes() const {
  byte_array all{};
  for (std::size_t i = 0; i < 8; ++i) {
    all[i] = static_cast<std::uint8_t>(high >> (56 - 8 * i));
    all[8 + i] = static_cast<std::uint8_t>(low >> (56 - 8 * i));
  }
  return all;
}

uuid uuid::from_random(std::uint64_t high, std::uint64_t low) {
  return from_halves(high, low, 4);
}

uuid uuid::derive(const uuid& space, std::string_view name) {
  // FNV-1a with 128 bits: offset basis and prime of draft-eastlake-fnv.
  constexpr uint128 prime = (uint128{0x1000000ULL} << 64U) | 0x13bULL;
  uint128 hash = (uint128{0x6c62272e07bb0142ULL} << 64U) | 0x62b821756295c58dULL;
  const auto mix = [&hash](std::uint8_t byte) {
    hash ^= byte;
    hash *= prime;
  };
  std::ranges::for_each(space.bytes(), mix);
  for (const char c : name) {
    mix(static_cast<std::uint8_t>(c));
  }
  return from_halves(static_cast<std::uint64_t>(hash >> 64U), static_cast<std::uint64_t>(hash), 8);
}

std::string to_string(const uuid& id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(text_length);
  for (const std::uint8_t byte : id.bytes()) {
    if (is_dash_position(text.size())) {
      text.push_back('-');
    }
    text.push_back(digits[byte >> 4U]);
    text.push_back(digits[byte & 0x0fU]);
  }
  return text;
}

} // namespace berth::model
