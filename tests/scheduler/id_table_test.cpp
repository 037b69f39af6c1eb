#include <map>

#include <gtest/gtest.h>

#include "model/random.hpp"
#include "scheduler/id_table.hpp"
#include "tests/scheduler/world.hpp"

namespace berth::scheduler {
namespace {

TEST(IdTable, AnswersLikeAMap) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    model::random dice{seed};
    id_table<model::host_id, int> table;
    std::map<model::host_id, int> plain;
    for (int step = 0; step < 3'000; ++step) {
      // Few ids, so that chains of neighbours form and are cut.
      const auto id = numbered<model::host_id>(dice.below(60));
      if (dice.below(3) == 0) {
        table.erase(id);
        plain.erase(id);
      } else {
        table.put(id, step);
        plain[id] = step;
      }
      const auto asked = numbered<model::host_id>(dice.below(60));
      const auto expected = plain.find(asked);
      const int* const found = table.find(asked);
      ASSERT_EQ(found != nullptr, expected != plain.end()) << "SEED=" << seed << " step " << step;
      if (found != nullptr) {
        ASSERT_EQ(*found, expected->second) << "SEED=" << seed << " step " << step;
      }
      ASSERT_EQ(table.size(), plain.size());
    }
  }
}

} // namespace
} // namespace berth::scheduler
