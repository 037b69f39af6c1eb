#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

namespace berth::actors {

namespace detail {
struct gate_core {
  explicit gate_core(std::int64_t units) : capacity(units) {}
  const std::int64_t capacity;
  std::atomic<std::int64_t> in_use{0};
  std::atomic<std::uint64_t> refused{0};
};
} // namespace detail

/// The right to have something under way behind a gate. Move-only; travels with the work and gives
/// its units back when the work dies in any way: answered, dropped with a mailbox, or unwound.
class permit {
public:
  permit() = default;
  permit(permit&& other) noexcept
      : core_(std::move(other.core_)), units_(std::exchange(other.units_, 0)) {}
  permit& operator=(permit&& other) noexcept {
    if (this != &other) {
      release();
      core_ = std::move(other.core_);
      units_ = std::exchange(other.units_, 0);
    }
    return *this;
  }
  permit(const permit&) = delete;
  permit& operator=(const permit&) = delete;
  ~permit() { release(); }

  void release() noexcept {
    if (core_)
      core_->in_use.fetch_sub(units_, std::memory_order_relaxed);
    core_.reset();
    units_ = 0;
  }
  explicit operator bool() const noexcept { return core_ != nullptr; }

private:
  friend class gate;
  permit(std::shared_ptr<detail::gate_core> core, std::int64_t units)
      : core_(std::move(core)), units_(units) {}
  std::shared_ptr<detail::gate_core> core_;
  std::int64_t units_ = 0;
};

/// Bounds what is under way behind it, in units of the caller's choice (CAF's mailboxes have no
/// bound of their own). Shared by value: copies are the same gate. Any thread.
class gate {
public:
  explicit gate(std::int64_t capacity) : core_(std::make_shared<detail::gate_core>(capacity)) {}

  /// Nothing when `units` more would pass the capacity: then shed the work (errc::busy) before it
  /// is queued. A single piece larger than the whole gate passes when nothing else is under way,
  /// so that it is served late rather than never.
  [[nodiscard]] std::optional<permit> try_acquire(std::int64_t units = 1) {
    const auto before = core_->in_use.fetch_add(units, std::memory_order_relaxed);
    if (before + units > core_->capacity && before != 0) {
      core_->in_use.fetch_sub(units, std::memory_order_relaxed);
      core_->refused.fetch_add(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    return permit{core_, units};
  }
  [[nodiscard]] std::int64_t in_use() const noexcept { return core_->in_use.load(); }
  [[nodiscard]] std::int64_t capacity() const noexcept { return core_->capacity; }
  [[nodiscard]] std::uint64_t refused() const noexcept { return core_->refused.load(); }

private:
  std::shared_ptr<detail::gate_core> core_;
};

} // namespace berth::actors
