#include "store/checksum.hpp"

#include <gtest/gtest.h>

namespace berth::store {
namespace {

// Published values of XXH64 (the reference implementation's own examples).
TEST(Checksum, AgreesWithTheReference) {
  EXPECT_EQ(checksum("", 0), 0xEF46DB3751D8E999ULL);
  EXPECT_EQ(checksum("a", 0), 0xD24EC4F1A98C6E5BULL);
  EXPECT_EQ(checksum("abc", 0), 0x44BC2CF5AD770999ULL);
  EXPECT_EQ(checksum("Nobody inspects the spammish repetition", 0), 0xFBCEA83C8A378BF1ULL);
  EXPECT_EQ(checksum("xxhash", 20141025), 0xB559B98D844E0635ULL);
}

TEST(Checksum, DependsOnEveryNumber) {
  EXPECT_NE(checksum({1, 2, 3}), checksum({1, 3, 2}));
  EXPECT_NE(checksum({1, 2}), checksum({1, 2, 0}));
}

} // namespace
} // namespace berth::store
