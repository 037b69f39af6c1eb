#include "store/sqlite_writer.hpp"

#include <algorithm>
#include <utility>

#include "proto/log_codec.hpp"
#include "store/checks.hpp"
#include "store/checksum.hpp"

namespace berth::store {

namespace {

using model::errc;
using model::sequence_number;

// Most bytes that one step of tidying removes: what bounds the pause between two appends.
constexpr std::uint64_t bytes_per_tidy = std::uint64_t{2} << 20U;
// A row's own bytes, so that a step over tiny rows is bounded too.
constexpr std::uint64_t bytes_per_row = 64;
// SQLite's own bound of a row is 10^9 bytes.
constexpr std::size_t payload_bytes_max = std::size_t{256} << 20U;

} // namespace

/// Writes chunks under its own id; the row in `snapshots` that makes them visible comes last.
class sqlite_writer::snapshot_in_progress final : public snapshot_writer {
public:
  snapshot_in_progress(sqlite_writer& store, snapshot_head head) : store_(store), head_(head) {}
  ~snapshot_in_progress() override {
    if (!over())
      store_.snapshot_in_progress_ = 0;
  }
  snapshot_in_progress(const snapshot_in_progress&) = delete;
  snapshot_in_progress& operator=(const snapshot_in_progress&) = delete;

  model::result<void> add(const snapshot_chunk& chunk) override {
    if (over())
      return tl::unexpected{snapshot_is_over()};
    const std::uint64_t chain = checksum_of_chunk(head_.id, head_.chunks, head_.chain, chunk);
    auto written = store_.durably([&] {
      statement& insert = store_.insert_chunk_;
      insert.bind(1, head_.id);
      insert.bind(2, head_.chunks);
      insert.bind(3, chain);
      insert.bind(4, std::string_view{chunk});
      return store_.log_.connection().run(insert);
    });
    if (written) {
      ++head_.chunks;
      head_.chain = chain;
    }
    return written;
  }

  model::result<void> commit() override {
    if (over())
      return tl::unexpected{snapshot_is_over()};
    store_.snapshot_in_progress_ = 0;
    auto written = store_.durably([&]() -> model::result<void> {
      database& db = store_.log_.connection();
      statement& insert = store_.insert_snapshot_;
      insert.bind(1, head_.id);
      insert.bind(2, head_.at);
      insert.bind(3, head_.chunks);
      insert.bind(4, head_.chain);
      insert.bind(5, checksum_of_snapshot(head_));
      if (auto inserted = db.run(insert); !inserted)
        return inserted;
      store_.forget_snapshots_.bind(1, head_.id);
      return db.run(store_.forget_snapshots_);
    });
    if (written)
      store_.snapshot_ = head_;
    return written;
  }

private:
  [[nodiscard]] bool over() const { return store_.snapshot_in_progress_ != head_.id; }

