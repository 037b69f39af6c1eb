#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "api/render.hpp"
#include "tests/api/fake_cluster.hpp"

namespace berth::api {
namespace {

using testing::bench;

struct exchange {
  const char* method;
  const char* target;
  const char* body = "";
};

constexpr const char* a_server = R"({"name":"web","vcpus":4,"memory_mib":8192,)"
                                 R"("devices":[{"id":"273f4f72-06b6-49aa-8456-4beceec44997"}]})";
constexpr const char* a_batch = R"({"servers":[{"name":"a"},{"name":"b{n}","count":2},{}]})";
constexpr const char* two_ids =
    R"({"ids":["a77333e9-08d9-45c6-87eb-a7d8d902c5f5","b46a7374-6da2-46a4-8eda-abd16c502e0b"],)"
    R"("dev_type":"GPU-VGA"})";

const exchange every_route[] = {
    {"GET", "/v1/servers?gpu=true&limit=5"},
    {"POST", "/v1/servers", a_server},
    {"POST", "/v1/servers", R"({"name":"web","count":2,"devices":[{"model":"A100","count":2}]})"},
    {"POST", "/v1/servers:batch", a_batch},
    {"GET", "/v1/servers/web"},
    {"DELETE", "/v1/servers/web"},
    {"POST", "/v1/servers/web/start"},
    {"POST", "/v1/servers/web/stop", "{}"},
    {"POST", "/v1/servers/web/restart"},
    {"POST", "/v1/servers/web/devices", R"({"device":"x","dev_type":"GPU-VGA"})"},
    {"DELETE", "/v1/servers/web/devices/x"},
    {"GET", "/v1/isolated-devices?gpu&unused=false&model=A100&model=H100&addr=41:00.0&numa_node=0"},
    {"PATCH", "/v1/isolated-devices", two_ids},
    {"GET", "/v1/isolated-devices/273f4f72-06b6-49aa-8456-4beceec44997"},
    {"PATCH", "/v1/isolated-devices/a77333e9-08d9-45c6-87eb-a7d8d902c5f5", R"({"enabled":false})"},
    {"DELETE", "/v1/isolated-devices/a77333e9-08d9-45c6-87eb-a7d8d902c5f5"},
    {"POST", "/v1/isolated-devices/a77333e9-08d9-45c6-87eb-a7d8d902c5f5/purge",
     R"({"detach":true})"},
    {"GET", "/v1/hosts?enabled=true&status=online&order=asc"},
    {"GET", "/v1/hosts/gpu-1"},
    {"GET", "/v1/snapshot"},
    {"PATCH", "/v1/hosts/gpu-1",
     R"({"tags":["b","a"],"reserve":{"cpus":2},"cpu_overcommit":1500})"},
    {"DELETE", "/v1/hosts/gpu-1"},
    {"POST", "/v1/hosts/gpu-1/enable"},
    {"POST", "/v1/hosts/gpu-1/disable"},
    {"POST", "/v1/hosts/gpu-1/maintenance", R"({"on":true})"},
    {"POST", "/v1/hosts/gpu-1/probe"},
    {"POST", "/v1/placements:forecast", R"({"count":3,"devices":[{"count":4}]})"},
    {"POST", "/v1/placements:explain", R"({"devices":[{"count":4}],"hosts":["gpu-1"]})"},
    {"POST", "/v1/placements:explain", R"({"vcpus":64})"},
    {"GET", "/v1/usage"},
    {"GET", "/v1/events?from=1&follow=false"},
    {"GET", "/healthz"},
    {"GET", "/readyz"},
};

/// Breaks one line of JSON at the top level's fields, so that a difference can be read.
std::string readable(const std::string& json) {
  std::string out;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < json.size(); ++i) {
    const char c = json[i];
    if (c == '"' && (i == 0 || json[i - 1] != '\\')) {
      quoted = !quoted;
    }
    depth += quoted ? 0 : (c == '{' || c == '[') - (c == '}' || c == ']');
    out += c;
    if (!quoted && c == ',' && depth <= 3) {
      out += "\n  ";
    }
  }
  return out;
}

std::string transcript(bench& b, const exchange& one) {
  const auto answer = b.call(one.method, one.target, one.body);
  std::string text = std::string{"> "} + one.method + " " + one.target + "\n";
  if (*one.body != '\0') {
    text += std::string{"> "} + one.body + "\n";
  }
  text += "< " + std::to_string(answer.status) + " " + answer.content_type + "\n";
  for (const auto& [name, value] : answer.headers) {
    text += "< " + name + ": " + value + "\n";
  }
  if (answer.stream) {
    const auto stream = std::make_shared<testing::memory_stream>();
    answer.stream(stream);
    return text + stream->text + (stream->closed ? "(closed)\n\n" : "(open)\n\n");
  }
  return text + readable(answer.body) + "\n\n";
}

void expect_golden(const std::string& name, const std::string& actual) {
  const std::filesystem::path path =
      std::filesystem::path{BERTH_SOURCE_DIR} / "tests/api/golden" / name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream{path} << actual;
  }
  std::ifstream in{path};
  std::ostringstream stored;
  stored << in.rdbuf();
  EXPECT_EQ(stored.str(), actual) << path << ": run with UPDATE_GOLDEN=1 to rewrite it";
}

