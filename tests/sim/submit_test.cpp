#include "sim/traces/submit.hpp"

#include <atomic>
#include <mutex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "net/http_server.hpp"

namespace berth::sim {
namespace {

using nlohmann::json;

net::response answer(int status, const json& body) {
  return net::response::with(status, "application/json", body.dump());
}

/// Answers like the API, by the name of the server that is asked for.
class fake_api {
public:
  fake_api() {
    net::http_handlers handlers;
    handlers.on_request = [this](net::request request, net::responder respond) {
      respond.send(answer_to(request));
    };
    server_ = *net::http_server::listen(pool_, {}, std::move(handlers));
  }
  ~fake_api() {
    server_.reset();
    pool_.stop();
  }

  [[nodiscard]] submit_options options(std::size_t concurrency) const {
    submit_options made;
    made.api.where = {"127.0.0.1", server_->port()};
    made.concurrency = concurrency;
    made.retry_after = std::chrono::milliseconds{1};
    made.now = [this] { return std::chrono::nanoseconds{ticks_.fetch_add(1) * 1'000'000}; };
    return made;
  }

  std::vector<std::string> names; ///< as they came
  std::mutex mutex;

private:
  net::response answer_to(const net::request& request) {
    const std::lock_guard lock{mutex};
    const auto name = json::parse(request.body)["name"].get<std::string>();
    names.push_back(name);
    if (name.find("busy") == 0 && busy_before_.insert(name).second) {
      return answer(429, {{"error", {{"class", "busy"}}}});
    }
    if (name.find("big") == 0) {
      return answer(201, {{"status", "sched_fail"},
                          {"why_refused",
                           {{"rules",
                             {{{"rule", "cpu"}, {"hosts_excluded", 1}},
                              {{"rule", "devices"}, {"hosts_excluded", 5}}}}}}});
    }
    if (name.find("twice") == 0) {
      return answer(409, {{"error", {{"class", "name_in_use"}}}});
    }
    return answer(201, {{"status", "deploying"}});
  }

  net::io_pool pool_{1};
  std::unique_ptr<net::http_server> server_;
  std::set<std::string> busy_before_;
  mutable std::atomic<std::int64_t> ticks_{0};
};

model::server_spec named(const std::string& name, int gpus = 0) {
  model::server_spec spec;
  spec.name = name;
  if (gpus > 0) {
    spec.devices.push_back({std::nullopt, gpus, {model::device_selector{}}});
  }
  return spec;
}

TEST(Submit, CountsWhatBecameOfEachServer) {
  fake_api api;
  std::vector<model::server_spec> servers{named("a", 2), named("big-1", 8), named("twice"),
                                          named("busy-1", 1), named("big-2", 4)};
  const auto report = submit(servers, api.options(2));
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->submitted, 5U);
  EXPECT_EQ(report->placed, 2U);
  EXPECT_EQ(report->refused, 2U);
  EXPECT_EQ(report->failed, 1U);
  EXPECT_EQ(report->retries, 1U);
  EXPECT_EQ(report->gpus_wanted, 15U);
  EXPECT_EQ(report->gpus_placed, 3U);
  EXPECT_EQ(report->refused_by, (std::map<std::string, std::size_t>{{"devices", 2}}));
  EXPECT_EQ(report->failed_by, (std::map<std::string, std::size_t>{{"name_in_use", 1}}));
  EXPECT_GT(report->elapsed.count(), 0);
  EXPECT_GE(report->latency_max, report->latency_p50);
  const auto text = to_text(*report);
  EXPECT_THAT(text, ::testing::HasSubstr("5 servers submitted: 2 placed, 2 refused, 1 failed"));
  EXPECT_THAT(text, ::testing::HasSubstr("refused by devices: 2"));
  EXPECT_EQ(json::parse(to_json(*report))["placed"], 2);
}

TEST(Submit, KeepsTheOrderOfTheTrace) {
  fake_api api;
  std::vector<model::server_spec> servers;
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) {
    expected.push_back("s-" + std::to_string(i));
    servers.push_back(named(expected.back()));
  }
  const auto report = submit(servers, api.options(1));
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->placed, 200U);
  EXPECT_EQ(api.names, expected);
}

TEST(Submit, EndsWhenNobodyAnswers) {
  submit_options options;
  {
    fake_api api;
    options = api.options(3);
  }
  options.now = [] { return std::chrono::nanoseconds{0}; };
  const auto report = submit({named("a"), named("b"), named("c"), named("d")}, options);
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->failed, 4U);
  ASSERT_EQ(report->failed_by.size(), 1U);
  EXPECT_THAT(report->failed_by.begin()->first, ::testing::HasSubstr("refused"));
}

TEST(Submit, NothingIsSoonDone) {
  fake_api api;
  const auto report = submit({}, api.options(4));
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->submitted, 0U);
}

TEST(RequestBody, CarriesTheWholeSpecification) {
  auto spec = named("a");
  spec.disks = {{10240, "debian"}};
  spec.devices = {
      {std::nullopt, 2, {{"H100", "NVIDIA", model::dev_type::gpu_hpc, {}}, {"A100", {}, {}, {}}}},
      {model::device_id{}, 1, {}}};
  EXPECT_EQ(json::parse(to_request_body(spec)), json::parse(R"({
    "name": "a", "project": "default", "vcpus": 1, "memory_mib": 1024,
    "disks": [{"size_mib": 10240, "image": "debian"}],
    "devices": [
      {"count": 2, "model": "H100", "vendor": "NVIDIA", "dev_type": "GPU-HPC",
       "alternatives": [{"model": "A100"}]},
      {"id": "00000000-0000-0000-0000-000000000000"}]})"));
}

} // namespace
} // namespace berth::sim
