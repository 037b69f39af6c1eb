#include "apps/checker.hpp"

#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/check_api.hpp"
#include "apps/check_store.hpp"
#include "proto/snapshot_codec.hpp"
#include "store/memory_store.hpp"

namespace berth::apps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <class Id> Id numbered(std::uint8_t number) {
  return Id{model::uuid{0, number}};
}
const auto host_1 = numbered<model::host_id>(1);
const auto host_2 = numbered<model::host_id>(2);
const auto gpu_1 = numbered<model::device_id>(11);
const auto gpu_2 = numbered<model::device_id>(12);
const auto gpu_3 = numbered<model::device_id>(23);
const auto server_1 = numbered<model::server_id>(101);
const auto server_2 = numbered<model::server_id>(102);

/// Two hosts, three GPUs, two servers: everything right.
cluster_facts sound() {
  return {"api",
          7,
          {{host_1, "gpu-1", {16, 1000, 1000}}, {host_2, "gpu-2", {16, 1000, 1000}}},
          {{gpu_1, host_1, server_1}, {gpu_2, host_1, server_1}, {gpu_3, host_2, std::nullopt}},
          {{server_1, "a", host_1, {8, 500, 0}, {gpu_1, gpu_2}},
           {server_2, "b", host_1, {8, 500, 1000}, {}}}};
}

TEST(Checker, FindsNothingWhereAllIsRight) {
  EXPECT_THAT(find_violations(sound()), IsEmpty());
  EXPECT_THAT(find_differences(sound(), sound()), IsEmpty());
}

struct row {
  const char* rule;
  const char* text;
  std::function<void(cluster_facts&)> plant;
};

TEST(Checker, FindsEveryPlantedViolation) {
  const row rows[] = {
      {"unique", "device 00000000-0000-0000-0000-00000000000b is listed twice",
       [](auto& f) { f.devices.push_back(f.devices[0]); }},
      {"unique", "host 00000000-0000-0000-0000-000000000001 is listed twice",
       [](auto& f) { f.hosts.push_back(f.hosts[0]); }},
      {"unique", "two servers are called a", [](auto& f) { f.servers[1].name = "a"; }},
      {"one_owner", "is with two servers, a and b",
       [](auto& f) { f.servers[1].devices = {gpu_1}; }},
      {"one_owner",
       "server b holds device 00000000-0000-0000-0000-000000000017, whose owner is nobody",
       [](auto& f) { f.servers[1].devices = {gpu_3}; }},
      {"one_owner", "is owned by server b, which does not hold it",
       [](auto& f) { f.devices[2].owner = server_2; }},
      {"same_host",
       "server a is on host gpu-1, its device 00000000-0000-0000-0000-00000000000c on "
       "host gpu-2",
       [](auto& f) { f.devices[1].host = host_2; }},
      {"same_host", "server a holds devices but is on no host",
       [](auto& f) { f.servers[0].host.reset(); }},
      {"known", "which does not exist",
       [](auto& f) { f.devices[2].owner = numbered<model::server_id>(99); }},
      {"known", "server b is on host 00000000-0000-0000-0000-000000000009, which does not exist",
       [](auto& f) { f.servers[1].host = numbered<model::host_id>(9); }},
      {"known", "server a holds device 00000000-0000-0000-0000-00000000000c, which does not exist",
       [](auto& f) { f.devices.erase(f.devices.begin() + 1); }},
      {"host_capacity", "host gpu-1 has 16 CPUs, its servers take 17",
       [](auto& f) { f.servers[1].amount.cpus = 9; }},
      {"host_capacity", "1000 MiB of memory, its servers take 1001",
       [](auto& f) { f.servers[1].amount.memory_mib = 501; }},
      {"host_capacity", "1000 MiB of storage, its servers take 1001",
       [](auto& f) { f.servers[0].amount.storage_mib = 1; }},
  };
  for (const auto& row : rows) {
    auto facts = sound();
    row.plant(facts);
    const auto found = find_violations(facts);
    const bool told = std::any_of(found.begin(), found.end(), [&row](const violation& one) {
      return one.rule == row.rule && one.text.find(row.text) != std::string::npos &&
             one.text.find("api: ") == 0;
    });
    EXPECT_TRUE(told) << row.text << "\nfound " << found.size()
                      << ", the first: " << (found.empty() ? "none" : found.front().text);
  }
}

TEST(Checker, FindsWhereTwoViewsDiffer) {
  auto other = sound();
  other.source = "store";
  other.devices[0].owner = server_2;
  other.servers.pop_back();
  other.hosts.push_back({numbered<model::host_id>(3), "gpu-3", {}});
  const auto found = find_differences(sound(), other);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_THAT(found[0].text, HasSubstr("host 00000000-0000-0000-0000-000000000003 is in the store, "
                                       "not in the api"));
  EXPECT_THAT(found[1].text, HasSubstr("device 00000000-0000-0000-0000-00000000000b differs"));
  EXPECT_THAT(found[2].text, HasSubstr("is in the api, not in the store"));
}

