#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace berth::store {

/// XXH64 of `bytes` (Yann Collet's xxHash, 64-bit variant): finds damage, does not resist forgery.
/// Equal on every platform.
[[nodiscard]] std::uint64_t checksum(std::string_view bytes, std::uint64_t seed);

/// XXH64 of the numbers as little-endian 64-bit words.
[[nodiscard]] std::uint64_t checksum(std::initializer_list<std::uint64_t> numbers);

} // namespace berth::store
