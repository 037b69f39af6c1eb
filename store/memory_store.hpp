#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <optional>
#include <vector>

#include "store/event_store.hpp"

namespace berth::store {

/// The event_store of tests and simulations: keeps everything in memory, durable for as long as the
/// object lives. Its capacity and the next append's failure can be set, so that callers can be
/// tried against a full or failing store.
class memory_store final : public event_store {
public:
  /// `keep_events`: this many records before a snapshot stay readable after it.
  explicit memory_store(std::uint64_t keep_events = 0) : keep_events_(keep_events) {}

  /// At most this many records; an append past it is store_full.
  void set_capacity(std::uint64_t records) { capacity_ = records; }
  /// The next append fails with this.
  void fail_next_append(model::failure why) { next_failure_ = std::move(why); }

  [[nodiscard]] model::sequence_number last_sequence() const override { return last_; }
  [[nodiscard]] model::sequence_number first_sequence() const override {
    return last_ + 1 - records_.size();
  }
  [[nodiscard]] model::result<void>
  read(model::sequence_number from,
       const std::function<bool(const model::log_record&)>& visit) const override;
  [[nodiscard]] model::result<model::sequence_number> load_snapshot(
      const std::function<model::result<void>(const snapshot_chunk&)>& visit) const override;
  [[nodiscard]] model::result<void> append(std::span<const model::log_record> batch) override;
  [[nodiscard]] model::result<std::unique_ptr<snapshot_writer>>
  begin_snapshot(model::sequence_number at) override;
  [[nodiscard]] model::result<bool> tidy() override;

private:
  class writer;

  std::uint64_t keep_events_;
  std::uint64_t capacity_ = std::numeric_limits<std::uint64_t>::max();
  std::optional<model::failure> next_failure_;
  model::sequence_number last_ = 0;
  std::deque<model::log_record> records_;
  model::sequence_number snapshot_at_ = 0; ///< 0 = none
  std::vector<snapshot_chunk> snapshot_;
  std::uint64_t snapshots_begun_ = 0;
};

} // namespace berth::store