  sqlite_writer& store_;
  snapshot_head head_;
};

model::result<std::unique_ptr<sqlite_writer>> sqlite_writer::over(file_lock lock, sqlite_log log,
                                                                  const sqlite_options& options) {
  std::unique_ptr<sqlite_writer> store{
      new sqlite_writer{std::move(lock), std::move(log), options.keep_events}};
  if (auto prepared = store->prepare(); !prepared)
    return tl::unexpected{std::move(prepared).error()};
  if (auto bounded = store->set_max_bytes(options.max_bytes); !bounded)
    return tl::unexpected{std::move(bounded).error()};
  return store;
}

model::result<void> sqlite_writer::prepare() {
  database& db = log_.connection();
  const std::pair<statement*, const char*> statements[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&insert_batch_, "INSERT INTO batches VALUES (?1, ?2, ?3, ?4, ?5)"},
      {&write_tail_, "INSERT OR REPLACE INTO tail VALUES (1, ?1, ?2, ?3)"},
      {&insert_chunk_, "INSERT INTO snapshot_chunks VALUES (?1, ?2, ?3, ?4)"},
      {&insert_snapshot_, "INSERT INTO snapshots VALUES (?1, ?2, ?3, ?4, ?5, 1)"},
      {&forget_snapshots_, "DELETE FROM snapshots WHERE id <> ?1"},
      {&superseded_, "SELECT rowid, length(payload) FROM snapshot_chunks "
                     "WHERE snapshot <> ?1 AND snapshot <> ?2 LIMIT 256"},
      {&delete_chunks_, "DELETE FROM snapshot_chunks WHERE rowid = ?1"},
      {&oldest_batches_, "SELECT first_sequence, count, length(payload) FROM batches "
                         "ORDER BY first_sequence LIMIT 1024"},
      {&delete_batches_, "DELETE FROM batches WHERE first_sequence <= ?1"},
  };
  for (const auto& [target, sql] : statements) {
    auto prepared = db.prepare(sql);
    if (!prepared)
      return tl::unexpected{std::move(prepared).error()};
    *target = std::move(*prepared);
  }
  auto tail = log_.tail();
  auto first = log_.first_sequence();
  auto snapshot = log_.snapshot();
  const auto newest = db.number("SELECT ifnull(max(snapshot), 0) FROM snapshot_chunks");
  if (!tail || !first || !snapshot || !newest)
    return tl::unexpected{!tail       ? tail.error()
                          : !first    ? first.error()
                          : !snapshot ? snapshot.error()
                                      : newest.error()};
  tail_ = *tail;
  first_ = *first;
  snapshot_ = *snapshot;
  next_snapshot_ = std::max(*newest, snapshot_ ? snapshot_->id : 0) + 1;
  return {};
}

template <class Change> model::result<void> sqlite_writer::durably(const Change& change) {
  model::result<void> done = [&]() -> model::result<void> {
    auto writing = transaction::begin(log_.connection(), begin_);
    if (!writing)
      return tl::unexpected{std::move(writing).error()};
    if (auto changed = change(); !changed)
      return changed;
    return writing->commit(commit_);
  }();
  if (!done)
    neutralise(done.error());
  return done;
}

/// A commit whose sync failed may have left all of its pages in the write-ahead log; SQLite forgets
/// them, but a process that dies now would find them there when it opens the store again. Writing
/// another transaction over them ends that. If that fails too, the next append does it.
void sqlite_writer::neutralise(const model::failure& why) {
  if (why.code != errc::store_failed)
    return;
  auto writing = transaction::begin(log_.connection(), begin_);
  if (writing && write_tail(tail_))
    static_cast<void>(writing->commit(commit_));
}

model::result<void> sqlite_writer::write_tail(const log_tail& tail) {
  write_tail_.bind(1, tail.last);
  write_tail_.bind(2, tail.chain);
  write_tail_.bind(3, checksum_of_tail(tail));
  return log_.connection().run(write_tail_);
}

model::result<void>
sqlite_writer::read(sequence_number from,
                    const std::function<bool(const model::log_record&)>& visit) const {
  return log_.read(from, visit);
}

model::result<sequence_number> sqlite_writer::load_snapshot(
    const std::function<model::result<void>(const snapshot_chunk&)>& visit) const {
  return log_.load_snapshot(visit);
}

model::result<void> sqlite_writer::append(std::span<const model::log_record> batch) {
  if (auto continues = check_continues(tail_.last, batch); !continues)
    return continues;
  if (batch.empty())
    return {};
  payload_.clear();
  for (const model::log_record& record : batch)
    proto::append_to_batch(record, payload_);
  return append_encoded(batch.front().sequence, batch.size(), payload_);
}

model::result<void> sqlite_writer::append_encoded(sequence_number first, std::uint64_t count,
                                                  std::string_view payload) {
  if (payload.size() > payload_bytes_max)
    return model::fail(errc::too_large, "append: the batch has " + std::to_string(payload.size()) +
                                            " bytes, must have at most " +
                                            std::to_string(payload_bytes_max));
  const log_tail end{first + count - 1, checksum_of_batch(first, count, tail_.chain, payload)};
  auto written = durably([&]() -> model::result<void> {
    insert_batch_.bind(1, first);
    insert_batch_.bind(2, count);
    insert_batch_.bind(3, tail_.chain);
    insert_batch_.bind(4, end.chain);
    insert_batch_.bind(5, payload);
    if (auto inserted = log_.connection().run(insert_batch_); !inserted)
      return inserted;
    return write_tail(end);
  });
  if (written)
    tail_ = end;
  return written;
}

