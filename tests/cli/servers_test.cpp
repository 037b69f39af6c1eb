#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/fake_controller.hpp"

namespace berth::cli::testing {
namespace {

using ::testing::HasSubstr;

const std::string one_server = std::string{"GET /v1/servers/"} + server_id;

json refusal() {
  return json::parse(R"({"summary":"no host fits: 2 lack devices, 1 is disabled",
    "hosts_considered":3,
    "rules":[{"rule":"host_enabled","hosts_excluded":1,"nearest_host":"gpu-3","used":0,
              "requested":0,"capacity":0,"text":"gpu-3 is disabled"},
             {"rule":"devices","hosts_excluded":2,"nearest_host":"gpu-1","used":2,"requested":4,
              "capacity":4,"text":"2 of 4 GPUs free"}],
    "suggestions":[{"change":"2 GPUs instead of 4","host":"gpu-1"},
                   {"change":"any A100 instead of H100","host":"gpu-2"}]})");
}

json refused() {
  auto out = server("web", "sched_fail");
  out["status_reason"] = "no host fits: 2 lack devices, 1 is disabled";
  out["why_refused"] = refusal();
  out.erase("host");
  return out;
}

TEST(ServerCreate, EveryOptionReachesTheController) {
  shell sh;
  sh.controller.answer("GET /v1/hosts/gpu-1", 200,
                       R"({"id":"3bce9607-2597-469f-8d9b-977345456739","name":"gpu-1"})");
  sh.controller.answer("POST /v1/servers", 200, R"({"items":[],"created":0,"failed":0})");
  const auto got = sh(
      "berthctl", "server-create", "--hypervisor", "kvm", "--isolated-device", "4xH100|A100",
      "--isolated-device", page_gpu, "--ncpu", "16", "--mem-spec", "64g", "--disk", "30g", "--disk",
      "debian-12:100g", "--net", "net0", "--net", "net1", "--boot", "uefi", "--os", "windows",
      "--project", "ml", "--host", "gpu-1", "--prefer-host", "3bce9607-2597-469f-8d9b-977345456739",
      "--tag", "fast", "--prefer-tag", "near", "--avoid-tag", "old", "--anti-affinity", "db",
      "--numa", "require", "--pcie-root", "require", "--pcie-switch", "none", "--fabric", "prefer",
      "--count", "3", "--auto-start", "--metadata", "owner=me", "--no-keep", "--wait-for-capacity",
      "2h", "--priority", "5", "--expected-lifetime", "3d", "--qemu-argument", "-s", "web");
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_EQ(sh.controller.body_of("POST /v1/servers"), json::parse(R"({
    "name":"web","hypervisor":"kvm","firmware":"uefi","os":"windows","project":"ml",
    "anti_affinity_group":"db","networks":["net0","net1"],
    "tags":{"require":["fast"],"prefer":["near"],"avoid":["old"]},
    "topology":{"numa":"require","pcie_root":"require","pcie_switch":"none","fabric":"prefer"},"auto_start":true,
    "devices":[{"model":"H100","count":4,"alternatives":[{"model":"A100"}]},
               {"id":"273f4f72-06b6-49aa-8456-4beceec44997"}],
    "vcpus":16,"memory_mib":65536,
    "disks":[{"size_mib":30720},{"size_mib":102400,"image":"debian-12"}],
    "metadata":{"owner":"me"},"qemu_arguments":["-s"],"expected_lifetime_seconds":259200,"host_id":"3bce9607-2597-469f-8d9b-977345456739",
    "preferred_host_id":"3bce9607-2597-469f-8d9b-977345456739","priority":5,
    "wait_for_capacity_seconds":7200,"keep_refused":false,"count":3})"));
}

TEST(ServerCreate, UserDataIsAFileThatIsNotTooLarge) {
  shell sh;
  sh.controller.answer("POST /v1/servers", 201, server("web", "ready").dump());
  const auto file = ::testing::TempDir() + "berth-user-data";
  const auto create_with = [&](const std::string& content) {
    std::ofstream{file, std::ios::binary} << content;
    return sh("berthctl", "server-create", "--user-data", file, "web");
  };
  EXPECT_EQ(create_with("#cloud-config\n").status, 0);
  EXPECT_EQ(sh.controller.body_of("POST /v1/servers")["user_data"], "#cloud-config\n");
  EXPECT_THAT(create_with("").err, ::testing::HasSubstr("that is not empty"));
  EXPECT_THAT(create_with(std::string(16'385, 'x')).err,
              ::testing::HasSubstr("larger than 16384 bytes"));
  std::filesystem::remove(file);
  EXPECT_EQ(sh("berthctl", "server-create", "--user-data", file, "web").status, 2);
}

TEST(ServerCreate, EveryPostHasItsOwnIdempotencyKey) {
  shell sh;
  sh.controller.answer("POST /v1/servers", 201, server("web", "ready").dump());
  (void)sh("berthctl", "server-create", "web");
  (void)sh("berthctl", "server-create", "web");
  const auto key = [&](std::size_t n) {
    for (const auto& [name, value] : sh.controller.calls().at(n).headers)
      if (name == "Idempotency-Key")
        return value;
    return std::string{};
  };
  EXPECT_EQ(key(0).size(), 36U);
  EXPECT_NE(key(0), key(1));
}

TEST(ServerCreate, RefusedServerPrintsTheReasons) {
  shell sh;
  sh.controller.answer("POST /v1/servers", 201, refused().dump());
  const auto got = sh("berthctl", "server-create", "--isolated-device", "4xH100", "--wait", "web");
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.out, HasSubstr("| status        | sched_fail"));
  expect_golden("refused.txt", got.err);
}

TEST(ServerCreate, BatchTellsEachFailure) {
  shell sh;
  const json answer{
      {"items",
       json::array({{{"server", server("web-1", "deploying")}},
                    {{"error",
                      {{"code", 409}, {"class", "name_in_use"}, {"message", "web-2 is taken"}}}}})},
      {"created", 1},
      {"failed", 1}};
  sh.controller.answer("POST /v1/servers", 200, answer.dump());
  const auto got = sh("berthctl", "server-create", "--count", "2", "web");
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.out, HasSubstr("web-1"));
  EXPECT_EQ(got.err, "+--------+----------+----------------+\n"
                     "| Status |    ID    |     Error      |\n"
                     "+--------+----------+----------------+\n"
                     "| 409    | number 2 | web-2 is taken |\n"
                     "+--------+----------+----------------+\n");
}

TEST(ServerWait, FollowsToTheEndOneLinePerChange) {
  shell sh;
  sh.controller.answer("POST /v1/servers", 201, server("web", "deploying").dump());
  for (const auto* status : {"deploying", "deploying", "ready", "starting", "running"})
    sh.controller.answer(one_server, 200, server("web", status).dump());
  const auto got = sh("berthctl", "server-create", "--auto-start", "--wait", "web");
  EXPECT_EQ(got.status, 0);
  EXPECT_EQ(got.err, "server web: deploying\nserver web: ready\nserver web: starting\n"
                     "server: running\n");
  EXPECT_THAT(got.out, HasSubstr("| running "));
  EXPECT_THAT(got.out, ::testing::Not(HasSubstr("deploying")));
}

TEST(ServerWait, OverwritesItsLineOnATerminal) {
  shell sh;
  sh.live = true;
  sh.controller.answer("POST /v1/servers/web/start", 202, server("web", "starting").dump());
  sh.controller.answer(one_server, 200, server("web", "starting").dump());
  sh.controller.answer(one_server, 200, server("web", "running").dump());
  const auto got = sh("berthctl", "server-start", "--wait", "web");
  EXPECT_EQ(got.status, 0);
  EXPECT_EQ(got.err, "\rserver web: starting (0.0 s)\x1b[K\rserver: running (0.1 s)\x1b[K\n");
}

TEST(ServerWait, FailedStateIsAFailureWithItsReason) {
  shell sh;
  auto failed = server("web", "dev_fail");
  failed["status_reason"] = "41:00.0 did not reset";
  sh.controller.answer("POST /v1/servers/web/start", 202, server("web", "starting").dump());
  sh.controller.answer(one_server, 200, failed.dump());
  const auto got = sh("berthctl", "server-start", "--wait", "web");
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("berthctl: server web is dev_fail: 41:00.0 did not reset\n"));
}

