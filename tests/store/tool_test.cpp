#include "store/tool.hpp"

#include <algorithm>
#include <sstream>

#include <gmock/gmock.h>
#include <sqlite3.h>

#include "tests/store/store_helpers.hpp"

namespace berth::store_test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class StoreTool : public testing::Test {
protected:
  void SetUp() override {
    auto store = open_at(path_);
    ASSERT_TRUE(store) << store.error().message;
    append_between(**store, 1, 20, 5);
  }

  int run(std::vector<std::string> arguments) {
    out_.str("");
    err_.str("");
    return store::run_tool(arguments, "1.2.3", out_, err_);
  }

  void damage() {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(db, "UPDATE batches SET payload = x'00' WHERE first_sequence = 11",
                           nullptr, nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(db);
  }

  [[nodiscard]] std::ptrdiff_t lines() const { return std::ranges::count(out_.str(), '\n'); }

  temp_folder folder_;
  std::string path_ = (folder_.path() / "store.db").string();
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(StoreTool, InspectsDumpsAndCopiesASoundStore) {
  EXPECT_EQ(run({"inspect", path_}), 0);
  EXPECT_EQ(out_.str(), "snapshot: none\nrecords: 1..20 are sound\n");

  EXPECT_EQ(run({"dump", path_}), 0);
  EXPECT_EQ(lines(), 20);
  EXPECT_THAT(out_.str(), StartsWith(R"({"sequence":1,)"));
  EXPECT_EQ(run({"dump", path_, "--from", "18"}), 0);
  EXPECT_EQ(lines(), 3);

  EXPECT_EQ(run({"copy", path_, path_ + ".copy"}), 0);
  EXPECT_EQ(run({"inspect", path_ + ".copy"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("1..20 are sound"));
}

TEST_F(StoreTool, CutsADamagedStoreAsItWasToldTo) {
  damage();
  EXPECT_EQ(run({"inspect", path_}), 1);
  EXPECT_THAT(out_.str(), HasSubstr("records: 1..10 are sound\ndamage: "));
  EXPECT_THAT(out_.str(), HasSubstr("cut the log after record 10"));

  EXPECT_EQ(run({"dump", path_}), 1);
  EXPECT_EQ(lines(), 10);
  EXPECT_THAT(err_.str(), HasSubstr("record 11"));

  EXPECT_EQ(run({"cut", path_, "--after", "10"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("ends after record 10 now; the store as it was is " + path_ +
                                    ".before-cut-10"));
  EXPECT_EQ(run({"inspect", path_}), 0);
}

TEST_F(StoreTool, WrongUsageIsToldTheRightOne) {
  for (const auto& wrong : std::vector<std::vector<std::string>>{
           {}, {"inspect"}, {"cut", path_}, {"cut", path_, "--after", "x"}, {"what", path_}}) {
    EXPECT_EQ(run(wrong), 2);
    EXPECT_THAT(err_.str(), HasSubstr("usage: berth-store COMMAND STORE"));
  }
  EXPECT_EQ(run({"inspect", path_ + ".missing"}), 1);
  EXPECT_THAT(err_.str(), HasSubstr("there is no such file"));
}

} // namespace
} // namespace berth::store_test
