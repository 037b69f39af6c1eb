#include "sim/demand/arrival.hpp"

#include <array>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace berth::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

TEST(NameTable, NumbersNamesInTheOrderTheyCome) {
  name_table names;
  EXPECT_EQ(names.number_of(""), 0U);
  EXPECT_EQ(names.number_of("H100"), 1U);
  EXPECT_EQ(names.number_of("A100"), 2U);
  EXPECT_EQ(names.number_of("H100"), 1U);
  EXPECT_EQ(names.name(2), "A100");
  EXPECT_THAT(names.all(), ElementsAre("", "H100", "A100"));
}

TEST(Alternatives, AreSplitInOrder) {
  EXPECT_THAT(alternatives("A|B C"), ElementsAre("A", "B C"));
  EXPECT_THAT(alternatives("|A||B|"), ElementsAre("A", "B"));
  EXPECT_THAT(alternatives(""), IsEmpty());
}

TEST(CheckModels, NamesTheNearestThatTheInventoryHas) {
  const std::array<std::string, 2> known{"NVIDIA H100", "NVIDIA A100"};
  demand_names names;
  EXPECT_TRUE(check_models(names, {}).has_value());
  names.models.number_of("nvidia h100|NVIDIA A100");
  EXPECT_TRUE(check_models(names, known).has_value());
  names.models.number_of("NVIDIA A100|NVIDIA H10");
  const auto checked = check_models(names, known);
  ASSERT_FALSE(checked.has_value());
  EXPECT_EQ(checked.error().code, model::errc::unknown_field);
  EXPECT_THAT(checked.error().message, HasSubstr("'NVIDIA H10'"));
  EXPECT_THAT(checked.error().message, HasSubstr("did you mean 'NVIDIA H100'"));
}

TEST(DemandSource, GivesAllAndThenNothing) {
  demand two;
  two.arrivals.resize(2);
  two.arrivals[1].gpus = 4;
  two.names.models.number_of("H100");
  demand_source source{two};
  EXPECT_EQ(source.names(), two.names);
  const auto all = collect(source, 2);
  ASSERT_TRUE(all.has_value());
  EXPECT_EQ(all->arrivals, two.arrivals);
  EXPECT_EQ(source.next(), std::nullopt);

  demand_source again{two};
  const auto too_many = collect(again, 1);
  ASSERT_FALSE(too_many.has_value());
  EXPECT_EQ(too_many.error().code, model::errc::too_large);
}

TEST(ReadReport, IsReadable) {
  read_report report{"a.csv", 10, 7, {{"gpus must be fewer", 7, {2, 3}, "'x'"}}, 1, {"a remark"}};
  EXPECT_EQ(to_text(report), "a.csv: 10 rows, 7 left out\n"
                             "  7 x gpus must be fewer: line 2 3 ..., the first has 'x'\n"
                             "  1 arrivals stood behind later ones: sorted by time\n"
                             "  a remark\n");
}

} // namespace
} // namespace berth::sim
