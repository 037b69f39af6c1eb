#include "sim/report/png.hpp"

#include <algorithm>
#include <array>

#include <openssl/evp.h>
#include <zlib.h>

namespace berth::sim {

namespace {

void append_big(std::string& to, std::uint32_t value) {
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    to += static_cast<char>(value >> shift & 0xffU);
}

const Bytef* bytes_of(std::string_view text) {
  return reinterpret_cast<const Bytef*>(text.data());
}

void append_chunk(std::string& to, std::string_view type, std::string_view content) {
  append_big(to, static_cast<std::uint32_t>(content.size()));
  const auto start = to.size();
  to += type;
  to += content;
  const auto sum = crc32(0, bytes_of(to) + start, static_cast<uInt>(to.size() - start));
  append_big(to, static_cast<std::uint32_t>(sum));
}

/// RFC 1950 and 1951, in stored blocks.
std::string stored(std::string_view content) {
  constexpr std::size_t block_max = 65'535;
  std::string out = "\x78\x01";
  for (std::size_t at = 0; at == 0 || at < content.size(); at += block_max) {
    const auto block = content.substr(at, block_max);
    const auto size = static_cast<unsigned>(block.size());
    out += at + block_max >= content.size() ? '\1' : '\0';
    for (const auto part : {size, ~size}) {
      out += static_cast<char>(part & 0xffU);
      out += static_cast<char>(part >> 8U & 0xffU);
    }
    out += block;
  }
  append_big(out, static_cast<std::uint32_t>(
                      adler32(1, bytes_of(content), static_cast<uInt>(content.size()))));
  return out;
}

} // namespace

std::string indexed_png(std::uint32_t width, std::span<const std::uint8_t> pixels,
                        std::span<const colour> palette) {
  std::string header;
  append_big(header, width);
  append_big(header, static_cast<std::uint32_t>(pixels.size() / width));
  header += std::string{"\x08\x03\0\0\0", 5}; // 8 bits, a palette, no filter, not interlaced
  std::string colours;
  for (const auto& one : palette)
    for (const auto part : {one.red, one.green, one.blue})
      colours += static_cast<char>(part);
  std::string opaque(palette.size(), '\xff');
  opaque.back() = '\0';
  std::string rows;
  for (std::size_t at = 0; at + width <= pixels.size(); at += width) {
    rows += '\0';
    rows.append(reinterpret_cast<const char*>(pixels.data()) + at, width);
  }
  std::string out = "\x89PNG\r\n\x1a\n";
  append_chunk(out, "IHDR", header);
  append_chunk(out, "PLTE", colours);
  append_chunk(out, "tRNS", opaque);
  append_chunk(out, "IDAT", stored(rows));
  append_chunk(out, "IEND", {});
  return out;
}

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0'); // with the 0 that is written behind
  const auto size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes_of(bytes),
                                    static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

std::string sha256_source(std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha256(), nullptr);
  return "'sha256-" + base64({reinterpret_cast<const char*>(digest.data()), size}) + "'";
}

} // namespace berth::sim
