#pragma once

#include <memory>
#include <optional>
#include <string>

#include "store/file_lock.hpp"
#include "store/sqlite_log.hpp"
#include "store/sqlite_store.hpp"

namespace berth::store {

/// The implementation of sqlite_store. Internal to store/.
class sqlite_writer final : public sqlite_store {
public:
  /// As sqlite_store::open, under the lock that was taken for options.path.
  [[nodiscard]] static model::result<std::unique_ptr<sqlite_writer>>
  open(file_lock lock, const sqlite_options& options);
  [[nodiscard]] static model::result<std::unique_ptr<sqlite_writer>>
  over(file_lock lock, sqlite_log log, const sqlite_options& options);

  [[nodiscard]] model::sequence_number last_sequence() const override { return tail_.last; }
  [[nodiscard]] model::sequence_number first_sequence() const override { return first_; }
  [[nodiscard]] model::result<void>
  read(model::sequence_number from,
       const std::function<bool(const model::log_record&)>& visit) const override;
  [[nodiscard]] model::result<model::sequence_number> load_snapshot(
      const std::function<model::result<void>(const snapshot_chunk&)>& visit) const override;
  [[nodiscard]] model::result<void> append(std::span<const model::log_record> batch) override;
  [[nodiscard]] model::result<std::unique_ptr<snapshot_writer>>
  begin_snapshot(model::sequence_number at) override;
  [[nodiscard]] model::result<bool> tidy() override;
  [[nodiscard]] model::result<void> set_max_bytes(std::uint64_t bytes) override;

  // For a batch that is encoded already: repair copies a store without decoding it.
  [[nodiscard]] model::result<void> append_encoded(model::sequence_number first,
                                                   std::uint64_t count, std::string_view payload);
  /// Lets an empty store begin behind a snapshot that will stand at `at`.
  [[nodiscard]] model::result<void> start_at(model::sequence_number at);

private:
  class snapshot_in_progress;

  sqlite_writer(file_lock lock, sqlite_log log, std::uint64_t keep_events)
      : lock_(std::move(lock)), log_(std::move(log)), keep_events_(keep_events) {}

  [[nodiscard]] model::result<void> prepare();
  /// Runs `change` in a durable transaction. After a failure nothing of it is left.
  template <class Change> [[nodiscard]] model::result<void> durably(const Change& change);
  [[nodiscard]] model::result<void> write_tail(const log_tail& tail);
  void neutralise(const model::failure& why);

  [[nodiscard]] model::result<bool> drop_superseded_snapshots();
  [[nodiscard]] model::result<bool> drop_covered_batches();

  file_lock lock_;
  mutable sqlite_log log_;
  std::uint64_t keep_events_;
  log_tail tail_;
  model::sequence_number first_ = 1;
  std::optional<snapshot_head> snapshot_;
  std::uint64_t snapshot_in_progress_ = 0; ///< its id; 0 = none
  std::uint64_t next_snapshot_ = 1;
  std::string payload_; ///< reused

  statement begin_;
  statement commit_;
  statement insert_batch_;
  statement write_tail_;
  statement insert_chunk_;
  statement insert_snapshot_;
  statement forget_snapshots_;
  statement superseded_;
  statement delete_chunks_;
  statement oldest_batches_;
  statement delete_batches_;
};

} // namespace berth::store
