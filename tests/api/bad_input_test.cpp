#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/json_syntax.hpp"
#include "model/text.hpp"
#include "tests/api/fake_cluster.hpp"

namespace berth::api {
namespace {

using testing::bench;
using ::testing::HasSubstr;

struct bad_body {
  const char* what;
  const char* method;
  const char* path;
  std::string body;
  int status;
  const char* message; ///< a part of it
};

std::string nested(std::size_t depth) {
  return "{\"metadata\":" + std::string(depth, '[') + std::string(depth, ']') + "}";
}

const std::string valid_id = "273f4f72-06b6-49aa-8456-4beceec44997";

std::vector<bad_body> syntax_rows() {
  const auto post = [](const char* what, std::string body, const char* message) {
    return bad_body{what, "POST", "/v1/servers", std::move(body), 400, message};
  };
  return {
      post("empty", "", "line 1, column 1: the text ends here"),
      post("blank", " \n ", "line 2, column 2"),
      post("no closing", "{", "the text ends here: expected a field name"),
      post("trailing comma", "{\"name\":\"a\",}", "column 13: expected a field name"),
      post("no comma", "{\"name\":\"a\"\n\"vcpus\":1}", "line 2, column 1: expected ',' or '}'"),
      post("no colon", "{\"name\" \"a\"}", "expected ':'"),
      post("single quotes", "{'name':'a'}", "column 2: expected a field name in double quotes"),
      post("comment", "{/* */}", "expected a field name"),
      post("two values", "{} {}", "column 4: unexpected text after the value"),
      post("bare word", "{\"name\":yes}", "expected a value"),
      post("control character", "{\"name\":\"a\nb\"}", "control character"),
      post("NUL", std::string{"{\"name\":\"a\0b\"}", 14}, "control character"),
      post("bad escape", "{\"name\":\"\\x41\"}", "unknown escape"),
      post("half a surrogate", "{\"name\":\"\\ud800\"}", "surrogate"),
      post("bad UTF-8", "{\"name\":\"\xff\"}", "not UTF-8"),
      post("overlong UTF-8", "{\"name\":\"\xc0\xaf\"}", "not UTF-8"),
      post("UTF-8 surrogate", "{\"name\":\"\xed\xa0\x80\"}", "not UTF-8"),
      post("leading zero", "{\"vcpus\":01}", "may not start with 0"),
      post("NaN", "{\"vcpus\":NaN}", "expected a value"),
      post("plus sign", "{\"vcpus\":+1}", "expected a value"),
      post("beyond 64 bits", "{\"vcpus\":18446744073709551616}", "number is too large"),
      post("huge exponent", "{\"vcpus\":1e999}", "number is too large"),
      post("too deep", nested(40), "too deep"),
      post("array", "[]", "the body is an array: must be an object"),
      post("string", "\"name\"", "the body is 'name': must be an object"),
      post("null", "null", "the body is null: must be an object"),
  };
}

std::vector<bad_body> value_rows() {
  const auto post = [](const char* what, std::string body, const char* message) {
    return bad_body{what, "POST", "/v1/servers", std::move(body), 400, message};
  };
  return {
      post("unknown field", R"({"vcpu":1})", "unknown field 'vcpu': did you mean 'vcpus'?"),
      post("unknown inside", R"({"disks":[{"size":1}]})", "unknown field 'disks[0].size'"),
      post("escaped unknown", R"({"n\u0000":1})", "unknown field 'n?'"),
      post("given twice", R"({"name":"a","name":"b"})", "field 'name' is given twice"),
      post("twice in a map", R"({"metadata":{"a":"1","a":"2"}})", "'metadata.a' is given twice"),
      post("wrong type", R"({"name":7})", "name is 7: must be a string"),
      post("null value", R"({"name":null})", "name is null: must be a string"),
      post("string for number", R"({"vcpus":"4"})",
           "vcpus is '4': must be an integer from 1 to 1024"),
      post("fraction", R"({"vcpus":1.5})", "vcpus is a number with a fraction or an exponent"),
      post("whole fraction", R"({"vcpus":1.0})", "fraction or an exponent: must be an integer"),
      post("exponent", R"({"vcpus":1e1})", "fraction or an exponent: must be an integer"),
      post("negative", R"({"vcpus":-1})", "vcpus is -1: must be an integer from 1"),
      post("zero", R"({"vcpus":0})", "vcpus is 0: must be an integer from 1"),
      post("overflow", R"({"memory_mib":9223372036854775808})",
           "memory_mib is 9223372036854775808: must be an integer from 1"),
      post("int32 overflow", R"({"count":4294967297})", "count is 4294967297: must be"),
      post("negative count", R"({"devices":[{"count":-1}]})",
           "devices[0].count is -1: must be an integer from 1 to 64"),
      post("bool as number", R"({"auto_start":1})", "auto_start is 1: must be true or false"),
      post("not an id", R"({"devices":[{"id":"gpu0"}]})",
           "devices[0].id is 'gpu0': must be a device's id"),
      post("id and model", R"({"devices":[{"id":")" + valid_id + R"(","model":"A100"}]})",
           "devices[0] names the device"),
      post("device is a string", R"({"devices":["A100"]})",
           "devices[0] is 'A100': must be an object"),
      post("devices is an object", R"({"devices":{}})", "devices is an object: must be an array"),
      post("type", R"({"devices":[{"dev_type":"GPU"}]})",
           "devices[0].dev_type is 'GPU': must be GPU-HPC, GPU-VGA or PCI"),
      post("ids", R"({"devices":[{"vendor_device_id":"10de"}]})", "four hexadecimal digits"),
      post("alternatives", R"({"devices":[{"alternatives":[{"count":1}]}]})",
           "unknown field 'devices[0].alternatives[0].count'"),
      post("wish", R"({"topology":{"numa":"maybe"}})",
           "topology.numa is 'maybe': must be none, prefer or require"),
      post("tag", R"({"tags":{"require":[1]}})", "tags.require[0] is 1: must be a string"),
      post("host", R"({"host_id":"gpu-1"})", "host_id is 'gpu-1': must be a host's id"),
      post("name", R"({"name":"a b"})", "name"),
      post("twice the same device",
           R"({"devices":[{"id":")" + valid_id + R"("},{"id":")" + valid_id + R"("}]})",
           "is named twice"),
      post("too many servers", R"({"count":10001})", "count is 10001"),
      post("long string", "{\"name\":\"" + std::string(5000, 'x') + "\"}",
           "name has 5000 bytes: at most 4096"),
      {"empty batch", "POST", "/v1/servers:batch", R"({"servers":[]})", 400, "names no server"},
      {"batch row", "POST", "/v1/servers:batch", R"({"servers":[{},{"vcpus":"x"}]})", 400,
       "servers[1].vcpus is 'x'"},
      {"batch name", "POST", "/v1/servers:batch", R"({"servers":[{},{"name":"?"}]})", 400,
       "servers[1]: name"},
      {"keep_refused per server", "POST", "/v1/servers:batch",
       R"({"servers":[{"keep_refused":true}]})", 400, "unknown field 'servers[0].keep_refused'"},
      {"batch too large", "POST", "/v1/servers:batch",
       R"({"servers":[{"count":6000},{"count":6000}]})", 413, "more than 10000 servers"},
      {"attach nothing", "POST", "/v1/servers/web/devices", "{}", 400, "names no device"},
      {"start with a body", "POST", "/v1/servers/web/start", R"({"force":true})", 400,
       "unknown field 'force'"},
      {"no setting", "PATCH", "/v1/isolated-devices/x", "{}", 400, "changes nothing"},
      {"no ids", "PATCH", "/v1/isolated-devices", R"({"enabled":true})", 400, "names no device"},
      {"negative reserve", "PATCH", "/v1/isolated-devices/x", R"({"reserved_cpu":-8})", 400,
       "reserved_cpu is -8: must be an integer from 0"},
      {"overcommit", "PATCH", "/v1/hosts/gpu-1", R"({"cpu_overcommit":999})", 400,
       "from 1000 to 10000"},
      {"empty patch body", "PATCH", "/v1/hosts/gpu-1", "", 400, "not JSON"},
  };
}

void expect_refused(const std::vector<bad_body>& rows) {
  for (const auto& row : rows) {
    SCOPED_TRACE(row.what);
    bench b;
    const auto answer = b.call(row.method, row.path, row.body);
    EXPECT_EQ(answer.status, row.status);
    EXPECT_THAT(answer.body, HasSubstr(row.message));
    EXPECT_EQ(find_json_fault(answer.body), std::nullopt) << answer.body;
    EXPECT_TRUE(b.cluster.commands.empty());
    // The service goes on.
    EXPECT_EQ(b.call("POST", "/v1/servers", R"({"name":"a"})").status, 201);
  }
}

TEST(BadInput, MalformedJsonIsRefusedWithItsPosition) {
  expect_refused(syntax_rows());
}

TEST(BadInput, WrongValuesAreRefusedByName) {
  expect_refused(value_rows());
}

TEST(BadInput, RefusalsOfFieldsNameThemInTheDetails) {
  bench b;
  const auto answer = b.call("POST", "/v1/servers", R"({"devices":[{},{"count":"x"}]})");
  EXPECT_THAT(answer.body, HasSubstr(R"("details":{"field":"devices[1].count"})"));
}

TEST(BadInput, DepthOfSixteenIsAccepted) {
  EXPECT_EQ(find_json_fault(std::string(16, '[') + std::string(16, ']')), std::nullopt);
  EXPECT_NE(find_json_fault(std::string(17, '[') + std::string(17, ']')), std::nullopt);
  bench b; // the parser's own limit agrees
  EXPECT_THAT(b.call("POST", "/v1/servers", std::string(16, '[') + std::string(16, ']')).body,
              HasSubstr("must be an object"));
}

struct bad_query {
  const char* target;
  int status;
  const char* message;
};

TEST(BadInput, QueriesAreReadStrictly) {
  const bad_query rows[] = {
      {"/v1/servers?limit=0", 400, "limit is '0': must be an integer from 1 to 1000"},
      {"/v1/servers?limit=1001", 400, "from 1 to 1000"},
      {"/v1/servers?limit=ten", 400, "limit is 'ten'"},
      {"/v1/servers?limit=5x", 400, "limit is '5x'"},
      {"/v1/servers?limit=1&limit=2", 400, "given 2 times"},
      {"/v1/servers?offset=-1", 400, "offset is '-1'"},
      {"/v1/servers?offset=99999999999999999999", 400, "offset is"},
      {"/v1/servers?order=up", 400, "must be asc or desc"},
      {"/v1/servers?gpu=maybe", 400, "must be true or false"},
      {"/v1/servers?status=on", 400, "status is 'on'"},
      {"/v1/servers?projet=x", 400, "did you mean 'project'?"},
      {"/v1/isolated-devices?dev_type=GPU", 400, "must be GPU-HPC, GPU-VGA or PCI"},
      {"/v1/isolated-devices?addr=99", 400, "must be a PCI address"},
      {"/v1/isolated-devices?vendor_device_id=x", 400, "four hexadecimal digits"},
      {"/v1/isolated-devices?numa_node=-1", 400, "numa_node is '-1'"},
      {"/v1/isolated-devices?state=gone", 400, "must be a device state"},
      {"/v1/hosts?status=up", 400, "must be online or offline"},
      {"/v1/events?from=0", 400, "from is '0'"},
      {"/v1/nothing", 404, "nothing at this path"},
      {"/v1/servers/", 404, "nothing at this path"},
      {"/v1/servers/a/b/c/d", 404, "nothing at this path"},
      {"/", 404, "nothing at this path"},
      {"//", 404, "nothing at this path"},
  };
  for (const auto& row : rows) {
    bench b;
    const auto answer = b.call("GET", row.target);
    EXPECT_EQ(answer.status, row.status) << row.target;
    EXPECT_THAT(answer.body, HasSubstr(row.message)) << row.target;
    EXPECT_TRUE(b.cluster.queries.empty());
  }
}

TEST(BadInput, WrongMethodNamesTheRightOnes) {
  bench b;
  const auto answer = b.call("PUT", "/v1/servers/web");
  EXPECT_EQ(answer.status, 405);
  EXPECT_THAT(answer.headers,
              ::testing::Contains(std::pair<std::string, std::string>{"Allow", "GET, DELETE"}));
}

TEST(BadInput, TextFromOutsideLeavesAsJson) {
  bench b;
  for (const std::string& hostile :
       {std::string{"\xff\xfe"}, std::string{"\"}{\n\t\x01"}, std::string{"\xe2\x82"}}) {
    b.cluster.refuse = model::failure{model::errc::not_found, hostile, {{hostile, hostile}}};
    const auto answer = b.call("GET", "/v1/servers/x");
    EXPECT_EQ(find_json_fault(answer.body), std::nullopt) << answer.body;
  }
}

TEST(BadInput, LargeBodiesAreParsedAndForgotten) {
  bench b;
  std::string body = "{\"metadata\":{\"a\":\"" + std::string(3U << 20U, 'x') + "\"}}";
  EXPECT_THAT(b.call("POST", "/v1/servers", body).body, HasSubstr("metadata.a has 3145728 bytes"));
  EXPECT_EQ(b.call("POST", "/v1/servers", "{}").status, 201);
}

} // namespace
} // namespace berth::api
