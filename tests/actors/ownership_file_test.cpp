#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

#include "actors/ownership_store.hpp"

namespace berth::actors {
namespace {

class OwnershipFileTest : public ::testing::Test {
protected:
  void SetUp() override {
    auto pattern = (std::filesystem::temp_directory_path() / "berth-ownership-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    path_ = (directory_ / "file").string();
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  static kept_ownership owned(std::uint64_t device, model::device_epoch epoch, bool by_somebody) {
    kept_ownership what;
    what.device = model::device_id{model::uuid::from_random(7, device)};
    what.what.epoch = epoch;
    if (by_somebody)
      what.what.owner = model::server_id{model::uuid::from_random(8, epoch)};
    return what;
  }
  void append(const std::vector<kept_ownership>& batch) {
    auto opened = ownership_file::open(path_);
    ASSERT_TRUE(opened) << opened.error().message;
    const auto done = opened->file->append(batch);
    ASSERT_TRUE(done) << done.error().message;
  }
  kept_ownerships kept() {
    auto opened = ownership_file::open(path_);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? opened->kept : kept_ownerships{};
  }
  /// Writes `bytes` over the file from `offset` on.
  void damage(std::uintmax_t offset, const std::string& bytes) const {
    std::fstream file{path_, std::ios::binary | std::ios::in | std::ios::out};
    file.seekp(static_cast<std::streamoff>(offset));
    file << bytes;
  }

  std::filesystem::path directory_;
  std::string path_;
};

TEST_F(OwnershipFileTest, KeepsTheLastOwnershipOfEachDevice) {
  append({owned(1, 1, true), owned(2, 1, true)});
  append({owned(1, 2, false), owned(1, 3, true)});
  const auto found = kept();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found.at(owned(1, 3, true).device), owned(1, 3, true).what);
  EXPECT_EQ(found.at(owned(2, 1, true).device), owned(2, 1, true).what);
}

TEST_F(OwnershipFileTest, CutsOffATornEndAndGoesOn) {
  append({owned(1, 1, true), owned(2, 1, true)});
  const auto whole = std::filesystem::file_size(path_);
  for (std::uintmax_t torn = 1; torn < 48; ++torn) {
    std::filesystem::resize_file(path_, whole - torn);
    EXPECT_EQ(kept().size(), 1u) << torn << " bytes are missing";
    append({owned(2, 1, true)});
    ASSERT_EQ(std::filesystem::file_size(path_), whole);
  }
  EXPECT_EQ(kept().size(), 2u);
}

TEST_F(OwnershipFileTest, CutsOffADamagedLastRecord) {
  append({owned(1, 1, true), owned(2, 1, true)});
  damage(std::filesystem::file_size(path_) - 10, "x");
  EXPECT_EQ(kept().size(), 1u);
}

TEST_F(OwnershipFileTest, RefusesDamageBeforeTheEnd) {
  append({owned(1, 1, true), owned(2, 1, true), owned(3, 1, true)});
  damage(8 + 48 + 3, "x");
  const auto opened = ownership_file::open(path_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, model::errc::store_corrupt);
  EXPECT_NE(opened.error().message.find("record 2"), std::string::npos) << opened.error().message;
}

TEST_F(OwnershipFileTest, RefusesAnotherFormat) {
  std::ofstream{path_} << "something else entirely";
  const auto opened = ownership_file::open(path_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, model::errc::store_corrupt);
}

TEST_F(OwnershipFileTest, RefusesASecondProcess) {
  const auto first = ownership_file::open(path_);
  ASSERT_TRUE(first);
  const auto second = ownership_file::open(path_);
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("another agent"), std::string::npos);
}

TEST_F(OwnershipFileTest, RewritesItselfWhenMostOfItIsOutdated) {
  std::vector<kept_ownership> batch;
  for (model::device_epoch epoch = 1; epoch <= 5000; ++epoch)
    batch.push_back(owned(1, epoch, false));
  append(batch);
  const auto before = std::filesystem::file_size(path_);
  EXPECT_EQ(kept().at(owned(1, 1, false).device).epoch, 5000u);
  EXPECT_LT(std::filesystem::file_size(path_), before / 1000);
  append({owned(1, 5001, true)});
  EXPECT_EQ(kept().at(owned(1, 1, false).device).epoch, 5001u);
}

} // namespace
} // namespace berth::actors
