#include "sim/demand/byte_source.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include <zlib.h>

namespace berth::sim {

namespace {

model::result<std::size_t> unreadable(const std::string& name, int error) {
  return model::fail(model::errc::not_found, "cannot read " + name + ": " + std::strerror(error));
}

class descriptor_source final : public byte_source {
public:
  descriptor_source(int descriptor, std::string name)
      : descriptor_(descriptor), name_(std::move(name)) {}
  descriptor_source(const descriptor_source&) = delete;
  descriptor_source& operator=(const descriptor_source&) = delete;
  ~descriptor_source() override {
    if (descriptor_ != STDIN_FILENO) {
      ::close(descriptor_);
    }
  }

  model::result<std::size_t> read(std::span<char> into) override {
    while (true) {
      const auto got = ::read(descriptor_, into.data(), into.size());
      if (got >= 0) {
        return static_cast<std::size_t>(got);
      }
      if (errno != EINTR) {
        return unreadable(name_, errno);
      }
    }
  }

private:
  int descriptor_;
  std::string name_;
};

class text_source final : public byte_source {
public:
  explicit text_source(std::string_view text) : text_(text) {}

  model::result<std::size_t> read(std::span<char> into) override {
    const std::size_t count = text_.copy(into.data(), into.size());
    text_.remove_prefix(count);
    return count;
  }

private:
  std::string_view text_;
};

/// Passes bytes on, or decompresses them if they begin as gzip's files do.
class gzip_source final : public byte_source {
public:
  gzip_source(std::unique_ptr<byte_source> from, std::string name)
      : from_(std::move(from)), name_(std::move(name)), input_(std::size_t{64} * 1024) {}
  gzip_source(const gzip_source&) = delete;
  gzip_source& operator=(const gzip_source&) = delete;
  ~gzip_source() override {
    if (kind_ == kind::compressed) {
      inflateEnd(&stream_);
    }
  }

  model::result<std::size_t> read(std::span<char> into) override {
    if (kind_ == kind::unknown) {
      if (auto begun = begin(); !begun) {
        return tl::unexpected{begun.error()};
      }
    }
    return kind_ == kind::plain ? pass_on(into) : decompress(into);
  }

private:
  enum class kind { unknown, plain, compressed };

  [[nodiscard]] std::string_view waiting() const { return {input_.data() + begin_, end_ - begin_}; }
  [[nodiscard]] bool is_gzip() const { return waiting().substr(0, 2) == "\x1f\x8b"; }

  /// Waits for `wanted` bytes; fewer at the end.
  model::result<void> fill(std::size_t wanted) {
    if (wanted <= end_ - begin_) {
      return {};
    }
    std::copy(input_.data() + begin_, input_.data() + end_, input_.data());
    end_ -= std::exchange(begin_, 0);
    while (end_ < wanted) {
      const auto got = from_->read(std::span{input_}.subspan(end_));
      if (!got) {
        return tl::unexpected{got.error()};
      }
      if (*got == 0) {
        break;
      }
      end_ += *got;
    }
    return {};
  }

  model::result<void> begin() {
    if (auto filled = fill(2); !filled) {
      return filled;
    }
    kind_ = kind::plain;
    if (is_gzip()) {
      constexpr int gzip_only = 16 + MAX_WBITS; // see inflateInit2 in zlib.h
      if (inflateInit2(&stream_, gzip_only) != Z_OK) {
        return model::fail(model::errc::internal, "zlib cannot start");
      }
      kind_ = kind::compressed;
    }
    return {};
  }

  model::result<std::size_t> pass_on(std::span<char> into) {
    if (begin_ == end_) {
      return from_->read(into);
    }
    const std::size_t count = waiting().copy(into.data(), into.size());
    begin_ += count;
    return count;
  }

  model::result<std::size_t> decompress(std::span<char> into) {
    stream_.next_out = reinterpret_cast<Bytef*>(into.data());
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(into.size(), 1U << 30U));
    const uInt room = stream_.avail_out;
    while (stream_.avail_out == room) {
      if (auto filled = fill(2); !filled) {
        return tl::unexpected{filled.error()};
      }
      if (member_ended_) {
        if (begin_ == end_) {
          return 0;
        }
        if (!is_gzip()) {
          return damaged("something else follows the compressed data");
        }
        inflateReset(&stream_);
        member_ended_ = false;
      }
      stream_.next_in = reinterpret_cast<Bytef*>(input_.data() + begin_);
      stream_.avail_in = static_cast<uInt>(end_ - begin_);
      const int state = inflate(&stream_, Z_NO_FLUSH);
      begin_ = end_ - stream_.avail_in;
      member_ended_ = state == Z_STREAM_END;
      if (state == Z_BUF_ERROR) {
        return damaged("it ends in the middle of its compressed data");
      }
      if (state != Z_OK && state != Z_STREAM_END) {
        return damaged(stream_.msg == nullptr ? "zlib cannot decompress it" : stream_.msg);
      }
    }
    return room - stream_.avail_out;
  }

  [[nodiscard]] model::result<std::size_t> damaged(const std::string& how) const {
    return model::fail(model::errc::invalid_argument,
                       name_ + " is a damaged gzip file (" + how + "): copy or compress it again");
  }

  std::unique_ptr<byte_source> from_;
  std::string name_;
  std::vector<char> input_;
  std::size_t begin_ = 0; ///< of what is in `input_`
  std::size_t end_ = 0;
  kind kind_ = kind::unknown;
  z_stream stream_{};
  bool member_ended_ = false;
};

} // namespace

model::result<std::unique_ptr<byte_source>> open_bytes(const std::string& path) {
  const bool standard_input = path == "-";
  const std::string name = standard_input ? "standard input" : path;
  const int descriptor =
      standard_input ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC); // NOLINT
  if (descriptor < 0) {
    return tl::unexpected{unreadable(name, errno).error()};
  }
  return std::make_unique<gzip_source>(std::make_unique<descriptor_source>(descriptor, name), name);
}

std::unique_ptr<byte_source> bytes_of(std::string_view text, std::string name) {
  return std::make_unique<gzip_source>(std::make_unique<text_source>(text), std::move(name));
}

} // namespace berth::sim
