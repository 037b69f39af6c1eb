#include "proto/log_json.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/proto/random_model.hpp"

namespace berth::proto {
namespace {

TEST(LogJson, ReadsAsInTheSchema) {
  model::device_state_reported event;
  event.device.value = {0xabababababababab, 0xabababababababab};
  event.state = model::device_state::in_use;
  event.reason = "say \"no\"\n";
  event.obeyed = 4;
  const model::log_record record{7, model::timestamp{model::duration{1'000'000'000'000'000'006}},
                                 event};
  EXPECT_EQ(to_json(record),
            R"({"sequence":7,"at":"2001-09-09T01:46:40.000000006Z","device_state_reported":{)"
            R"("device":"abababab-abab-abab-abab-abababababab","state":"in_use",)"
            R"("reason":"say \"no\"\u000a","obeyed":4,"evidence":""}})");
}

TEST(LogJson, EveryRecordIsOneLineOfJson) {
  model::random dice{5};
  for (model::sequence_number i = 1; i <= 500; ++i) {
    const auto record = proto_test::random_record(dice, i);
    const std::string line = to_json(record);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    const auto parsed = nlohmann::json::parse(line);
    EXPECT_EQ(parsed["sequence"], i);
    EXPECT_TRUE(parsed.contains(model::event_name(record.what))) << line;
  }
}

TEST(LogJson, UserDataIsASize) {
  model::server_created event;
  event.server.spec.edit([](auto& spec) { spec.user_data = "password: \"secret\""; });
  const std::string line = to_json({1, {}, event});
  EXPECT_EQ(line.find("secret"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("user_data_bytes":18)"), std::string::npos) << line;
}

TEST(LogJson, TextThatIsNotUtf8IsEscaped) {
  model::log_record record{1, {}, model::controller_started{1, "v\xFF"}};
  EXPECT_NE(to_json(record).find(R"("version":"v\u00ff")"), std::string::npos);
}

} // namespace
} // namespace berth::proto
