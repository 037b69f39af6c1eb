#include "store/sqlite_log.hpp"

#include <algorithm>
#include <utility>

#include "proto/log_codec.hpp"
#include "store/checks.hpp"
#include "store/checksum.hpp"

namespace berth::store {

namespace {

using model::errc;
using model::sequence_number;
using std::to_string;

// A step of reading keeps at most this much in memory, and its transaction open for as long.
constexpr std::size_t bytes_per_step = std::size_t{4} << 20U;
// Batches that opening a store checks.
constexpr int batches_checked_at_open = 16;

batch_row row_of(const statement& row) {
  return {row.number(0), row.number(1), row.number(2), row.number(3), std::string{row.bytes(4)}};
}

} // namespace

std::uint64_t checksum_of_batch(sequence_number first, std::uint64_t count, std::uint64_t previous,
                                std::string_view payload) {
  return checksum(payload, checksum({first, count, previous}));
}

std::uint64_t checksum_of_tail(const log_tail& tail) {
  return checksum({tail.last, tail.chain});
}

std::uint64_t checksum_of_snapshot(const snapshot_head& head) {
  return checksum({head.id, head.at, head.chunks, head.chain});
}

std::uint64_t checksum_of_chunk(std::uint64_t snapshot, std::uint64_t number,
                                std::uint64_t previous, std::string_view payload) {
  return checksum(payload, checksum({snapshot, number, previous}));
}

/// Follows the chain of batches and refuses the first that does not belong.
class sqlite_log::chain_check {
public:
  chain_check(const sqlite_log& log, sequence_number next) : log_(log), next_(next) {}

  [[nodiscard]] sequence_number next() const { return next_; }

  model::result<void> add(const batch_row& row) {
    if (row.first != next_)
      return damaged(next_, std::max(row.first, next_ + 1) - 1, "they are missing");
    if (row.count == 0 || row.count > row.payload.size())
      return damaged(row.first, row.first, "the batch's count is damaged");
    if (row.checksum != checksum_of_batch(row.first, row.count, row.previous, row.payload))
      return damaged(row.first, row.last(), "the checksum does not match");
    if (chain_ && *chain_ != row.previous)
      return damaged(row.first, row.last(), "they do not follow the batch before them");
    next_ = row.last() + 1;
    chain_ = row.checksum;
    return {};
  }

  model::result<void> finish(const log_tail& tail) {
    if (next_ <= tail.last)
      return damaged(next_, tail.last, "they are missing");
    if (next_ > tail.last + 1)
      return damaged(tail.last + 1, next_ - 1, "they are past the log's noted end");
    if (chain_ && *chain_ != tail.chain)
      return damaged(tail.last, tail.last, "the log's noted end is another one");
    return {};
  }

private:
  model::result<void> damaged(sequence_number first, sequence_number last, const char* what) {
    return tl::unexpected{log_.damaged_records(first, last, what)};
  }

