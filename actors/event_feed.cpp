#include "actors/event_feed.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace berth::actors {

void event_feed::reset(model::sequence_number last) {
  const std::lock_guard lock{mutex_};
  batches_.clear();
  records_ = 0;
  last_ = last;
}

void event_feed::publish(event_batch batch) {
  if (!batch || batch->empty())
    return;
  std::vector<std::shared_ptr<listener>> awake;
  {
    const std::lock_guard lock{mutex_};
    last_ = batch->back().sequence;
    records_ += batch->size();
    batches_.push_back(std::move(batch));
    while (records_ > records_max_ && batches_.size() > 1) {
      records_ -= batches_.front()->size();
      batches_.pop_front();
    }
    std::erase_if(listeners_, [](const auto& each) { return each.expired(); });
    for (const auto& each : listeners_)
      if (auto alive = each.lock())
        awake.push_back(std::move(alive));
  }
  for (const auto& each : awake) {
    const std::lock_guard lock{each->mutex};
    if (each->wake)
      each->wake();
  }
}

std::optional<std::vector<model::log_record>> event_feed::read(model::sequence_number from,
                                                               std::size_t limit) const {
  const std::lock_guard lock{mutex_};
  std::vector<model::log_record> found;
  if (from > last_)
    return found;
  if (batches_.empty() || from < batches_.front()->front().sequence)
    return std::nullopt;
  auto batch = std::ranges::lower_bound(
      batches_, from, {}, [](const event_batch& each) { return each->back().sequence; });
  for (; batch != batches_.end() && found.size() < limit; ++batch)
    for (const auto& record : **batch) {
      if (found.size() == limit)
        break;
      if (record.sequence >= from)
        found.push_back(record);
    }
  return found;
}

model::sequence_number event_feed::last() const {
  const std::lock_guard lock{mutex_};
  return last_;
}

std::shared_ptr<void> event_feed::subscribe(std::function<void()> wake) {
  auto added = std::make_shared<listener>();
  added->wake = std::move(wake);
  const std::lock_guard lock{mutex_};
  listeners_.push_back(added);
  // The handle takes the function away under the listener's lock: no call comes after it died.
  return {nullptr, [added](void*) {
            const std::lock_guard each{added->mutex};
            added->wake = nullptr;
          }};
}

} // namespace berth::actors
