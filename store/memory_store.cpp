#include "store/memory_store.hpp"

#include <algorithm>
#include <utility>

#include "store/checks.hpp"

namespace berth::store {

class memory_store::writer final : public snapshot_writer {
public:
  writer(memory_store& store, model::sequence_number at)
      : store_(store), at_(at), number_(store.snapshots_begun_) {}

  model::result<void> add(const snapshot_chunk& chunk) override {
    if (over())
      return tl::unexpected{snapshot_is_over()};
    chunks_.push_back(chunk);
    return {};
  }

  model::result<void> commit() override {
    if (over())
      return tl::unexpected{snapshot_is_over()};
    committed_ = true;
    store_.snapshot_at_ = at_;
    store_.snapshot_ = std::move(chunks_);
    return {};
  }

private:
  [[nodiscard]] bool over() const { return committed_ || number_ != store_.snapshots_begun_; }

  memory_store& store_;
  model::sequence_number at_;
  std::uint64_t number_;
  std::vector<snapshot_chunk> chunks_;
  bool committed_ = false;
};

model::result<void>
memory_store::read(model::sequence_number from,
                   const std::function<bool(const model::log_record&)>& visit) const {
  from = std::max<model::sequence_number>(from, 1);
  if (from > last_)
    return {};
  const model::sequence_number first = first_sequence();
  if (from < first)
    return tl::unexpected{compacted_away(from, first)};
  for (auto at = static_cast<std::size_t>(from - first); at < records_.size(); ++at)
    if (!visit(records_[at]))
      break;
  return {};
}

model::result<model::sequence_number> memory_store::load_snapshot(
    const std::function<model::result<void>(const snapshot_chunk&)>& visit) const {
  for (const snapshot_chunk& chunk : snapshot_)
    if (auto visited = visit(chunk); !visited)
      return tl::unexpected{std::move(visited).error()};
  return snapshot_at_;
}

model::result<void> memory_store::append(std::span<const model::log_record> batch) {
  if (auto continues = check_continues(last_, batch); !continues)
    return continues;
  if (next_failure_ && !batch.empty())
    return tl::unexpected{*std::exchange(next_failure_, std::nullopt)};
  if (batch.size() > capacity_ - std::min<std::uint64_t>(capacity_, records_.size()))
    return model::fail(model::errc::store_full,
                       "store: it holds " + std::to_string(records_.size()) + " records of " +
                           std::to_string(capacity_) + " and cannot take " +
                           std::to_string(batch.size()) + " more");
  records_.insert(records_.end(), batch.begin(), batch.end());
  last_ += batch.size();
  return {};
}

model::result<std::unique_ptr<snapshot_writer>>
memory_store::begin_snapshot(model::sequence_number at) {
  if (auto placed = check_snapshot_place(at, snapshot_at_, last_); !placed)
    return tl::unexpected{std::move(placed).error()};
  ++snapshots_begun_;
  return std::make_unique<writer>(*this, at);
}

model::result<bool> memory_store::tidy() {
  constexpr std::size_t records_per_step = 4096;
  for (std::size_t dropped = 0; !records_.empty(); ++dropped) {
    if (records_.front().sequence + keep_events_ > snapshot_at_)
      return false;
    if (dropped == records_per_step)
      return true;
    records_.pop_front();
  }
  return false;
}

} // namespace berth::store