  const sqlite_log& log_;
  sequence_number next_;
  std::optional<std::uint64_t> chain_;
};

model::result<sqlite_log> sqlite_log::over(database db) {
  sqlite_log log{std::move(db)};
  const std::pair<statement*, const char*> statements[] = {
      {&log.begin_, "BEGIN"},
      {&log.commit_, "COMMIT"},
      {&log.tail_, "SELECT last_sequence, chain, checksum FROM tail"},
      {&log.first_, "SELECT first_sequence FROM batches ORDER BY first_sequence LIMIT 1"},
      {&log.containing_, "SELECT first_sequence FROM batches WHERE first_sequence <= ?1 "
                         "ORDER BY first_sequence DESC LIMIT 1"},
      {&log.rows_, "SELECT first_sequence, count, previous, checksum, payload FROM batches "
                   "WHERE first_sequence >= ?1 ORDER BY first_sequence"},
      {&log.snapshot_, "SELECT id, at_sequence, chunks, chain, checksum FROM snapshots "
                       "WHERE complete = 1 ORDER BY id DESC LIMIT 1"},
      {&log.chunks_, "SELECT number, checksum, payload FROM snapshot_chunks "
                     "WHERE snapshot = ?1 AND number >= ?2 ORDER BY number"},
  };
  for (const auto& [target, sql] : statements) {
    auto prepared = log.db_.prepare(sql);
    if (!prepared)
      return tl::unexpected{std::move(prepared).error()};
    *target = std::move(*prepared);
  }
  return log;
}

model::failure sqlite_log::damaged_records(sequence_number first, sequence_number last,
                                           const std::string& what) const {
  const std::string range = first >= last ? "record " + to_string(first)
                                          : "records " + to_string(first) + ".." + to_string(last);
  return {errc::store_corrupt,
          "store " + db_.path().string() + ": " + range + ": " + what +
              "; restore a copy, or cut the log after record " + to_string(first - 1) +
              ": docs/recovery.md",
          {{"first", to_string(first)},
           {"last", to_string(last)},
           {"cut_after", to_string(first - 1)}}};
}

model::failure sqlite_log::damaged_snapshot(const std::string& what) const {
  return {errc::store_corrupt, "store " + db_.path().string() + ": the snapshot: " + what +
                                   "; restore a copy: docs/recovery.md"};
}

model::result<log_tail> sqlite_log::tail() {
  const in_use guard{tail_};
  const int code = tail_.step();
  if (code == SQLITE_DONE) // a new store
    return log_tail{};
  if (code != SQLITE_ROW)
    return tl::unexpected{db_.failure_of(code)};
  const log_tail found{tail_.number(0), tail_.number(1)};
  if (tail_.number(2) != checksum_of_tail(found))
    return model::fail(errc::store_corrupt,
                       "store " + db_.path().string() +
                           ": the log's noted end is damaged; restore a copy, or cut the log after "
                           "its last sound record: docs/recovery.md");
  return found;
}

model::result<sequence_number> sqlite_log::first_sequence() {
  {
    const in_use guard{first_};
    const int code = first_.step();
    if (code == SQLITE_ROW)
      return first_.number(0);
    if (code != SQLITE_DONE)
      return tl::unexpected{db_.failure_of(code)};
  }
  return tail().map([](const log_tail& found) { return found.last + 1; });
}

model::result<std::optional<snapshot_head>> sqlite_log::snapshot() {
  const in_use guard{snapshot_};
  const int code = snapshot_.step();
  if (code == SQLITE_DONE)
    return std::nullopt;
  if (code != SQLITE_ROW)
    return tl::unexpected{db_.failure_of(code)};
  const snapshot_head head{snapshot_.number(0), snapshot_.number(1), snapshot_.number(2),
                           snapshot_.number(3)};
  if (snapshot_.number(4) != checksum_of_snapshot(head))
    return tl::unexpected{damaged_snapshot("its description is damaged")};
  return head;
}

model::result<void> sqlite_log::check_end() {
  const auto end = tail();
  if (!end)
    return tl::unexpected{end.error()};
  const auto first = first_sequence();
  if (!first)
    return tl::unexpected{first.error()};
  const auto head = snapshot();
  if (!head)
    return tl::unexpected{head.error()};
  const sequence_number stands_at = *head ? (*head)->at : 0;
  if (*first > stands_at + 1)
    return tl::unexpected{damaged_records(stands_at + 1, *first - 1,
                                          "they are neither in the log nor in a snapshot")};
  if (stands_at > end->last)
    return tl::unexpected{damaged_snapshot("it stands at " + to_string(stands_at) +
                                           ", but the log ends at " + to_string(end->last))};
  auto newest = db_.prepare("SELECT min(first_sequence) FROM (SELECT first_sequence FROM batches "
                            "ORDER BY first_sequence DESC LIMIT ?1)");
  if (!newest)
    return tl::unexpected{std::move(newest).error()};
  newest->bind(1, std::uint64_t{batches_checked_at_open});
  const int code = newest->step();
  if (code != SQLITE_ROW)
    return tl::unexpected{db_.failure_of(code)};
  const sequence_number from = std::max(newest->number(0), *first);
  newest->reset();
  return read_batches(from, [](batch_row&) { return true; });
}

model::result<sequence_number> sqlite_log::start_of_batch(sequence_number from) {
  const in_use guard{containing_};
  containing_.bind(1, from);
  const int code = containing_.step();
  if (code == SQLITE_ROW)
    return containing_.number(0);
  if (code == SQLITE_DONE)
    return from;
  return tl::unexpected{db_.failure_of(code)};
}

model::result<sqlite_log::page> sqlite_log::fetch(sequence_number from) {
  auto reading = transaction::begin(db_, begin_);
  if (!reading)
    return tl::unexpected{std::move(reading).error()};
  page fetched;
  {
    const in_use guard{rows_};
    rows_.bind(1, from);
    int code = SQLITE_ROW;
    for (std::size_t bytes = 0; bytes < bytes_per_step && code == SQLITE_ROW;) {
      code = rows_.step();
      if (code == SQLITE_ROW)
        bytes += fetched.rows.emplace_back(row_of(rows_)).payload.size() + sizeof(batch_row);
    }
    if (code != SQLITE_ROW && code != SQLITE_DONE)
      return tl::unexpected{db_.failure_of(code)};
    fetched.end = code == SQLITE_DONE;
  }
  fetched.tail = tail();
  if (auto done = reading->commit(commit_); !done)
    return tl::unexpected{std::move(done).error()};
  return fetched;
}

model::result<void> sqlite_log::read_batches(sequence_number from,
                                             const std::function<bool(batch_row&)>& visit) {
  const auto start = start_of_batch(from);
  if (!start)
    return tl::unexpected{start.error()};
  chain_check chain{*this, *start};
  for (;;) {
    auto fetched = fetch(chain.next());
    if (!fetched)
      return tl::unexpected{std::move(fetched).error()};
    for (batch_row& row : fetched->rows) {
      if (row.first > chain.next())
        if (const auto first = first_sequence(); first && *first > chain.next())
          return tl::unexpected{compacted_away(chain.next(), *first)};
      if (auto added = chain.add(row); !added)
        return added;
      if (!visit(row))
        return {};
    }
    if (!fetched->end)
      continue;
    if (!fetched->tail)
      return tl::unexpected{fetched->tail.error()};
    return chain.finish(*fetched->tail);
  }
}

model::result<void>
sqlite_log::visit_records(const batch_row& row, sequence_number from,
                          const std::function<bool(const model::log_record&)>& visit,
                          bool& go_on) const {
  sequence_number expected = row.first;
  bool in_order = true;
  auto decoded = proto::decode_batch(row.payload, [&](model::log_record&& record) {
    in_order = record.sequence == expected;
    if (!in_order)
      return false;
    ++expected;
    go_on = record.sequence < from || visit(record);
    return go_on;
  });
  if (!decoded) {
    model::failure why = damaged_records(expected, row.last(), decoded.error().message);
    if (decoded.error().code == errc::store_too_new)
      why = {errc::store_too_new, "store " + db_.path().string() + ": record " +
                                      to_string(expected) + ": " + decoded.error().message};
    return tl::unexpected{std::move(why)};
  }
  if (!in_order || (go_on && expected != row.last() + 1))
    return tl::unexpected{
        damaged_records(expected, row.last(), "the batch's records are not these")};
  return {};
}

model::result<void> sqlite_log::read(sequence_number from,
                                     const std::function<bool(const model::log_record&)>& visit) {
  from = std::max<sequence_number>(from, 1);
  const auto end = tail();
  if (!end)
    return tl::unexpected{end.error()};
  if (from > end->last)
    return {};
  const auto first = first_sequence();
  if (!first)
    return tl::unexpected{first.error()};
  if (from < *first)
    return tl::unexpected{compacted_away(from, *first)};
  model::result<void> visited;
  auto walked = read_batches(from, [&](batch_row& row) {
    bool go_on = true;
    visited = visit_records(row, from, visit, go_on);
    return visited && go_on;
  });
  return visited ? walked : visited;
}

model::result<sequence_number>
sqlite_log::load_snapshot(const std::function<model::result<void>(const snapshot_chunk&)>& visit) {
  const auto head = snapshot();
  if (!head)
    return tl::unexpected{head.error()};
  if (!*head)
    return 0;
  const snapshot_head& wanted = **head;
  const auto gone_or_damaged = [&](const std::string& what) {
    const auto now = snapshot();
    if (now && *now && (*now)->id != wanted.id)
      return model::failure{errc::gone, "store " + db_.path().string() +
                                            ": the snapshot was replaced meanwhile; load it again"};
    return damaged_snapshot(what);
  };
  std::uint64_t number = 0;
  std::uint64_t chain = 0;
  while (number < wanted.chunks) {
    std::vector<snapshot_chunk> chunks;
    {
      const in_use guard{chunks_};
      chunks_.bind(1, wanted.id);
      chunks_.bind(2, number);
      int code = SQLITE_ROW;
      for (std::size_t bytes = 0; bytes < bytes_per_step && code == SQLITE_ROW;) {
        code = chunks_.step();
        if (code != SQLITE_ROW)
          break;
        const std::string_view payload = chunks_.bytes(2);
        if (chunks_.number(0) != number ||
            chunks_.number(1) != checksum_of_chunk(wanted.id, number, chain, payload))
          return tl::unexpected{gone_or_damaged("chunk " + to_string(number + 1) + " of " +
                                                to_string(wanted.chunks) + " is damaged")};
        chain = chunks_.number(1);
        ++number;
        bytes += chunks.emplace_back(payload).size();
      }
      if (code != SQLITE_ROW && code != SQLITE_DONE)
        return tl::unexpected{db_.failure_of(code)};
    }
    if (chunks.empty())
      return tl::unexpected{gone_or_damaged("chunk " + to_string(number + 1) + " of " +
                                            to_string(wanted.chunks) + " is missing")};
    for (const snapshot_chunk& chunk : chunks)
      if (auto visited = visit(chunk); !visited)
        return tl::unexpected{std::move(visited).error()};
  }
  if (number != wanted.chunks || chain != wanted.chain)
    return tl::unexpected{gone_or_damaged("its chunks are not those that were written")};
  return wanted.at;
}

} // namespace berth::store
