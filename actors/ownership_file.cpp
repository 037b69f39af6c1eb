#include "actors/ownership_store.hpp"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace berth::actors {

namespace {

// One record, little-endian: device (16), epoch (8), owner (16, zero = none), checksum (8) over the
// 40 bytes before. The file starts with the 8 bytes of `magic`; a new format gets another one.
constexpr std::array<char, 8> magic{'b', 'e', 'r', 't', 'h', 'o', 'w', '1'};
constexpr std::size_t record_size = 48;
constexpr std::size_t outdated_records_max = 4096;
using record_bytes = std::array<std::uint8_t, record_size>;

void put(std::uint8_t* to, std::uint64_t value) {
  for (int i = 0; i < 8; ++i)
    to[i] = static_cast<std::uint8_t>(value >> (8 * i));
}
std::uint64_t get(const std::uint8_t* from) {
  std::uint64_t value = 0;
  for (int i = 0; i < 8; ++i)
    value |= std::uint64_t{from[i]} << (8 * i);
  return value;
}
/// FNV-1a: against torn and flipped bytes, not against malice.
std::uint64_t checksum(const std::uint8_t* data, std::size_t size) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (std::size_t i = 0; i < size; ++i)
    hash = (hash ^ data[i]) * 1099511628211ULL;
  return hash;
}

void put(std::uint8_t* to, const model::uuid& id) {
  const auto bytes = id.bytes();
  std::memcpy(to, bytes.data(), bytes.size());
}
model::uuid get_id(const std::uint8_t* from) {
  model::uuid::byte_array bytes{};
  std::memcpy(bytes.data(), from, bytes.size());
  return model::uuid::from_bytes(bytes);
}

record_bytes encode(const kept_ownership& what) {
  record_bytes bytes{};
  put(bytes.data(), what.device.value);
  put(bytes.data() + 16, what.what.epoch);
  if (what.what.owner)
    put(bytes.data() + 24, what.what.owner->value);
  put(bytes.data() + 40, checksum(bytes.data(), 40));
  return bytes;
}

std::optional<kept_ownership> decode(const std::uint8_t* from) {
  if (get(from + 40) != checksum(from, 40))
    return std::nullopt;
  kept_ownership what;
  what.device.value = get_id(from);
  what.what.epoch = get(from + 16);
  const model::server_id owner{get_id(from + 24)};
  if (!owner.is_nil())
    what.what.owner = owner;
  return what;
}

tl::unexpected<model::failure> broken(const std::string& path, const std::string& step) {
  const int error = errno;
  return model::fail(error == ENOSPC || error == EDQUOT ? model::errc::store_full
                                                        : model::errc::store_failed,
                     path + ": cannot " + step + ": " + std::strerror(error));
}

model::result<void> write_all(int descriptor, const std::string& path, const std::uint8_t* data,
                              std::size_t size) {
  while (size > 0) {
    const auto written = ::write(descriptor, data, size);
    if (written < 0 && errno == EINTR)
      continue;
    if (written < 0)
      return broken(path, "write");
    data += written;
    size -= static_cast<std::size_t>(written);
  }
  return {};
}