TEST(ServerWait, DeadlineLeavesTheOutcomeUnknown) {
  shell sh;
  sh.controller.answer("POST /v1/servers/web/stop", 202, server("web", "stopping").dump());
  sh.controller.answer(one_server, 200, server("web", "stopping").dump());
  const auto got = sh("berthctl", "server-stop", "--wait", "--deadline", "30s", "web");
  EXPECT_EQ(got.status, 4);
  EXPECT_THAT(got.err, HasSubstr("berthctl: no end after 30.0 s: still stopping\n"));
  EXPECT_EQ(sh.waited, std::chrono::seconds{30});
  EXPECT_LT(sh.controller.calls().size(), 60U) << "polling must back off";
}

TEST(ServerWait, DeletedMeansGone) {
  shell sh;
  sh.controller.answer("DELETE /v1/servers/web", 202, server("web", "deleting").dump());
  sh.controller.answer(one_server, 200, server("web", "deleting").dump());
  sh.controller.answer(one_server, 404, error_body(404, "not_found", "no server"));
  const auto got = sh("berthctl", "server-delete", "--wait", "web");
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_EQ(got.err, "server web: deleting\nserver: deleted\n");
}

TEST(ServerWait, VanishedServerIsAFailure) {
  shell sh;
  sh.controller.answer("POST /v1/servers/web/start", 202, server("web", "starting").dump());
  sh.controller.answer(one_server, 404, error_body(404, "not_found", "no server"));
  const auto got = sh("berthctl", "server-start", "--wait", "web");
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("berthctl: server web is gone\n"));
}

