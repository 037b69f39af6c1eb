#include "sim/demand/csv_reader.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/random.hpp"

namespace berth::sim {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Gives its text in pieces of one length.
class piecewise final : public byte_source {
public:
  piecewise(std::string text, std::size_t length) : text_(std::move(text)), length_(length) {}
  model::result<std::size_t> read(std::span<char> into) override {
    const auto count = text_.copy(into.data(), std::min(into.size(), length_), at_);
    at_ += count;
    return count;
  }

private:
  std::string text_;
  std::size_t length_;
  std::size_t at_ = 0;
};

struct read_row {
  std::uint64_t line;
  std::vector<std::string> fields;
  std::string rule = {};

  friend bool operator==(const read_row&, const read_row&) = default;
};

model::result<std::vector<read_row>> rows_of(const std::string& text, std::size_t piece = 1'000,
                                             table_limits limits = {}) {
  auto reader = csv_reader::open(std::make_unique<piecewise>(text, piece), "table", limits);
  if (!reader) {
    return tl::unexpected{reader.error()};
  }
  std::vector<read_row> rows;
  csv_record record;
  while (true) {
    const auto more = reader->next(record);
    if (!more) {
      return tl::unexpected{more.error()};
    }
    if (!*more) {
      return rows;
    }
    rows.push_back({record.line, {}, std::string{record.rule}});
    if (record.rule.empty()) {
      rows.back().fields.assign(record.fields.begin(), record.fields.end());
    }
  }
}

TEST(CsvReader, ReadsPlainTables) {
  EXPECT_THAT(*rows_of("a,b\n1,2\n3,\n,\n"),
              ElementsAre(read_row{2, {"1", "2"}}, read_row{3, {"3", ""}}, read_row{4, {"", ""}}));
  EXPECT_THAT(*rows_of("a,b\n1,2"), ElementsAre(read_row{2, {"1", "2"}}));
  EXPECT_THAT(*rows_of("a,b"), ElementsAre());
}

TEST(CsvReader, ReadsQuotesLineEndsAndTheByteOrderMarkHoweverTheyArriveInPieces) {
  const std::string text =
      "\xef\xbb\xbf\"a\", b\r\n\"x, \"\"y\"\"\",\"two\r\nlines\"\r\n\r\n1,2\r\n"
      "\"\",\"\"\"\"\r\nx\"y,\xc3\xa4";
  for (std::size_t piece = 1; piece < text.size() + 1; ++piece) {
    const auto rows = rows_of(text, piece);
    ASSERT_TRUE(rows.has_value());
    EXPECT_THAT(*rows,
                ElementsAre(read_row{2, {"x, \"y\"", "two\r\nlines"}}, read_row{5, {"1", "2"}},
                            read_row{6, {"", "\""}}, read_row{7, {"x\"y", "\xc3\xa4"}}));
  }
}

TEST(CsvReader, TrimsTheNamesOfColumns) {
  const auto reader = csv_reader::open(std::make_unique<piecewise>("\n a ,\tb,\n", 3), "table", {});
  ASSERT_TRUE(reader.has_value());
  EXPECT_THAT(reader->columns(), ElementsAre("a", "b", ""));
}

TEST(CsvReader, ReportsFaultyRowsByLine) {
  const auto rows = rows_of("a,b\n1\n1,2\n1,2,3\n\"1\"x,2\n\"1\" ,2\n");
  ASSERT_TRUE(rows.has_value());
  constexpr auto width = "has another number of fields than the header";
  constexpr auto quotes = "has text behind a closing quote";
  EXPECT_THAT(*rows,
              ElementsAre(read_row{2, {}, width}, read_row{3, {"1", "2"}}, read_row{4, {}, width},
                          read_row{5, {}, quotes}, read_row{6, {}, quotes}));
}

TEST(CsvReader, PassesOverLinesThatAreTooLong) {
  constexpr std::size_t longest = 100;
  for (const std::size_t length : {std::size_t{101}, std::size_t{1'000}, std::size_t{1'000'000}}) {
    const auto text = "a\n1\n" + std::string(length, 'x') + "\n2\n" + std::string(length, 'y');
    const auto rows = rows_of(text, 4'000, {.row_bytes_max = longest});
    ASSERT_TRUE(rows.has_value());
    EXPECT_THAT(*rows, ElementsAre(read_row{2, {"1"}}, read_row{3, {}, "is too long"},
                                   read_row{4, {"2"}}, read_row{5, {}, "is too long"}));
  }
}

TEST(CsvReader, RefusesWhatCannotBeATable) {
  const std::vector<std::pair<std::string, std::string>> table{
      {"", "table is empty"},
      {"\r\n\n", "table is empty"},
      {"\xef\xbb\xbf", "table is empty"},
      {"a,b\n1,\"2\n3,4\n", "table line 2: a quoted field never ends"},
      {"a,\"b", "table line 1: a quoted field never ends"},
      {"a,b,a\n", "two columns called 'a'"},
      {"a\n\"" + std::string(10'000, '\n'), "table line 2: a quoted field never ends"},
      {std::string(1'000, 'x'), "table line 1: the header is too long"},
      {std::string(40, ','), "table line 1: the header has too many columns"},
      {"a\n" + std::string(200'000, '\n'), "larger than 100000 bytes"},
  };
  for (const auto& [text, message] : table) {
    const auto rows =
        rows_of(text, 1'000, {.row_bytes_max = 500, .columns_max = 20, .bytes_max = 100'000});
    ASSERT_FALSE(rows.has_value()) << text.substr(0, 20);
    EXPECT_THAT(rows.error().message, HasSubstr(message));
  }
}

TEST(CsvReader, ReadsBackWhateverIsQuoted) {
  model::random dice{5};
  constexpr std::string_view letters = "ab,\"\n\r ";
  for (int round = 0; round < 300; ++round) {
    std::string text = "a,b\n";
    std::vector<std::vector<std::string>> expected;
    for (int row = 0; row < 10; ++row) {
      auto& fields = expected.emplace_back();
      for (int column = 0; column < 2; ++column) {
        auto& field = fields.emplace_back();
        text += column == 0 ? "\"" : ",\"";
        for (auto length = dice.below(6); length > 0; --length) {
          const char c = letters[dice.below(letters.size())];
          field += c;
          text.append(c == '"' ? 2U : 1U, c);
        }
        text += "\"";
      }
      text += dice.chance(0.5) ? "\r\n" : "\n";
    }
    const auto rows = rows_of(text, 1 + dice.below(40));
    ASSERT_TRUE(rows.has_value()) << text;
    ASSERT_EQ(rows->size(), expected.size());
    for (std::size_t i = 0; i < expected.size(); ++i) {
      EXPECT_EQ((*rows)[i].fields, expected[i]);
    }
  }
}

TEST(Quoted, IsShortAndPrintable) {
  EXPECT_EQ(in_quotes("a\x1b[1m\n"), "'a?[1m?'");
  EXPECT_EQ(in_quotes(std::string(1'000, 'x')).size(), 65U);
}

} // namespace
} // namespace berth::sim
