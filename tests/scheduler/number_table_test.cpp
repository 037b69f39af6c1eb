#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "model/random.hpp"
#include "scheduler/number_table.hpp"
#include "tests/scheduler/world.hpp"

namespace berth::scheduler {
namespace {

TEST(NumberTable, AnswersLikeAMap) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    model::random dice{seed};
    number_table table;
    std::vector<model::host_id> entries;
    std::map<model::host_id, std::uint32_t> plain;
    for (int step = 0; step < 3'000; ++step) {
      // Few ids, so that chains of neighbours form and are cut.
      const auto id = numbered<model::host_id>(dice.below(60));
      const auto has = [&](const auto& wanted) {
        return [&entries, &wanted](std::uint32_t number) { return entries[number] == wanted; };
      };
      if (dice.below(3) == 0) {
        table.erase(id, has(id));
        plain.erase(id);
      } else {
        const auto number = static_cast<std::uint32_t>(entries.size());
        entries.push_back(id);
        table.put(id, number, has(id));
        plain[id] = number;
      }
      const auto asked = numbered<model::host_id>(dice.below(60));
      const auto expected = plain.find(asked);
      ASSERT_EQ(table.find(asked, has(asked)),
                expected == plain.end() ? number_table::none : expected->second)
          << "SEED=" << seed << " step " << step;
    }
  }
}

} // namespace
} // namespace berth::scheduler
