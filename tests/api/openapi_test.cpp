#include <algorithm>
#include <set>
#include <string>

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include "api/bodies.hpp"
#include "model/device.hpp"
#include "model/server.hpp"
#include "tests/api/fake_cluster.hpp"

namespace berth::api {
namespace {

const YAML::Node& document() {
  static const YAML::Node root = YAML::Load(std::string{openapi_document()});
  return root;
}

std::set<std::string> keys(const YAML::Node& map) {
  std::set<std::string> names;
  for (const auto& pair : map) {
    names.insert(pair.first.as<std::string>());
  }
  return names;
}

template <class Range> std::set<std::string> as_set(const Range& range) {
  std::set<std::string> names;
  for (const auto& one : range) {
    names.emplace(one);
  }
  return names;
}

std::set<std::string> properties(const std::string& schema) {
  return keys(document()["components"]["schemas"][schema]["properties"]);
}

TEST(OpenApi, RoutesAreThoseOfTheTable) {
  std::set<std::string> table;
  for (const auto& route : routes()) {
    std::string method{route.method};
    std::ranges::transform(method, method.begin(),
                           [](char c) { return static_cast<char>(c | 0x20); });
    table.insert(method + " " + std::string{route.pattern} + " " + std::string{route.operation});
    const auto operation = document()["paths"][std::string{route.pattern}][method];
    ASSERT_TRUE(operation) << method << " " << route.pattern;
    EXPECT_EQ(operation["security"].IsDefined(), route.open) << route.operation;
  }
  std::set<std::string> documented;
  for (const auto& path : document()["paths"]) {
    for (const auto& operation : path.second) {
      documented.insert(operation.first.as<std::string>() + " " + path.first.as<std::string>() +
                        " " + operation.second["operationId"].as<std::string>());
    }
  }
  EXPECT_EQ(table, documented);
}

TEST(OpenApi, PathParametersAreDeclared) {
  for (const auto& path : document()["paths"]) {
    const auto pattern = path.first.as<std::string>();
    for (const auto& operation : path.second) {
      std::set<std::string> declared;
      for (const auto& parameter : operation.second["parameters"]) {
        const auto name = parameter["$ref"].as<std::string>().substr(24);
        const auto row = document()["components"]["parameters"][name];
        ASSERT_TRUE(row) << name;
        if (row["in"].as<std::string>() == "path") {
          declared.insert("{" + row["name"].as<std::string>() + "}");
        }
        if (row["in"].as<std::string>() == "header" && operation.first.as<std::string>() != "get") {
          EXPECT_EQ(operation.first.as<std::string>(), "post");
        }
      }
      std::set<std::string> used;
      for (auto at = pattern.find('{'); at != std::string::npos; at = pattern.find('{', at + 1)) {
        used.insert(pattern.substr(at, pattern.find('}', at) + 1 - at));
      }
      EXPECT_EQ(declared, used) << pattern;
    }
  }
}

/// Asks the route for a parameter that does not exist: the refusal tells which exist.
TEST(OpenApi, QueryParametersAreAcceptedAndNoOthers) {
  for (const auto& path : document()["paths"]) {
    const auto operation = path.second["get"];
    if (!operation) {
      continue;
    }
    for (const auto& parameter : operation["parameters"]) {
      const auto row =
          document()["components"]["parameters"][parameter["$ref"].as<std::string>().substr(24)];
      if (row["in"].as<std::string>() != "query") {
        continue;
      }
      const auto name = row["name"].as<std::string>();
      const auto call = [&](const std::string& query) {
        testing::bench b;
        return b.call("GET", path.first.as<std::string>() + "?" + query);
      };
      // A value that no parameter's type takes, or at least one that is known.
      EXPECT_EQ(call(name + "=%").body.find("unknown query parameter"), std::string::npos) << name;
      EXPECT_NE(call(name + "_=1").body.find("unknown query parameter"), std::string::npos) << name;
    }
  }
}

TEST(OpenApi, BodiesHaveTheFieldsThatAreRead) {
  EXPECT_EQ(properties("server_create"), as_set(server_body_fields()));
  auto spec = as_set(server_body_fields());
  spec.erase("keep_refused");
  EXPECT_EQ(properties("server_spec"), spec);
  spec.erase("count");
  spec.insert("hosts");
  EXPECT_EQ(properties("placement_question"), spec);
  EXPECT_EQ(as_set(explain_body_fields()), spec);
  EXPECT_EQ(properties("device_request"), as_set(device_request_fields()));
  EXPECT_EQ(properties("devices_update"), as_set(device_settings_fields()));
  auto settings = as_set(device_settings_fields());
  settings.erase("ids");
  EXPECT_EQ(properties("device_settings"), settings);
  EXPECT_EQ(properties("host_settings"), as_set(host_settings_fields()));
}

void collect_references(const YAML::Node& node, std::set<std::string>& found) {
  if (node.IsMap()) {
    for (const auto& pair : node) {
      if (pair.first.as<std::string>() == "$ref") {
        found.insert(pair.second.as<std::string>());
      }
      collect_references(pair.second, found);
    }
  } else if (node.IsSequence()) {
    for (const auto& item : node) {
      collect_references(item, found);
    }
  }
}

TEST(OpenApi, EveryReferenceLeadsSomewhereAndEverySchemaIsUsed) {
  std::set<std::string> found;
  collect_references(document(), found);
  for (const std::string kind : {"schemas", "parameters", "responses"}) {
    for (const auto& name : keys(document()["components"][kind])) {
      EXPECT_EQ(found.erase("#/components/" + kind + "/" + name), 1U) << kind << "/" << name;
    }
  }
  EXPECT_TRUE(found.empty()) << *found.begin();
}

TEST(OpenApi, EnumerationsAreComplete) {
  const auto words = [](const char* schema) {
    return document()["components"]["schemas"][schema]["enum"].as<std::vector<std::string>>();
  };
  for (const auto& word : words("server_status")) {
    EXPECT_TRUE(model::parse_server_status(word)) << word;
  }
  EXPECT_EQ(words("server_status").size(), metrics::server_statuses);
  for (const auto& word : words("device_state")) {
    EXPECT_TRUE(model::parse_device_state(word)) << word;
  }
  EXPECT_EQ(words("device_state").size(), metrics::device_states);
}

/// Every field of the answer is in its schema, all the way down.
void expect_described(const YAML::Node& value, YAML::Node schema, const std::string& where) {
  if (schema["$ref"]) {
    const auto name = schema["$ref"].as<std::string>().substr(21);
    schema.reset(document()["components"]["schemas"][name]);
  }
  if (value.IsSequence()) {
    for (const auto& item : value) {
      expect_described(item, schema["items"], where + "[]");
    }
  }
  if (!value.IsMap() || schema["additionalProperties"].IsMap()) {
    return;
  }
  for (const auto& pair : value) {
    const auto name = pair.first.as<std::string>();
    const auto property = schema["properties"][name];
    EXPECT_TRUE(property) << where << "." << name;
    if (property) {
      expect_described(pair.second, property, where + "." + name);
    }
  }
  for (const auto& name : schema["required"]) {
    EXPECT_TRUE(value[name.as<std::string>()]) << where << "." << name.as<std::string>();
  }
}

TEST(OpenApi, AnswersAreAsDescribed) {
  struct row {
    const char* method;
    const char* target;
    const char* body;
    const char* schema;
  };
  const row rows[] = {
      {"GET", "/v1/servers", "", "server_list"},
      {"GET", "/v1/servers/web", "", "server"},
      {"POST", "/v1/servers", "{}", "server"},
      {"POST", "/v1/servers", R"({"count":2})", "server_results"},
      {"GET", "/v1/isolated-devices", "", "device_list"},
      {"PATCH", "/v1/isolated-devices", R"({"ids":["a"],"enabled":true})", "device_results"},
      {"GET", "/v1/hosts", "", "host_list"},
      {"PATCH", "/v1/hosts/gpu-1", "{}", "host"},
      {"POST", "/v1/placements:forecast", R"({"count":2})", "forecast"},
      {"POST", "/v1/placements:explain", R"({"hosts":["gpu-1"]})", "explanation"},
      {"POST", "/v1/placements:explain", R"({"vcpus":64})", "explanation"},
      {"GET", "/v1/usage", "", "usage"},
      {"GET", "/v1/nothing", "", "error"},
  };
  for (const auto& one : rows) {
    testing::bench b;
    const auto answer = b.call(one.method, one.target, one.body);
    expect_described(YAML::Load(answer.body), document()["components"]["schemas"][one.schema],
                     one.target);
  }
  testing::bench refused;
  refused.cluster.refuse_to_place = true;
  expect_described(YAML::Load(refused.call("POST", "/v1/servers", "{}").body),
                   document()["components"]["schemas"]["server"], "refused server");
}

} // namespace
} // namespace berth::api