// --- The store

model::host_inventoried two_gpu_host() {
  model::host_inventoried event;
  event.info.id = host_1;
  event.info.name = "gpu-1";
  event.info.capacity = {16, 1000, 1000};
  for (const auto& id : {gpu_1, gpu_2}) {
    model::device_info device;
    device.id = id;
    event.info.devices.push_back(device);
  }
  return event;
}

model::server_created created(const model::server_id& id, const std::string& name,
                              std::vector<model::device_id> devices) {
  model::server_created event;
  event.server.id = id;
  event.server.spec.edit([&](model::server_spec& spec) {
    spec.name = name;
    spec.memory_mib = 100;
  });
  event.server.host = host_1;
  for (const auto& device : devices) {
    event.server.attachments.push_back({device, 1, model::dev_type::gpu_hpc});
  }
  return event;
}

/// Writes the events into a store and folds it again.
log_fold folded(const std::vector<model::event>& events, model::sequence_number until = 0) {
  store::memory_store store;
  std::vector<model::log_record> records;
  for (const auto& event : events) {
    records.push_back({records.size() + 1, {}, event});
  }
  EXPECT_TRUE(store.append(records).has_value());
  auto fold = fold_store(store, until);
  EXPECT_TRUE(fold.has_value());
  return *std::move(fold);
}

TEST(LogFold, FollowsOwnership) {
  const std::vector<model::event> events{
      two_gpu_host(),
      created(server_1, "a", {gpu_1}),
      model::device_attached{server_1, {gpu_2, 1, model::dev_type::gpu_hpc}},
      model::device_detached{server_1, {gpu_1, 2}},
      created(server_2, "b", {gpu_1}),
      model::server_delete_requested{server_1, {{gpu_2, 2}}},
      model::server_removed{server_1}};
  const auto fold = folded(events);
  EXPECT_THAT(fold.violations(), IsEmpty());
  const auto facts = fold.facts();
  EXPECT_THAT(find_violations(facts), IsEmpty());
  EXPECT_EQ(facts.sequence, 7U);
  EXPECT_THAT(facts.devices, ElementsAre(device_fact{gpu_1, host_1, server_2},
                                         device_fact{gpu_2, host_1, std::nullopt}));
  ASSERT_EQ(facts.servers.size(), 1U);
  EXPECT_EQ(facts.servers[0].name, "b");
  EXPECT_EQ(folded(events, 3).facts().servers[0].devices, (std::vector{gpu_1, gpu_2}));
}

TEST(LogFold, SeesADeviceGivenTwice) {
  const auto fold =
      folded({two_gpu_host(), created(server_1, "a", {gpu_1}), created(server_2, "b", {gpu_1})});
  ASSERT_EQ(fold.violations().size(), 1U);
  EXPECT_EQ(fold.violations()[0].rule, "history");
  EXPECT_THAT(fold.violations()[0].text, HasSubstr("event 3 gives device"));
  EXPECT_FALSE(find_violations(fold.facts()).empty());
}

TEST(LogFold, SeesUnknownThings) {
  const auto fold = folded({created(server_1, "a", {gpu_1}), created(server_1, "a", {}),
                            model::device_attached{server_2, {gpu_1, 1, {}}}});
  ASSERT_EQ(fold.violations().size(), 3U);
  EXPECT_THAT(fold.violations()[0].text, HasSubstr("does not exist"));
  EXPECT_THAT(fold.violations()[1].text, HasSubstr("which exists"));
  EXPECT_THAT(fold.violations()[2].text, HasSubstr("attaches a device"));
}

TEST(LogFold, KnowsOvercommitAndRemovedThings) {
  model::host_settings_changed settings;
  settings.host = host_1;
  settings.cpu_overcommit_milli = 2000;
  settings.memory_overcommit_milli = 1500;
  EXPECT_EQ(folded({two_gpu_host(), settings}).facts().hosts[0].capacity,
            (model::resources{32, 1500, 1000}));
  EXPECT_THAT(folded({two_gpu_host(), model::device_removed{gpu_2}}).facts().devices.size(), 1U);
  const auto empty = folded({two_gpu_host(), model::host_removed{host_1}}).facts();
  EXPECT_TRUE(empty.hosts.empty());
  EXPECT_TRUE(empty.devices.empty());
}

