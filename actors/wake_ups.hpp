#pragma once

#include <set>

#include "model/time.hpp"

namespace berth::actors {

/// The delayed messages by which an actor wakes itself, all of them alike. One that arrives early
/// does for what is due later, so there are few at a time however often the due time moves.
class wake_ups {
public:
  /// True: the actor shall send itself one more message, which arrives then.
  [[nodiscard]] bool wants(model::timestamp due) {
    if (!pending_.empty() && *pending_.begin() <= due)
      return false;
    pending_.insert(due);
    return true;
  }
  /// One has arrived: the earliest of them.
  void arrived() {
    if (!pending_.empty())
      pending_.erase(pending_.begin());
  }
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }

private:
  std::multiset<model::timestamp> pending_;
};

} // namespace berth::actors