TEST(ServerWait, LostControllerEndsTheWait) {
  shell sh;
  sh.controller.answer("POST /v1/servers/web/start", 202, server("web", "starting").dump());
  sh.controller.answer(one_server, 503, "{}");
  const auto got = sh("berthctl", "server-start", "--wait", "web");
  EXPECT_EQ(got.status, 1);
}

TEST(ServerActions, SeveralServersGoOnAfterOneFailed) {
  shell sh;
  sh.controller.answer("POST /v1/servers/a/stop", 202, server("a", "stopping").dump());
  sh.controller.answer("POST /v1/servers/b/stop", 404,
                       error_body(404, "not_found", "there is no server b"));
  sh.controller.answer("POST /v1/servers/c/stop", 202, server("c", "stopping").dump());
  const auto got = sh("berthctl", "server-stop", "a", "b", "c");
  EXPECT_EQ(got.status, 1);
  EXPECT_THAT(got.err, HasSubstr("| 404    | b  | there is no server b |"));
  EXPECT_EQ(sh.controller.calls().size(), 3U);
}

TEST(ServerShow, SortedFieldsAndValues) {
  shell sh;
  sh.controller.answer("GET /v1/servers/web", 200, server("web", "ready").dump());
  expect_golden("server-show.txt", sh("berthctl", "server-show", "web").out);
}

TEST(ServerShow, TellsWhyItIsWhereItIs) {
  shell sh;
  auto placed = server("web", "ready");
  placed["why_placed"] = json::parse(R"({"policy":"best-fit","scores":[
    {"rule":"preferred_host","points":0},{"rule":"best_fit","points":900}],
    "runner_up":{"host_id":"b","host":"gpu-2","decided_by":"best_fit","points":500,
      "winner_points":900}})");
  sh.controller.answer("GET /v1/servers/web", 200, placed.dump());
  const auto got = sh("berthctl", "server-show", "web");
  EXPECT_THAT(got.out, HasSubstr("best-fit: preferred_host 0, best_fit 900; "
                                 "next was gpu-2: best_fit 500 against 900"));
}

json waiting_server(const char* name, int position) {
  auto made = server(name, "scheduling");
  made.erase("host");
  made.erase("host_id");
  made["devices"] = json::array();
  made["priority"] = 5;
  made["status_reason"] = "no host fits: 2 lack devices";
  made["queue_position"] = position;
  made["waits_until"] = "2026-03-01T14:00:00.000000Z";
  made["reserved_host"] = "page-host";
  made["promised_start"] = "2026-03-01T13:30:00.000000Z";
  return made;
}

TEST(ServerShow, WhyItWaits) {
  shell sh;
  sh.controller.answer("GET /v1/servers/big", 200, waiting_server("big", 1).dump());
  expect_golden("server-show-waiting.txt", sh("berthctl", "server-show", "big").out);
}

TEST(ServerList, WhereTheyStandInTheQueue) {
  shell sh;
  sh.controller.answer(
      "GET /v1/servers", 200,
      json{{"items", json::array({server("web", "running"), waiting_server("big", 1)})},
           {"total", 2}}
          .dump());
  expect_golden("server-list-waiting.txt", sh("berthctl", "server-list").out);
  sh.controller.answer(
      "GET /v1/servers", 200,
      json{{"items", json::array({waiting_server("big", 1)})}, {"total", 1}}.dump());
  const auto details = sh("berthctl", "-o", "csv", "server-list", "--details").out;
  EXPECT_THAT(details, HasSubstr("Queue_position,Waits_until,Status_reason,Power"));
}

TEST(ServerCreate, SaysThatItWaits) {
  shell sh;
  sh.controller.answer("POST /v1/servers", 201, waiting_server("big", 1).dump());
  const auto got = sh("berthctl", "server-create", "--wait-for-capacity", "2h", "big");
  EXPECT_EQ(got.status, 0);
  EXPECT_THAT(got.err, HasSubstr("server big waits for capacity until 2026-03-01T14:00:00.000000Z: "
                                 "no host fits: 2 lack devices"));
  EXPECT_EQ(sh("berthctl", "server-create", "--wait-for-capacity", "soon", "big").status, 2);
}