TEST(LogFold, StartsFromASnapshot) {
  store::memory_store store;
  const std::vector<model::log_record> first{{1, {}, two_gpu_host()}};
  ASSERT_TRUE(store.append(first).has_value());
  model::host_record host;
  host.id = host_1;
  host.name = "gpu-1";
  host.capacity = {16, 1000, 1000};
  host.cpu_overcommit_milli = 2000;
  model::device_record device;
  device.info.id = gpu_1;
  device.host = host_1;
  device.owner = server_1;
  std::string chunk;
  proto::append_to_chunk(model::snapshot_meta{1, 1}, chunk);
  proto::append_to_chunk(host, chunk);
  proto::append_to_chunk(device, chunk);
  proto::append_to_chunk(model::snapshot_server{created(server_1, "a", {gpu_1}).server, 1}, chunk);
  ASSERT_TRUE(store.write_snapshot(1, [&chunk] { return std::exchange(chunk, {}); }).has_value());
  const std::vector<model::log_record> second{{2, {}, model::server_removed{server_1}}};
  ASSERT_TRUE(store.append(second).has_value());
  const auto before = fold_store(store, 1);
  ASSERT_TRUE(before.has_value()) << before.error().message;
  EXPECT_EQ(before->facts().hosts[0].capacity.cpus, 32);
  EXPECT_EQ(before->facts().devices[0].owner, server_1);
  EXPECT_THAT(find_violations(before->facts()), IsEmpty());
  EXPECT_EQ(fold_store(store, 0)->facts().devices[0].owner, std::nullopt);
}

// --- The API

/// One host with one GPU that server a owns, as docs/api.md words it; lists are cut by limit and
/// offset.
class fake_api {
public:
  model::result<std::string> get(const std::string& target) {
    asked.push_back(target);
    if (target == "/v1/usage") {
      sequence += restless ? 1 : 0;
      return R"({"sequence":)" + std::to_string(sequence) + "}";
    }
    if (target.find("/v1/hosts") == 0) {
      return R"({"items":[{"id":"00000000-0000-0000-0000-000000000001","name":"gpu-1",
        "capacity":{"cpus":16,"memory_mib":1000,"storage_mib":10},"cpu_overcommit":1500,
        "memory_overcommit":1000}],"total":1})";
    }
    if (target.find("/v1/isolated-devices") == 0) {
      return R"({"items":[{"id":"00000000-0000-0000-0000-00000000000b",
        "host_id":"00000000-0000-0000-0000-000000000001",
        "guest_id":"00000000-0000-0000-0000-000000000065"}],"total":1})";
    }
    const std::size_t offset = std::stoul(target.substr(target.find("offset=") + 7));
    return offset == 0 ? R"({"items":[)" + server("65", "a", true) + R"(],"total":2})"
                       : R"({"items":[)" + server("66", "b", false) + R"(],"total":2})";
  }

  static std::string server(const std::string& id, const std::string& name, bool placed) {
    return R"({"id":"00000000-0000-0000-0000-0000000000)" + id + R"(","name":")" + name +
           R"(","vcpus":4,"memory_mib":100,"disks":[{"size_mib":3},{"size_mib":4}],"devices":[)" +
           (placed ? R"({"id":"00000000-0000-0000-0000-00000000000b"}],
                     "host_id":"00000000-0000-0000-0000-000000000001"})"
                   : "]}");
  }

  std::vector<std::string> asked;
  model::sequence_number sequence = 5;
  bool restless = false;
};

TEST(ReadApi, ReadsEveryPage) {
  fake_api api;
  const auto facts = read_api([&api](const std::string& target) { return api.get(target); });
  ASSERT_TRUE(facts.has_value()) << facts.error().message;
  EXPECT_EQ(facts->sequence, 5U);
  EXPECT_THAT(facts->hosts, ElementsAre(host_fact{host_1, "gpu-1", {24, 1000, 10}}));
  EXPECT_THAT(facts->devices, ElementsAre(device_fact{gpu_1, host_1, server_1}));
  EXPECT_THAT(facts->servers,
              ElementsAre(server_fact{server_1, "a", host_1, {4, 100, 7}, {gpu_1}},
                          server_fact{server_2, "b", std::nullopt, {4, 100, 7}, {}}));
  EXPECT_THAT(api.asked, ElementsAre("/v1/usage", "/v1/hosts?order=asc&limit=1000&offset=0",
                                     "/v1/isolated-devices?order=asc&limit=1000&offset=0",
                                     "/v1/servers?order=asc&limit=1000&offset=0",
                                     "/v1/servers?order=asc&limit=1000&offset=1", "/v1/usage"));
}

TEST(ReadApi, WantsAQuietCluster) {
  fake_api api;
  api.restless = true;
  const auto facts = read_api([&api](const std::string& target) { return api.get(target); }, 3);
  ASSERT_FALSE(facts.has_value());
  EXPECT_EQ(facts.error().code, model::errc::busy);
}

TEST(ReadApi, SaysWhatTheAnswerLacks) {
  for (const auto* body : {"{}", "[]", "no json", R"({"sequence":"x"})", R"({"sequence":-1})"}) {
    const auto facts = read_api([body](const std::string&) { return std::string{body}; });
    ASSERT_FALSE(facts.has_value()) << body;
    EXPECT_EQ(facts.error().code, model::errc::internal) << facts.error().message;
  }
}

} // namespace
} // namespace berth::apps