model::result<std::vector<std::uint8_t>> read_all(int descriptor, const std::string& path) {
  std::vector<std::uint8_t> bytes;
  std::array<std::uint8_t, 1U << 16U> piece{};
  for (;;) {
    const auto got = ::read(descriptor, piece.data(), piece.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return broken(path, "read");
    if (got == 0)
      return bytes;
    bytes.insert(bytes.end(), piece.begin(), piece.begin() + got);
  }
}

/// A file's name is durable only when its directory is.
model::result<void> sync_directory(const std::string& path) {
  const auto parent = std::filesystem::path{path}.parent_path();
  const int directory =
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    return broken(path, "open the directory");
  const int outcome = ::fsync(directory);
  ::close(directory);
  if (outcome != 0)
    return broken(path, "sync the directory");
  return {};
}

struct content {
  kept_ownerships kept;
  std::size_t records = 0;
  std::int64_t sound_size = 0; ///< 0: new, or torn within the magic
};

model::result<content> parse(const std::vector<std::uint8_t>& bytes, const std::string& path) {
  content found;
  if (bytes.size() < magic.size())
    return found;
  if (std::memcmp(bytes.data(), magic.data(), magic.size()) != 0)
    return model::fail(model::errc::store_corrupt,
                       path + ": not a device ownership file of this version: move it away only if "
                              "no server runs on this host");
  found.sound_size = magic.size();
  for (std::size_t at = magic.size(); at + record_size <= bytes.size(); at += record_size) {
    const auto what = decode(bytes.data() + at);
    if (!what) {
      if (at + record_size * 2 > bytes.size())
        break; // the last record: torn while it was written
      return model::fail(model::errc::store_corrupt,
                         path + ": record " + std::to_string(found.records + 1) +
                             " is damaged: restore the file from a copy, or move it away when no "
                             "server runs on this host");
    }
    auto& kept = found.kept[what->device];
    if (what->what.epoch >= kept.epoch)
      kept = what->what;
    ++found.records;
    found.sound_size += record_size;
  }
  return found;
}

/// Writes `kept` to a new file beside `path` and puts it in its place.
model::result<int> rewrite(const std::string& path, const kept_ownerships& kept) {
  const auto fresh = path + ".new";
  const int descriptor = ::open(fresh.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return broken(fresh, "create");
  std::vector<std::uint8_t> bytes(magic.begin(), magic.end());
  for (const auto& [device, what] : kept) {
    const auto record = encode({device, what});
    bytes.insert(bytes.end(), record.begin(), record.end());
  }
  auto done = write_all(descriptor, fresh, bytes.data(), bytes.size());
  if (done && ::fdatasync(descriptor) != 0)
    done = broken(fresh, "sync");
  if (done && ::flock(descriptor, LOCK_EX | LOCK_NB) != 0)
    done = broken(fresh, "lock");
  if (done && ::rename(fresh.c_str(), path.c_str()) != 0)
    done = broken(fresh, "rename");
  if (done)
    done = sync_directory(path);
  if (!done) {
    ::close(descriptor);
    return tl::unexpected{done.error()};
  }
  return descriptor;
}

} // namespace

model::result<ownership_file::opened> ownership_file::open(const std::string& path) {
  int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0)
    return broken(path, "open");
  const auto give_up = [&](model::failure why) {
    ::close(descriptor);
    return tl::unexpected{std::move(why)};
  };
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0)
    return give_up({model::errc::store_failed, path + ": another agent uses this file"});
  auto bytes = read_all(descriptor, path);
  if (!bytes)
    return give_up(std::move(bytes.error()));
  auto found = parse(*bytes, path);
  if (!found)
    return give_up(std::move(found.error()));
  auto size = found->sound_size;
  if (size == 0 || found->records > found->kept.size() + outdated_records_max) {
    auto fresh = rewrite(path, found->kept);
    if (!fresh)
      return give_up(std::move(fresh.error()));
    ::close(std::exchange(descriptor, *fresh));
    size = static_cast<std::int64_t>(magic.size() + record_size * found->kept.size());
  }
  if (::ftruncate(descriptor, size) != 0 || ::lseek(descriptor, size, SEEK_SET) < 0)
    return give_up(broken(path, "cut off a torn record").value());
  return opened{std::unique_ptr<ownership_file>{new ownership_file{descriptor, path, size}},
                std::move(found->kept)};
}

ownership_file::~ownership_file() {
  ::close(descriptor_);
}

model::result<void> ownership_file::append(std::span<const kept_ownership> batch) {
  std::vector<std::uint8_t> bytes;
  bytes.reserve(batch.size() * record_size);
  for (const auto& each : batch) {
    const auto record = encode(each);
    bytes.insert(bytes.end(), record.begin(), record.end());
  }
  auto done = write_all(descriptor_, path_, bytes.data(), bytes.size());
  if (done && ::fdatasync(descriptor_) != 0)
    done = broken(path_, "sync");
  if (!done) {
    // Nothing of the batch may be found later: it will not be acted upon.
    if (::ftruncate(descriptor_, size_) != 0 || ::lseek(descriptor_, size_, SEEK_SET) < 0)
      return broken(path_, "take back a failed write");
    return done;
  }
  size_ += static_cast<std::int64_t>(bytes.size());
  return {};
}

} // namespace berth::actors
