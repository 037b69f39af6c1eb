#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "control/device_turnover.hpp"
#include "model/failure.hpp"
#include "model/ids.hpp"

namespace berth::actors {

/// The ownership that one device has obeyed.
struct kept_ownership {
  model::device_id device;
  control::turnover::ownership what;
  friend bool operator==(const kept_ownership&, const kept_ownership&) = default;
};
using kept_ownerships = std::map<model::device_id, control::turnover::ownership>;

/// Under this key, which no device has, the leadership that a host obeys is kept: like an ownership
/// without an owner, its epoch the leader's.
[[nodiscard]] inline model::device_id leader_key(const std::string& host) {
  return {model::uuid::derive({}, "leader of host " + host)};
}

/// Where an agent keeps the highest epoch that each device has obeyed. Used by one thread.
class ownership_store {
public:
  virtual ~ownership_store() = default;
  /// Durable when it returns a value; a failure leaves nothing of the batch.
  [[nodiscard]] virtual model::result<void> append(std::span<const kept_ownership> batch) = 0;
};

/// An append-only file of checksummed records; the last one of a device counts. Serves all hosts
/// of a process. Locked: a second process that opens it is refused.
class ownership_file final : public ownership_store {
public:
  struct opened {
    std::unique_ptr<ownership_file> file;
    kept_ownerships kept;
  };
  /// Opens or creates `path`. A torn end (the process died while writing) is cut off: what was
  /// torn was never acted upon. Damage before the end is errc::store_corrupt. A file with many
  /// outdated records is rewritten.
  [[nodiscard]] static model::result<opened> open(const std::string& path);
  ~ownership_file() override;

  [[nodiscard]] model::result<void> append(std::span<const kept_ownership> batch) override;

private:
  ownership_file(int descriptor, std::string path, std::int64_t size)
      : descriptor_(descriptor), path_(std::move(path)), size_(size) {}
  int descriptor_;
  std::string path_;
  std::int64_t size_; ///< of the sound part; a failed append cuts back to it
};

/// How device actors have their ownership kept: asynchronously, many devices per fsync.
class ownership_keeper {
public:
  virtual ~ownership_keeper() = default;
  /// `done` is called exactly once, later, on any thread. A device has one call outstanding.
  virtual void keep(const kept_ownership& what, std::function<void(model::result<void>)> done) = 0;
};

} // namespace berth::actors
