#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "model/failure.hpp"

namespace berth::sim {

/// Bytes from somewhere, in order.
class byte_source {
public:
  virtual ~byte_source() = default;

  /// Reads at least one byte into `into`, which must not be empty; 0 at the end. Failures name the
  /// source; after one nothing more may be read.
  [[nodiscard]] virtual model::result<std::size_t> read(std::span<char> into) = 0;
};

/// A file, or standard input if the path is `-`. What gzip has compressed (RFC 1952, told by its
/// first two bytes) is given decompressed.
[[nodiscard]] model::result<std::unique_ptr<byte_source>> open_bytes(const std::string& path);

/// A text in memory, which must outlive the source; decompressed like a file.
[[nodiscard]] std::unique_ptr<byte_source> bytes_of(std::string_view text,
                                                    std::string name = "text");

} // namespace berth::sim
