#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/json_syntax.hpp"
#include "tests/api/fake_cluster.hpp"

namespace berth::api {
namespace {

using testing::bench;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::make_request;
using ::testing::Not;

constexpr const char* admin_token = "0123456789abcdef";
constexpr const char* viewer_token = "fedcba9876543210";

authenticator two_roles() {
  return authenticator::parse(std::string{"# staff\nadmin "} + admin_token + "\nviewer " +
                              viewer_token + "\n")
      .value();
}

request with_token(request req, std::string header) {
  req.authorization = std::move(header);
  return req;
}

TEST(Authentication, DecidesByRole) {
  bench b{two_roles()};
  const std::string admin = std::string{"Bearer "} + admin_token;
  const std::string viewer = std::string{"bearer "} + viewer_token;
  const auto status = [&](const char* method, const char* target, std::string header) {
    return b.call(with_token(make_request(method, target), std::move(header))).status;
  };
  EXPECT_EQ(status("GET", "/v1/usage", admin), 200);
  EXPECT_EQ(status("GET", "/v1/usage", viewer), 200);
  EXPECT_EQ(status("GET", "/metrics", viewer), 200);
  EXPECT_EQ(status("POST", "/v1/hosts/gpu-1/probe", admin), 202);
  EXPECT_EQ(status("POST", "/v1/hosts/gpu-1/probe", viewer), 403);
  EXPECT_EQ(status("DELETE", "/v1/servers/web", viewer), 403);
  EXPECT_EQ(status("GET", "/v1/usage", admin + "x"), 401);
  EXPECT_EQ(status("GET", "/v1/usage", admin_token), 401);
  EXPECT_EQ(status("GET", "/v1/usage", "Bearer "), 401);
  EXPECT_EQ(status("GET", "/healthz", ""), 200);
  EXPECT_EQ(b.call("GET", "/readyz").status, 200);
  const auto answer = b.call("GET", "/v1/usage");
  EXPECT_EQ(answer.status, 401);
  EXPECT_THAT(answer.headers, Contains(std::pair<std::string, std::string>{
                                  "WWW-Authenticate", "Bearer realm=\"berth\""}));
}

TEST(Readiness, FollowsTheCluster) {
  bench b;
  b.cluster.is_ready = false;
  EXPECT_EQ(b.call("GET", "/readyz").status, 503);
  EXPECT_EQ(b.call("GET", "/healthz").status, 200);
}

TEST(Head, IsGetButOpensNoStream) {
  bench b;
  EXPECT_EQ(b.call("HEAD", "/healthz").status, 200);
  EXPECT_EQ(b.call("HEAD", "/v1/servers/web").status, 200);
  EXPECT_EQ(b.call("HEAD", "/v1/events").status, 405);
  bench guarded{two_roles()};
  EXPECT_EQ(guarded.call("HEAD", "/v1/servers/web").status, 401);
}

TEST(Busy, AnswersWithRetryAfter) {
  for (const auto code : {model::errc::busy, model::errc::shutting_down}) {
    bench b;
    b.cluster.refuse = model::failure{code, "later"};
    EXPECT_THAT(b.call("GET", "/v1/usage").headers,
                Contains(std::pair<std::string, std::string>{"Retry-After", "1"}));
  }
}

request create_with_key(std::string key, std::string body) {
  auto req = make_request("POST", "/v1/servers", std::move(body));
  req.idempotency_key = std::move(key);
  return req;
}

TEST(Idempotency, SameKeySameRequestGetsTheFirstAnswer) {
  bench b;
  const auto first = b.call(create_with_key("k1", "{}"));
  const auto second = b.call(create_with_key("k1", "{}"));
  EXPECT_EQ(first.status, 201);
  EXPECT_EQ(second.status, 201);
  EXPECT_EQ(first.body, second.body); // a made-up name would differ if it ran again
  EXPECT_THAT(second.headers,
              Contains(std::pair<std::string, std::string>{"Idempotency-Replayed", "true"}));
  EXPECT_EQ(b.cluster.commands.size(), 1U);
}

TEST(Idempotency, AnotherRequestWithTheKeyConflicts) {
  bench b;
  EXPECT_EQ(b.call(create_with_key("k1", "{}")).status, 201);
  const auto answer = b.call(create_with_key("k1", R"({"vcpus":2})"));
  EXPECT_EQ(answer.status, 409);
  EXPECT_THAT(answer.body, HasSubstr("idempotency_conflict"));
  EXPECT_EQ(b.cluster.commands.size(), 1U);
}

TEST(Idempotency, FinalRefusalsAreRememberedPassingOnesNot) {
  bench b;
  b.cluster.refuse = model::failure{model::errc::name_in_use, "taken"};
  EXPECT_EQ(b.call(create_with_key("final", "{}")).status, 409);
  b.cluster.refuse = model::failure{model::errc::store_full, "full"};
  EXPECT_EQ(b.call(create_with_key("passing", "{}")).status, 507);
  b.cluster.refuse.reset();
  EXPECT_EQ(b.call(create_with_key("final", "{}")).status, 409);
  EXPECT_EQ(b.call(create_with_key("passing", "{}")).status, 201);
}

TEST(Idempotency, BadKeysAreRefused) {
  for (const std::string& key : {std::string{}, std::string(256, 'k'), std::string{"a\nb"}}) {
    bench b;
    EXPECT_EQ(b.call(create_with_key(key, "{}")).status, 400);
    EXPECT_TRUE(b.cluster.commands.empty());
  }
}

const model::create_servers& created(const bench& b) {
  return std::get<model::create_servers>(b.cluster.commands.back());
}

TEST(CreateServer, EveryFieldReachesTheCluster) {
  bench b;
  const auto answer = b.call("POST", "/v1/servers", R"({
    "name":"train", "project":"ml", "hypervisor":"kvm", "vcpus":16, "memory_mib":65536,
    "disks":[{"size_mib":1024,"image":"debian"},{"size_mib":2048}], "networks":["net0"],
    "firmware":"uefi", "os":"windows",
    "devices":[{"model":"H100","vendor":"NVIDIA","dev_type":"GPU-VGA","vendor_device_id":"10DE:2330",
                "count":2,"alternatives":[{"model":"A100"}]}],
    "topology":{"numa":"require","pcie_root":"none","pcie_switch":"none","fabric":"prefer"},
    "tags":{"require":["a"],"prefer":["b"],"avoid":["c"]}, "anti_affinity_group":"g",
    "host_id":"3bce9607-2597-469f-8d9b-977345456739",
    "preferred_host_id":"3bce9607-2597-469f-8d9b-977345456739",
    "auto_start":true, "metadata":{"k":"v \u00e4"}, "user_data":"#cloud-config",
    "qemu_arguments":["-device","x"], "keep_refused":false,
    "priority":7, "wait_for_capacity_seconds":7200, "expected_lifetime_seconds":259200})");
  ASSERT_EQ(answer.status, 201) << answer.body;
  model::server_spec spec;
  spec.name = "train";
  spec.project = "ml";
  spec.vcpus = 16;
  spec.memory_mib = 65536;
  spec.disks = {{1024, "debian"}, {2048, ""}};
  spec.networks = {"net0"};
  spec.boot = model::firmware::uefi;
  spec.os = "windows";
  spec.devices = {
      {std::nullopt,
       2,
       {{"H100", "NVIDIA", model::dev_type::gpu_vga, model::vendor_device_id{0x10de, 0x2330}},
        {"A100", "", {}, {}}}}};
  spec.topology = {model::wish::require, model::wish::none, model::wish::none, model::wish::prefer};
  spec.tags = {{"a"}, {"b"}, {"c"}};
  spec.anti_affinity_group = "g";
  spec.host = spec.preferred_host = model::host_id::parse("3bce9607-2597-469f-8d9b-977345456739");
  spec.auto_start = true;
  spec.user_data = "#cloud-config";
  spec.qemu_arguments = {"-device", "x"};
  spec.metadata = {{"k", "v \xc3\xa4"}};
  spec.priority = 7;
  spec.wait_for_capacity = std::chrono::hours{2};
  spec.lifetime = std::chrono::hours{72};
  EXPECT_EQ(created(b).specs, std::vector{spec});
  EXPECT_FALSE(created(b).keep_refused);
}

TEST(CreateServer, CountMakesNames) {
  const auto names = [](const char* body) {
    bench b;
    EXPECT_EQ(b.call("POST", "/v1/servers", body).status, 200);
    std::vector<std::string> found;
    for (const auto& spec : created(b).specs) {
      found.push_back(spec.name);
    }
    return found;
  };
  EXPECT_EQ(names(R"({"name":"web","count":3})"),
            (std::vector<std::string>{"web-1", "web-2", "web-3"}));
  EXPECT_EQ(names(R"({"name":"w{n}x{n}","count":2})"), (std::vector<std::string>{"w1x1", "w2x2"}));
  EXPECT_EQ(names(R"({"name":"web","count":1})"), (std::vector<std::string>{"web-1"}));
  EXPECT_EQ(names(R"({"count":10000})").size(), 10'000U);
}

TEST(CreateServer, MadeUpNamesDiffer) {
  bench b;
  EXPECT_EQ(b.call("POST", "/v1/servers", "{}").status, 201);
  const auto first = created(b).specs.front().name;
  EXPECT_EQ(b.call("POST", "/v1/servers", "{}").status, 201);
  EXPECT_NE(first, created(b).specs.front().name);
  EXPECT_TRUE(first.starts_with("server-"));
}

TEST(ListDevices, EveryFilterReachesTheCluster) {
  bench b;
  EXPECT_EQ(b.call("GET", "/v1/isolated-devices?gpu=true&unused=true&host=h&server=s&"
                          "dev_type=GPU-HPC&dev_type=PCI&model=A100&addr=41:00.0&"
                          "vendor_device_id=10de:1c82&numa_node=1&state=free&search=x&limit=7&"
                          "offset=3&order=asc")
                .status,
            200);
  const auto& list = std::get<model::list_devices>(b.cluster.queries.back());
  EXPECT_TRUE(list.gpu);
  EXPECT_TRUE(list.unused);
  EXPECT_EQ(list.host, "h");
  EXPECT_EQ(list.server, "s");
  EXPECT_EQ(list.types, (std::vector{model::dev_type::gpu_hpc, model::dev_type::pci}));
  EXPECT_EQ(list.models, std::vector<std::string>{"A100"});
  EXPECT_EQ(list.addresses, std::vector<std::string>{"41:00.0"});
  EXPECT_EQ(list.vendor_device_ids, std::vector<std::string>{"10de:1c82"});
  EXPECT_EQ(list.numa_node, 1);
  EXPECT_EQ(list.state, model::device_state::free);
  EXPECT_EQ(list.search, "x");
  EXPECT_EQ(list.slice.limit, 7);
  EXPECT_EQ(list.slice.offset, 3);
  EXPECT_TRUE(list.slice.ascending);
}

TEST(Commands, CarryTheirNames) {
  bench b;
  b.call("DELETE", "/v1/servers/web/devices/d1");
  const auto& detach = std::get<model::detach_device>(b.cluster.commands.back());
  EXPECT_EQ(detach.server, "web");
  EXPECT_EQ(detach.device, "d1");
  b.call("POST", "/v1/servers/web/restart");
  const auto& act = std::get<model::act_on_server>(b.cluster.commands.back());
  EXPECT_EQ(act.action, model::server_action::restart);
  b.call("POST", "/v1/hosts/gpu-1/maintenance", R"({"on":false})");
  const auto& host = std::get<model::update_host>(b.cluster.commands.back());
  EXPECT_EQ(host.host, "gpu-1");
  EXPECT_EQ(host.maintenance, false);
  EXPECT_EQ(host.enabled, std::nullopt);
  b.call("POST", "/v1/isolated-devices/d1/purge");
  EXPECT_FALSE(std::get<model::remove_device>(b.cluster.commands.back()).detach);
}

TEST(Metrics, CountRequestsByRouteAndStatus) {
  bench b;
  b.call("GET", "/v1/usage");
  b.call("GET", "/v1/usage");
  b.call("POST", "/v1/servers", "oops");
  b.call("GET", "/nothing");
  const auto answer = b.call("GET", "/metrics");
  EXPECT_EQ(answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(answer.body,
              HasSubstr("berth_http_requests_total{route=\"showUsage\",code=\"200\"} 2\n"));
  EXPECT_THAT(answer.body,
              HasSubstr("berth_http_requests_total{route=\"createServer\",code=\"400\"} 1\n"));
  EXPECT_THAT(answer.body, HasSubstr("berth_http_requests_total{route=\"none\",code=\"404\"} 1\n"));
  EXPECT_THAT(answer.body,
              HasSubstr("berth_http_request_duration_seconds_count{route=\"showUsage\"} 2\n"));
  EXPECT_THAT(answer.body, Not(HasSubstr("berth_lease_epoch ")));
  b.snapshot.set(metrics::snapshot_builder{}.finish(testing::sample_time(), 9, 2));
  EXPECT_THAT(b.call("GET", "/metrics").body, HasSubstr("berth_lease_epoch 2\n"));
}

TEST(Router, RefusesWhatNeverBecameARequest) {
  for (const auto& [given, status] : {std::pair{400, 400},
                                      {408, 408},
                                      {413, 413},
                                      {431, 413},
                                      {500, 500},
                                      {503, 429},
                                      {504, 504}}) {
    const auto answer = router::refusal(given, "too slow");
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(find_json_fault(answer.body), std::nullopt);
    EXPECT_THAT(answer.body, HasSubstr("\"code\":" + std::to_string(status)));
    EXPECT_THAT(answer.body, HasSubstr("\"message\":\"too slow\""));
  }
}

} // namespace
} // namespace berth::api