model::result<void> sqlite_writer::start_at(sequence_number at) {
  const log_tail end{at, 0};
  auto written = durably([&] { return write_tail(end); });
  if (written) {
    tail_ = end;
    first_ = at + 1;
  }
  return written;
}

model::result<std::unique_ptr<snapshot_writer>> sqlite_writer::begin_snapshot(sequence_number at) {
  if (auto placed = check_snapshot_place(at, snapshot_ ? snapshot_->at : 0, tail_.last); !placed)
    return tl::unexpected{std::move(placed).error()};
  snapshot_in_progress_ = next_snapshot_++;
  return std::make_unique<snapshot_in_progress>(*this,
                                                snapshot_head{snapshot_in_progress_, at, 0, 0});
}

model::result<bool> sqlite_writer::tidy() {
  auto more = drop_superseded_snapshots();
  if (!more || *more)
    return more;
  return drop_covered_batches();
}

model::result<bool> sqlite_writer::drop_superseded_snapshots() {
  std::vector<std::uint64_t> rows;
  {
    const in_use guard{superseded_};
    superseded_.bind(1, snapshot_ ? snapshot_->id : 0);
    superseded_.bind(2, snapshot_in_progress_);
    int code = SQLITE_ROW;
    for (std::uint64_t bytes = 0; bytes < bytes_per_tidy && code == SQLITE_ROW;) {
      code = superseded_.step();
      if (code != SQLITE_ROW)
        break;
      rows.push_back(superseded_.number(0));
      bytes += superseded_.number(1) + bytes_per_row;
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return tl::unexpected{log_.connection().failure_of(code)};
  }
  if (rows.empty())
    return false;
  auto dropped = durably([&]() -> model::result<void> {
    for (const std::uint64_t row : rows) {
      delete_chunks_.bind(1, row);
      if (auto deleted = log_.connection().run(delete_chunks_); !deleted)
        return deleted;
    }
    return {};
  });
  if (!dropped)
    return tl::unexpected{std::move(dropped).error()};
  return true;
}

model::result<bool> sqlite_writer::drop_covered_batches() {
  sequence_number last_dropped = 0; // first sequence number of the last batch to drop
  sequence_number next_first = first_;
  bool more = false;
  {
    const in_use guard{oldest_batches_};
    std::uint64_t bytes = 0;
    for (int code = oldest_batches_.step(); code != SQLITE_DONE; code = oldest_batches_.step()) {
      if (code != SQLITE_ROW)
        return tl::unexpected{log_.connection().failure_of(code)};
      const sequence_number end = oldest_batches_.number(0) + oldest_batches_.number(1);
      if (end - 1 + keep_events_ > (snapshot_ ? snapshot_->at : 0))
        break;
      more = bytes >= bytes_per_tidy;
      if (more)
        break;
      last_dropped = oldest_batches_.number(0);
      next_first = end;
      bytes += oldest_batches_.number(2) + bytes_per_row;
    }
  }
  if (last_dropped == 0)
    return false;
  auto dropped = durably([&] {
    delete_batches_.bind(1, last_dropped);
    return log_.connection().run(delete_batches_);
  });
  if (!dropped)
    return tl::unexpected{std::move(dropped).error()};
  first_ = next_first;
  return true;
}

model::result<void> sqlite_writer::set_max_bytes(std::uint64_t bytes) {
  database& db = log_.connection();
  const auto page_bytes = db.number("PRAGMA page_size");
  if (!page_bytes)
    return tl::unexpected{page_bytes.error()};
  constexpr std::uint64_t most_pages = 4294967294; // SQLite's own bound
  const std::uint64_t pages =
      bytes == 0 ? most_pages : std::max<std::uint64_t>(1, bytes / *page_bytes);
  return db.execute(
      ("PRAGMA max_page_count = " + std::to_string(std::min(pages, most_pages))).c_str());
}

} // namespace berth::store
