#include "sim/traces/csv.hpp"

#include <gtest/gtest.h>

namespace berth::sim {
namespace {

using fields = std::vector<std::string>;

TEST(Csv, ReadsPlainTables) {
  const auto table = parse_csv("a,b\n1,2\n3,\n");
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(table->columns, (fields{"a", "b"}));
  ASSERT_EQ(table->rows.size(), 2U);
  EXPECT_EQ(table->rows[0], (csv_row{2, {"1", "2"}}));
  EXPECT_EQ(table->rows[1], (csv_row{3, {"3", ""}}));
  EXPECT_TRUE(table->faulty.empty());
}

TEST(Csv, ReadsQuotesLineEndsAndTheByteOrderMark) {
  const auto table =
      parse_csv("\xef\xbb\xbf\"a\",b\r\n\"x, \"\"y\"\"\",\"two\r\nlines\"\r\n\r\n1,2");
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(table->columns, (fields{"a", "b"}));
  ASSERT_EQ(table->rows.size(), 2U);
  EXPECT_EQ(table->rows[0], (csv_row{2, {"x, \"y\"", "two\r\nlines"}}));
  EXPECT_EQ(table->rows[1], (csv_row{5, {"1", "2"}})) << "line breaks in quotes count as lines";
}

TEST(Csv, ReportsRowsOfAnotherWidthByLine) {
  const auto table = parse_csv("a,b\n1\n1,2\n1,2,3\n");
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(table->rows.size(), 1U);
  ASSERT_EQ(table->faulty.size(), 2U);
  EXPECT_EQ(table->faulty[0], (bad_row{2, "has 1 fields: the header has 2"}));
  EXPECT_EQ(table->faulty[1], (bad_row{4, "has 3 fields: the header has 2"}));
}

TEST(Csv, RefusesWhatCannotBeATable) {
  EXPECT_FALSE(parse_csv("").has_value());
  EXPECT_FALSE(parse_csv("\r\n\n").has_value());
  const auto open = parse_csv("a,b\n1,\"2\n3,4\n");
  ASSERT_FALSE(open.has_value());
  EXPECT_EQ(open.error().message, "line 2: a quoted field never ends");
}

TEST(Csv, FindsColumnsOrTheNearest) {
  const auto table = parse_csv("cpu_milli,memory_mib\n");
  EXPECT_EQ(column(*table, "memory_mib"), 1U);
  EXPECT_EQ(column(*table, "memory_mb").error().message,
            "the table has no column memory_mb, but one called memory_mib");
  EXPECT_EQ(column(*table, "x").error().message, "the table has no column x");
}

TEST(Csv, NamesTheFileThatCannotBeRead) {
  const auto missing = read_file("/nowhere/at-all.csv");
  ASSERT_FALSE(missing.has_value());
  EXPECT_NE(missing.error().message.find("/nowhere/at-all.csv"), std::string::npos);
}

} // namespace
} // namespace berth::sim
