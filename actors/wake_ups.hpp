#pragma once

#include <cstddef>
#include <vector>

#include "model/time.hpp"

namespace berth::actors {

/// The delayed messages by which an actor wakes itself, all of them alike. One that arrives early
/// does for what is due later, so there are few at a time however often the due time moves.
class wake_ups {
public:
  /// True: the actor shall send itself one more message, which arrives then.
  [[nodiscard]] bool wants(model::timestamp due) {
    if (!pending_.empty() && pending_.back() <= due)
      return false;
    pending_.push_back(due);
    return true;
  }
  /// One has arrived: the earliest of them.
  void arrived() {
    if (!pending_.empty())
      pending_.pop_back();
  }
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }

private:
  std::vector<model::timestamp> pending_; ///< the earliest last: only earlier ones are added
};

} // namespace berth::actors
