#include "model/shared_value.hpp"

#include <string>
#include <utility>

#include <gtest/gtest.h>

namespace berth::model {
namespace {

TEST(SharedValue, CopiesShareOneValue) {
  const shared_value<std::string> one{std::string(100, 'x')};
  const auto other = one;
  EXPECT_EQ(other->data(), one->data());
  EXPECT_EQ(other, one);
}

TEST(SharedValue, ComparesByValue) {
  EXPECT_EQ(shared_value<std::string>{"a"}, shared_value<std::string>{"a"});
  EXPECT_FALSE(shared_value<std::string>{"a"} == shared_value<std::string>{"b"});
}

TEST(SharedValue, WithoutAValueReadsAsTheDefault) {
  const shared_value<std::string> none;
  EXPECT_EQ(*none, "");
  EXPECT_EQ(none, shared_value<std::string>{""});
}

TEST(SharedValue, AMovedFromOneReadsAsTheDefault) {
  shared_value<std::string> from{"a"};
  const auto to = std::move(from);
  EXPECT_EQ(*to, "a");
  EXPECT_EQ(*from, ""); // NOLINT(bugprone-use-after-move): what is tested
}

TEST(SharedValue, AnEditChangesNoOtherCopy) {
  shared_value<std::string> one{"a"};
  const auto other = one;
  one.edit([](std::string& value) { value += "b"; });
  EXPECT_EQ(*one, "ab");
  EXPECT_EQ(*other, "a");
}

} // namespace
} // namespace berth::model
