#include "cli/table.hpp"

#include <gtest/gtest.h>

#include "cli/render.hpp"

namespace berth::cli {
namespace {

TEST(Table, HeadersAreCentredAndCellsLeft) {
  EXPECT_EQ(to_text({{"A", "Even"}, {{"xxxx", "y"}, {"", "zzzzz"}}}), "+------+-------+\n"
                                                                      "|  A   | Even  |\n"
                                                                      "+------+-------+\n"
                                                                      "| xxxx | y     |\n"
                                                                      "|      | zzzzz |\n"
                                                                      "+------+-------+\n");
}

TEST(Table, WithoutRowsOnlyTheHeader) {
  EXPECT_EQ(to_text({{"ID"}, {}}), "+----+\n| ID |\n+----+\n");
}

TEST(Table, WidthCountsCodePoints) {
  EXPECT_EQ(to_text({{"N"}, {{"\xc3\xa9t\xc3\xa9"}, {"abc"}}}),
            "+-----+\n|  N  |\n+-----+\n| \xc3\xa9t\xc3\xa9 |\n| abc |\n+-----+\n");
}

TEST(Table, ControlCharactersCannotSteerTheTerminal) {
  EXPECT_EQ(printable("a\x1b[31mb\nc\x7f"), "a\\x1b[31mb\\nc\\x7f");
  EXPECT_EQ(to_text({{"N"}, {{"a\nb"}}}), "+------+\n|  N   |\n+------+\n| a\\nb |\n+------+\n");
}

TEST(Table, CsvQuotesWhatNeedsIt) {
  EXPECT_EQ(to_csv({{"ID", "Name"}, {{"1", "a,b"}, {"2", "say \"hi\""}, {"3", "x\ny"}}}),
            "ID,Name\n1,\"a,b\"\n2,\"say \"\"hi\"\"\"\n3,\"x\ny\"\n");
}

TEST(Render, ColumnsAppearOnlyIfSomeRowHasThem) {
  const std::vector<std::string> keys{"id", "guest_id", "state"};
  const auto items = json::parse(R"([{"id":"1","state":"free"},{"id":"2","guest_id":"g"}])");
  EXPECT_EQ(list_table(items, columns_of(keys)).header,
            (std::vector<std::string>{"ID", "Guest_id", "State"}));
  const auto free = json::parse(R"([{"id":"1","guest_id":null}])");
  EXPECT_EQ(list_table(free, columns_of(keys)).header, (std::vector<std::string>{"ID"}));
  EXPECT_EQ(list_table(json::array(), columns_of(keys)).header.size(), 3U);
}

TEST(Render, FooterOnlyWhenCutOrAsked) {
  const std::vector<std::string> keys{"id"};
  const auto answer = [](int total) {
    return json{
        {"items", json::array({{{"id", "1"}}})}, {"total", total}, {"limit", 1}, {"offset", 2}};
  };
  const list_view plain{columns_of(keys), false};
  const list_view details{columns_of(keys), true};
  EXPECT_EQ(render_list(answer(1), plain, output_format::as_table),
            "+----+\n| ID |\n+----+\n| 1  |\n+----+\n");
  EXPECT_EQ(render_list(answer(7), plain, output_format::as_table),
            "+----+\n| ID |\n+----+\n| 1  |\n+----+\n"
            "***  Total: 7 Pages: 7 Limit: 1 Offset: 2 Page: 3  ***\n");
  EXPECT_EQ(render_list(answer(1), details, output_format::as_table),
            "+----+\n| ID |\n+----+\n| 1  |\n+----+\n"
            "***  Total: 1 Pages: 1 Limit: 1 Offset: 2 Page: 3  ***\n");
  EXPECT_EQ(render_list(answer(7), plain, output_format::as_csv), "ID\n1\n");
}

TEST(Render, CellsOfEveryKind) {
  EXPECT_EQ(cell_of(json::parse(R"("x")")), "x");
  EXPECT_EQ(cell_of(json::parse("12")), "12");
  EXPECT_EQ(cell_of(json::parse("true")), "true");
  EXPECT_EQ(cell_of(json::parse("null")), "");
  EXPECT_EQ(cell_of(json::parse(R"(["a",1])")), "a, 1");
  EXPECT_EQ(cell_of(json::parse(R"({"a":1,"b":"x y","c":[1],"d":null})")), R"(a=1 b="x y" c=[1])");
  EXPECT_EQ(cell_of(json::parse(R"([{"a":1},{"a":2}])")), "a=1; a=2");
  EXPECT_EQ(cell_of(json::parse(R"([[1],[2]])")), "[1]; [2]");
  EXPECT_EQ(text_of(json::parse(R"([1])"), "a"), "");
  EXPECT_EQ(number_of(json::parse(R"({"a":"7"})"), "a"), 0);
}

} // namespace
} // namespace berth::cli
