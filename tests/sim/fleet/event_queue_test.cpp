#include "sim/fleet/event_queue.hpp"

#include <algorithm>
#include <vector>

#include <gtest/gtest.h>

#include "model/random.hpp"

namespace berth::sim {
namespace {

struct scheduled {
  std::int64_t at;
  event_kind kind;
  std::uint32_t subject;
};

TEST(EventQueue, GivesEventsByTimeKindAndAgeWhateverTheirOrder) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    model::random dice{seed};
    event_queue queue;
    std::vector<scheduled> waiting; // in the order in which they were scheduled
    std::uint32_t made = 0;
    for (int step = 0; step < 500; ++step) {
      if (waiting.empty() || dice.chance(0.55)) {
        const scheduled one{.at = static_cast<std::int64_t>(dice.below(20)),
                            .kind = static_cast<event_kind>(dice.below(7)),
                            .subject = made++};
        queue.push(one.at, one.kind, one.subject);
        waiting.push_back(one);
        continue;
      }
      const auto first = std::ranges::min_element(waiting, [](const auto& a, const auto& b) {
        return a.at != b.at ? a.at < b.at : a.kind < b.kind; // the first of equals: the oldest
      });
      ASSERT_EQ(queue.next().subject, first->subject);
      const auto popped = queue.pop();
      ASSERT_EQ(popped.subject, first->subject);
      ASSERT_EQ(popped.kind(), first->kind);
      waiting.erase(first);
    }
    ASSERT_EQ(queue.size(), waiting.size());
  }
}

} // namespace
} // namespace berth::sim