TEST(Golden, EveryRouteAnswersAsStored) {
  bench b;
  b.cluster.append(model::controller_started{1, "0.1.0"});
  b.cluster.append(model::server_created{testing::sample_server().server});
  b.cluster.append(model::request_answered{"secret-key", 1, 201, "secret body"});
  std::string text;
  for (const auto& one : every_route) {
    text += transcript(b, one);
  }
  EXPECT_EQ(text.find("secret"), std::string::npos);
  expect_golden("routes.txt", text);
}

TEST(Golden, TheTableCoversEveryRoute) {
  const std::set<std::string_view> elsewhere{"showMetrics", "showOpenapi"};
  bench b;
  for (const auto& route : routes()) {
    bool found = elsewhere.contains(route.operation);
    for (const auto& one : every_route) {
      const std::string target{one.target};
      const auto path = target.substr(0, target.find('?'));
      const auto fixed = route.pattern.substr(0, route.pattern.find('{'));
      found = found || (route.method == one.method && path.starts_with(fixed));
    }
    EXPECT_TRUE(found) << route.method << " " << route.pattern;
  }
}

TEST(Golden, RefusalsExplainThemselves) {
  bench b;
  b.cluster.refuse_to_place = true;
  std::string text;
  text += transcript(b, {"POST", "/v1/servers", a_server});
  text += transcript(b, {"POST", "/v1/servers", R"({"name":"web","keep_refused":false})"});
  text += transcript(
      b, {"POST", "/v1/servers:batch", R"({"servers":[{"name":"a"}],"keep_refused":false})"});
  expect_golden("refusals.txt", text);
}

TEST(Golden, AWaitingServer) {
  auto row = testing::sample_server();
  row.server.status = model::server_status::scheduling;
  row.server.status_reason = "no host fits: 2 lack devices";
  row.server.host.reset();
  row.server.attachments.clear();
  row.server.why_refused = testing::sample_refusal();
  row.server.spec.edit([](model::server_spec& spec) {
    spec.priority = 5;
    spec.wait_for_capacity = std::chrono::hours{2};
    spec.lifetime = std::chrono::hours{72};
  });
  row.server.reserved =
      model::reservation{testing::sample_host().host.id,
                         testing::sample_time() + std::chrono::minutes{90}, testing::sample_time()};
  row.host_name.clear();
  row.devices.clear();
  row.queue_position = 3;
  row.reserved_host_name = "gpu-1";
  std::string text;
  json_writer out{text};
  render(out, row);
  expect_golden("waiting.txt", readable(text) + "\n");
}

TEST(Golden, EveryErrorOfTheCatalogue) {
  std::string text;
  for (const auto& row : model::error_catalogue()) {
    bench b;
    b.cluster.refuse = model::failure{row.code, "what happened", {{"server", "web"}}};
    if (row.code == model::errc::method_not_allowed) {
      b.cluster.refuse->details["allow"] = "GET";
    }
    text += transcript(b, {"POST", "/v1/servers/web/start"});
  }
  expect_golden("errors.txt", text);
}

TEST(Golden, EveryEvent) {
  bench b;
  const auto server = testing::sample_server().server;
  const auto device = testing::sample_device(true).device;
  const auto host = testing::sample_host().host;
  model::host_info info;
  info.id = host.id;
  info.name = host.name;
  info.devices = {device.info};
  const std::vector<model::event> all{
      model::controller_started{3, "0.1.0"},
      model::host_inventoried{info, {}},
      model::host_status_changed{host.id, model::host_status::online, true},
      model::host_settings_changed{host.id, true, false, {"a"}, {}, 1000, 1000},
      model::host_removed{host.id},
      model::server_created{server},
      model::server_status_changed{server.id, model::server_status::dev_fail, "device lost"},
      model::server_power_requested{server.id, model::power::on, 1, model::server_status::starting},
      model::server_delete_requested{server.id, {{device.info.id, 2}}},
      model::server_removed{server.id},
      model::device_attached{server.id, {device.info.id, 2, model::dev_type::gpu_vga}},
      model::device_detached{server.id, {device.info.id, 3}},
      model::device_settings_changed{device.info.id, model::dev_type::gpu_vga, {1, 2, 3}, false},
      model::device_state_reported{device.info.id, model::device_state::free, "", 3, "flr ok"},
      model::device_removed{device.info.id},
      model::request_answered{"key", 1, 200, "{}"},
      model::server_placed{server.id,
                           host.id,
                           {{device.info.id, 4, model::dev_type::gpu_hpc}},
                           testing::sample_time()},
      model::server_wait_ended{server.id, "waited in vain: no host fits",
                               testing::sample_refusal()},
      model::server_reserved{
          server.id, model::reservation{host.id, testing::sample_time(), testing::sample_time()}},
      model::server_reserved{server.id, std::nullopt}};
  std::set<std::size_t> kinds;
  for (const auto& one : all) {
    kinds.insert(one.index());
  }
  EXPECT_EQ(kinds.size(), std::variant_size_v<model::event>);
  for (const auto& one : all) {
    b.cluster.append(one);
  }
  expect_golden("events.txt", transcript(b, {"GET", "/v1/events?follow=false"}));
}

} // namespace
} // namespace berth::api
