#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace berth::sim {

struct colour {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
};

/// A PNG image of `pixels`, row by row, numbers of the palette's colours; the last of them is
/// transparent. Not compressed, so that the same pixels give the same bytes with every zlib.
/// `width` is not 0; the palette has 1 to 256 colours.
[[nodiscard]] std::string indexed_png(std::uint32_t width, std::span<const std::uint8_t> pixels,
                                      std::span<const colour> palette);

[[nodiscard]] std::string base64(std::string_view bytes);
/// Of a script or a style sheet, as a Content-Security-Policy names it.
[[nodiscard]] std::string sha256_source(std::string_view text);

} // namespace berth::sim