TEST(Forecast, ExplainsARefusal) {
  shell sh;
  sh.controller.answer("POST /v1/placements:forecast", 200,
                       json{{"can_create", false},
                            {"allow_count", 0},
                            {"placements", json::array()},
                            {"why_not", refusal()}}
                           .dump());
  const auto got = sh("berthctl", "scheduler-forecast", "--isolated-device", "4xH100");
  EXPECT_EQ(got.status, 0) << "the forecast itself succeeded";
  expect_golden("forecast-refused.txt", got.out);
  const auto dry = sh("berthctl", "server-create", "--dry-run", "--isolated-device", "4xH100");
  EXPECT_EQ(dry.status, 5) << "it would not fit";
  EXPECT_EQ(dry.out, got.out);
  for (const auto& call : sh.controller.calls())
    EXPECT_THAT(call.target, HasSubstr("/v1/placements:")) << "nothing is created";
}

TEST(Forecast, ShowsWhereServersWouldGo) {
  shell sh;
  sh.controller.answer("POST /v1/placements:forecast", 200, R"({"can_create":true,"allow_count":2,
    "placements":[{"host_id":"3bce9607-2597-469f-8d9b-977345456739",
      "device_ids":["273f4f72-06b6-49aa-8456-4beceec44997"],
      "scores":[{"rule":"best_fit","points":900,"reason":"1 GPU stays free"}],
      "runner_up":{"host_id":"8b1b1f2c-7a52-4a2c-9f10-6a1d5d1f0a02","host":"gpu-2",
        "decided_by":"best_fit","points":500,"winner_points":900}},
      {"host_id":"3bce9607-2597-469f-8d9b-977345456739",
      "device_ids":["a77333e9-08d9-45c6-87eb-a7d8d902c5f5"],"scores":[]}]})");
  sh.controller.answer("GET /v1/hosts/3bce9607-2597-469f-8d9b-977345456739", 200,
                       R"({"id":"3bce9607-2597-469f-8d9b-977345456739","name":"page-host"})");
  const auto got =
      sh("berthctl", "scheduler-forecast", "--isolated-device", "GPU-HPC", "--count", "2", "...");
  EXPECT_EQ(got.status, 0) << got.err;
  expect_golden("forecast.txt", got.out);
}

TEST(Forecast, JudgesTheHostsThatAreNamed) {
  shell sh;
  sh.controller.answer("POST /v1/placements:forecast", 200,
                       R"({"can_create":true,"allow_count":1,"placements":[]})");
  sh.controller.answer("POST /v1/placements:explain", 200, R"({"can_create":true,"hosts":[
    {"host_id":"a","host":"gpu-1","fits":true,"is_best":true,"broken":[],"scores":[]},
    {"host_id":"b","host":"gpu-2","fits":true,"is_best":false,"broken":[],"scores":[],
     "loses_by":{"decided_by":"best_fit","points":500,"winner_points":900}},
    {"host_id":"c","host":"gpu-3","fits":true,"is_best":false,"broken":[],"scores":[],
     "loses_by":{"decided_by":"host_id","points":0,"winner_points":0}},
    {"host_id":"d","host":"gpu-4","fits":false,"is_best":false,"scores":[],"broken":[
     {"rule":"devices","used":2,"requested":4,"capacity":4,"text":"2 of 4 GPUs free"},
     {"rule":"cpu","used":30,"requested":8,"capacity":32,"text":"2 of 32 CPUs free"}]}]})");
  const auto got = sh("berthctl", "server-create", "web", "--dry-run", "--isolated-device",
                      "4xH100", "--explain-host", "gpu-1", "--explain-host", "gpu-4");
  EXPECT_EQ(got.status, 0) << got.err;
  expect_golden("forecast-hosts.txt", got.out);
  const auto question = json::parse(sh.controller.calls().back().body);
  EXPECT_EQ(question["hosts"], (json{"gpu-1", "gpu-4"}));
  EXPECT_FALSE(question.contains("count"));
}

TEST(Forecast, HostsAreJudgedInADryRunOnly) {
  shell sh;
  const auto got = sh("berthctl", "server-create", "web", "--explain-host", "gpu-1");
  EXPECT_EQ(got.status, 2);
  EXPECT_TRUE(sh.controller.calls().empty());
}

} // namespace
} // namespace berth::cli::testing
