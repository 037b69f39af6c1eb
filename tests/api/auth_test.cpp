#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/auth.hpp"
#include "api/listen_policy.hpp"

namespace berth::api {
namespace {

using ::testing::HasSubstr;

TEST(TokenFile, BadLinesAreNamed) {
  struct row {
    const char* text;
    const char* message;
  };
  const row rows[] = {
      {"", "holds no token"},
      {"# only a comment\n", "holds no token"},
      {"admin short\n", "line 1: the token must be 16"},
      {"\nroot 0123456789abcdef\n", "line 2: the role must be admin or viewer"},
      {"admin\n", "line 1: the token must be"},
      {"admin 0123456789abcdef extra\n", "line 1: the token must be"},
      {"admin 0123456789abcdef\nviewer 0123456789abcdef\n", "line 2: the token is given twice"},
  };
  for (const auto& one : rows) {
    const auto made = authenticator::parse(one.text);
    ASSERT_FALSE(made) << one.text;
    EXPECT_THAT(made.error().message, HasSubstr(one.message));
    EXPECT_THAT(made.error().message, ::testing::Not(HasSubstr("0123456789")));
  }
}

TEST(TokenFile, ReadsWithCarriageReturnsAndSpaces) {
  const auto made = authenticator::parse("viewer   0123456789abcdef \r\n");
  ASSERT_TRUE(made);
  EXPECT_EQ(made->check("Bearer 0123456789abcdef").value(), role::viewer);
}

class TokenFileOnDisk : public ::testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/berth-tokens-XXXXXX";
    const int fd = ::mkstemp(name);
    ASSERT_GE(fd, 0);
    ::close(fd);
    path_ = name;
    std::ofstream{path_} << "admin 0123456789abcdef\n";
  }
  void TearDown() override { std::filesystem::remove(path_); }
  void allow(std::filesystem::perms who) { std::filesystem::permissions(path_, who); }

  std::filesystem::path path_;
};

TEST_F(TokenFileOnDisk, MustNotBeOpenToEverybody) {
  using std::filesystem::perms;
  allow(perms::owner_read | perms::owner_write | perms::group_read);
  EXPECT_TRUE(authenticator::load(path_));
  allow(perms::owner_read | perms::others_read);
  const auto made = authenticator::load(path_);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("open to every user"));
}

TEST_F(TokenFileOnDisk, MustBeAFile) {
  EXPECT_FALSE(authenticator::load("/tmp"));
  EXPECT_FALSE(authenticator::load(path_.string() + ".missing"));
}

TEST(Open, MakesEverybodyAdmin) {
  EXPECT_EQ(authenticator::open().check(std::nullopt).value(), role::admin);
}

TEST(ListenPolicy, OnlyLoopbackMayDoWithout) {
  for (const char* address : {"127.0.0.1", "127.8.9.10", "::1", "localhost"}) {
    EXPECT_TRUE(listen_policy(address, false, false)) << address;
  }
  for (const char* address : {"0.0.0.0", "::", "192.0.2.1", "example.org", ""}) {
    EXPECT_FALSE(listen_policy(address, false, false)) << address;
    EXPECT_FALSE(listen_policy(address, true, false)) << address;
    EXPECT_FALSE(listen_policy(address, false, true)) << address;
    EXPECT_TRUE(listen_policy(address, true, true)) << address;
  }
  EXPECT_THAT(listen_policy("0.0.0.0", false, false).error().message,
              HasSubstr("without a TLS certificate and key and a token file"));
}

} // namespace
} // namespace berth::api
