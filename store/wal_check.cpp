#include "store/wal_check.hpp"

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace berth::store {

namespace {

constexpr std::size_t header_bytes = 32;
constexpr std::size_t frame_header_bytes = 24;
constexpr std::uint32_t magic = 0x377f0682; // the lowest bit set: checksums over big-endian words

using bytes = std::span<const unsigned char>;

std::uint32_t big_endian(bytes at) {
  return std::uint32_t{at[0]} << 24U | std::uint32_t{at[1]} << 16U | std::uint32_t{at[2]} << 8U |
         at[3];
}
std::uint32_t little_endian(bytes at) {
  return std::uint32_t{at[3]} << 24U | std::uint32_t{at[2]} << 16U | std::uint32_t{at[1]} << 8U |
         at[0];
}

struct sums {
  std::uint32_t first = 0;
  std::uint32_t second = 0;
  friend bool operator==(const sums&, const sums&) = default;
};

sums add(sums to, bytes words, bool big) {
  for (; words.size() >= 8; words = words.subspan(8)) {
    to.first += (big ? big_endian(words) : little_endian(words)) + to.second;
    to.second += (big ? big_endian(words.subspan(4)) : little_endian(words.subspan(4))) + to.first;
  }
  return to;
}

sums stored(bytes at) {
  return {big_endian(at), big_endian(at.subspan(4))};
}

struct wal_header {
  bool big = false;
  std::size_t page_bytes = 0;
  sums salt;
  sums checksum;
};

std::optional<wal_header> read_header(bytes raw) {
  if ((big_endian(raw) & ~1U) != magic)
    return std::nullopt;
  wal_header header;
  header.big = (big_endian(raw) & 1U) != 0;
  header.page_bytes = big_endian(raw.subspan(8));
  header.salt = stored(raw.subspan(16));
  header.checksum = stored(raw.subspan(24));
  const bool page_ok = header.page_bytes >= 512 && header.page_bytes <= 65536 &&
                       (header.page_bytes & (header.page_bytes - 1)) == 0;
  if (!page_ok || add({}, raw.first(24), header.big) != header.checksum)
    return std::nullopt;
  return header;
}

/// Watches the frames go by. A bad frame may be the torn end of the last transaction, or where a
/// failed transaction's remains begin (they end with its commit). But a transaction that is
/// followed by another one's frames was synced, so a bad frame before it is damage.
class frame_watch {
public:
  [[nodiscard]] bool damaged() const { return damaged_; }

  void add(bool good, bool commits) {
    bad_ = bad_ || !good;
    damaged_ = damaged_ || (good && committed_since_);
    committed_since_ = bad_ && (commits || (good && committed_since_));
  }

private:
  bool bad_ = false;
  bool committed_since_ = false; ///< a transaction ended at or after the latest bad frame
  bool damaged_ = false;
};

bool is_damaged(std::ifstream& file, const wal_header& header) {
  std::vector<unsigned char> frame(frame_header_bytes + header.page_bytes);
  frame_watch watch;
  sums before = header.checksum;
  while (!watch.damaged() && file.read(reinterpret_cast<char*>(frame.data()),
                                       static_cast<std::streamsize>(frame.size()))) {
    const bytes raw{frame};
    const sums checksum = stored(raw.subspan(16));
    // A frame's checksum goes on from the one stored in the frame before, so that each can be
    // checked although the one before is damaged.
    const sums made =
        add(add(before, raw.first(8), header.big), raw.subspan(frame_header_bytes), header.big);
    const bool good = stored(raw.subspan(8)) == header.salt && made == checksum;
    watch.add(good, big_endian(raw.subspan(4)) != 0);
    before = checksum;
  }
  return watch.damaged();
}

model::result<void> damaged(const std::filesystem::path& store, const std::string& what) {
  return model::fail(model::errc::store_corrupt,
                     "store " + store.string() + ": its write-ahead log is damaged: " + what +
                         "; restore a copy, or cut the log after its last sound record: "
                         "docs/recovery.md");
}

} // namespace

model::result<void> check_wal(const std::filesystem::path& store) {
  std::filesystem::path path = store;
  path += "-wal";
  std::ifstream file{path, std::ios::binary};
  std::vector<unsigned char> raw(header_bytes);
  if (!file || !file.read(reinterpret_cast<char*>(raw.data()), header_bytes))
    return {}; // there is none, or nothing was ever committed to it
  if (raw == std::vector<unsigned char>(header_bytes))
    return {}; // made, but its header (synced before any frame) never reached the disk
  const auto header = read_header(raw);
  if (!header)
    return damaged(store, "its header does not check out");
  if (is_damaged(file, *header))
    return damaged(store, "synced transactions follow a page that does not check out");
  return {};
}

} // namespace berth::store
