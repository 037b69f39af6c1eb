#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include <zlib.h>

#include "sim/demand/readers.hpp"

namespace berth::sim {

constexpr model::duration seconds(std::int64_t count) {
  return std::chrono::seconds{count};
}

inline model::result<demand> read_text(trace_format format, std::string_view text,
                                       const read_options& options = {}) {
  return read_demand(format, bytes_of(text), "table", options);
}

/// As gzip(1) does it.
inline std::string compressed(std::string_view text) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

} // namespace berth::sim
