#include "store/checksum.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

namespace berth::store {

namespace {

// The constants and steps of the published specification (github.com/Cyan4973/xxHash,
// doc/xxhash_spec.md, "XXH64").
constexpr std::uint64_t prime1 = 0x9E3779B185EBCA87ULL;
constexpr std::uint64_t prime2 = 0xC2B2AE3D27D4EB4FULL;
constexpr std::uint64_t prime3 = 0x165667B19E3779F9ULL;
constexpr std::uint64_t prime4 = 0x85EBCA77C2B2AE63ULL;
constexpr std::uint64_t prime5 = 0x27D4EB2F165667C5ULL;
static_assert(std::endian::native == std::endian::little, "words are read as little-endian");

template <class Word> std::uint64_t take(std::string_view& bytes) {
  Word word = 0;
  std::memcpy(&word, bytes.data(), sizeof word);
  bytes.remove_prefix(sizeof word);
  return word;
}

std::uint64_t round(std::uint64_t lane, std::uint64_t input) {
  return std::rotl(lane + input * prime2, 31) * prime1;
}

std::uint64_t merge(std::uint64_t hash, std::uint64_t lane) {
  return (hash ^ round(0, lane)) * prime1 + prime4;
}

std::uint64_t stripes(std::string_view& bytes, std::uint64_t seed) {
  std::array<std::uint64_t, 4> lane{seed + prime1 + prime2, seed + prime2, seed, seed - prime1};
  while (bytes.size() >= 32)
    for (std::uint64_t& l : lane)
      l = round(l, take<std::uint64_t>(bytes));
  std::uint64_t hash = std::rotl(lane[0], 1) + std::rotl(lane[1], 7) + std::rotl(lane[2], 12) +
                       std::rotl(lane[3], 18);
  for (const std::uint64_t l : lane)
    hash = merge(hash, l);
  return hash;
}

} // namespace

std::uint64_t checksum(std::string_view bytes, std::uint64_t seed) {
  const std::uint64_t length = bytes.size();
  std::uint64_t hash = length >= 32 ? stripes(bytes, seed) : seed + prime5;
  hash += length;
  while (bytes.size() >= 8)
    hash = std::rotl(hash ^ round(0, take<std::uint64_t>(bytes)), 27) * prime1 + prime4;
  if (bytes.size() >= 4)
    hash = std::rotl(hash ^ (take<std::uint32_t>(bytes) * prime1), 23) * prime2 + prime3;
  while (!bytes.empty())
    hash = std::rotl(hash ^ (take<std::uint8_t>(bytes) * prime5), 11) * prime1;
  hash = (hash ^ (hash >> 33U)) * prime2;
  hash = (hash ^ (hash >> 29U)) * prime3;
  return hash ^ (hash >> 32U);
}

std::uint64_t checksum(std::initializer_list<std::uint64_t> numbers) {
  return checksum(std::string_view{reinterpret_cast<const char*>(numbers.begin()),
                                   numbers.size() * sizeof(std::uint64_t)},
                  0);
}

} // namespace berth::store
