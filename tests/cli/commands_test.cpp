#include <filesystem>
#include <fstream>

#include <unistd.h>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/fake_controller.hpp"

namespace berth::cli::testing {
namespace {

using ::testing::HasSubstr;

json owned_devices() {
  auto devices = page_devices();
  devices[0]["guest_id"] = server_id;
  devices[0]["guest"] = "web";
  devices[0]["guest_status"] = "running";
  devices[0]["state"] = "in_use";
  return devices;
}

json host(const std::string& name) {
  return {{"id", "3bce9607-2597-469f-8d9b-977345456739"},
          {"name", name},
          {"machine", "desktop"},
          {"status", "online"},
          {"settled", true},
          {"enabled", true},
          {"maintenance", false},
          {"tags", json::array({"fast"})},
          {"capacity", {{"cpus", 32}, {"memory_mib", 131072}, {"storage_mib", 1048576}}},
          {"reserve", {{"cpus", 1}, {"memory_mib", 2}, {"storage_mib", 3}}},
          {"devices", 2},
          {"devices_free", 1},
          {"servers", 1}};
}

TEST(Devices, SixColumnsWithoutDetailsEvenWithOwners) {
  shell sh;
  sh.controller.answer("GET /v1/isolated-devices", 200, list_of(owned_devices()));
  const auto got = sh("berthctl", "isolated-device-list");
  EXPECT_THAT(got.out, ::testing::Not(HasSubstr("Guest")));
  EXPECT_THAT(got.out, ::testing::Not(HasSubstr("***")));
}

TEST(Devices, DetailsShowOwnersAndTheTotal) {
  shell sh;
  sh.controller.answer("GET /v1/isolated-devices", 200, list_of(owned_devices()));
  expect_golden("isolated-device-list-details.txt",
                sh("berthctl", "isolated-device-list", "--details").out);
}

TEST(Devices, FiltersReachTheController) {
  shell sh;
  const std::string target =
      "GET /v1/isolated-devices?limit=5&offset=10&order=asc&search=a%20b&gpu=true&unused=true"
      "&host=gpu-1&server=web&dev_type=GPU-HPC&dev_type=PCI&model=A100&addr=41%3A00.0"
      "&vendor_device_id=10de%3A1c82&numa_node=1&state=free";
  sh.controller.answer(target, 200, list_of(page_devices()));
  const auto got =
      sh("berthctl", "isolated-device-list", "--gpu", "--unused", "--host", "gpu-1", "--server",
         "web", "--dev-type", "GPU-HPC", "--dev-type", "PCI", "--model", "A100", "--addr",
         "41:00.0", "--vendor-device-id", "10de:1c82", "--numa-node", "1", "--state", "free",
         "--search", "a b", "--limit", "5", "--offset", "10", "--order", "asc");
  EXPECT_EQ(got.status, 0) << got.err;
}

TEST(Devices, FormatsAndFields) {
  shell sh;
  sh.controller.answer("GET /v1/isolated-devices", 200, list_of(page_devices()));
  EXPECT_EQ(
      sh("berthctl", "isolated-device-list", "-o", "csv", "--field", "addr", "--field", "model")
          .out,
      "Addr,Model\n41:00.0,GeForce GTX 1050 Ti\n05:00.0,Quadro FX 580\n");
  const auto text = sh("berthctl", "-o", "json", "isolated-device-list").out;
  EXPECT_EQ(json::parse(text), json::parse(list_of(page_devices())));
}

TEST(Devices, ShowPrintsFieldsAndValues) {
  shell sh;
  sh.controller.answer(std::string{"GET /v1/isolated-devices/"} + page_gpu, 200,
                       owned_devices()[0].dump());
  expect_golden("isolated-device-show.txt", sh("berthctl", "isolated-device-show", page_gpu).out);
}

TEST(Devices, UpdateOfSeveralTellsGoodAndBad) {
  shell sh;
  const json answer{
      {"items",
       json::array(
           {{{"device", page_devices()[0]}},
            {{"error",
              {{"code", 404}, {"class", "not_found"}, {"message", "there is no device x"}}}}})},
      {"updated", 1},
      {"failed", 1}};
  sh.controller.answer("PATCH /v1/isolated-devices", 200, answer.dump());
  const auto got = sh("climc", "isolated-device-update", "--reserved-cpu", "-1", "--reserved-mem",
                      "4096", "--reserved-storage", "0", "--dev-type", "GPU-VGA", page_gpu, "x");
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(sh.controller.body_of("PATCH /v1/isolated-devices"),
            (json{{"reserved_cpu", -1},
                  {"reserved_memory", 4096},
                  {"reserved_storage", 0},
                  {"dev_type", "GPU-VGA"},
                  {"ids", json::array({page_gpu, "x"})}}));
  expect_golden("isolated-device-update.txt", got.out + got.err);
}

TEST(Devices, EnableDisableDeletePurge) {
  shell sh;
  sh.controller.answer("PATCH /v1/isolated-devices", 200,
                       json{{"items", json::array({{{"device", page_devices()[0]}}})}}.dump());
  EXPECT_EQ(sh("berthctl", "isolated-device-disable", page_gpu).status, 0);
  EXPECT_EQ(sh.controller.body_of("PATCH /v1/isolated-devices"),
            (json{{"enabled", false}, {"ids", json::array({page_gpu})}}));
  const auto path = std::string{"/v1/isolated-devices/"} + page_gpu;
  sh.controller.answer("DELETE " + path, 406,
                       error_body(406, "not_empty", "device is attached to server web"));
  const auto refused = sh("berthctl", "isolated-device-delete", page_gpu);
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, HasSubstr("berthctl: device is attached to server web\n"));
  sh.controller.answer("POST " + path + "/purge", 200, "{}");
  EXPECT_EQ(sh("berthctl", "isolated-device-purge", "--purge", page_gpu).status, 0);
  EXPECT_EQ(sh.controller.body_of("POST " + path + "/purge"), (json{{"detach", true}}));
}

TEST(Hosts, ListAndActions) {
  shell sh;
  sh.controller.answer("GET /v1/hosts?enabled=false&status=online", 200,
                       list_of(json::array({host("page-host")})));
  const auto listed =
      sh("berthctl", "host-list", "--enabled=false", "--status", "online", "--details");
  EXPECT_EQ(listed.status, 0) << listed.err;
  expect_golden("host-list.txt", listed.out);
  sh.controller.answer("POST /v1/hosts/gpu%2F1/probe", 202, "{}");
  EXPECT_EQ(sh("climc", "host-probe-isolated-devices", "gpu/1").status, 0);
  sh.controller.answer("POST /v1/hosts/a/disable", 200, host("a").dump());
  EXPECT_EQ(sh("berthctl", "host-disable", "a").status, 0);
  sh.controller.answer("DELETE /v1/hosts/a", 200, "{}");
  EXPECT_EQ(sh("berthctl", "host-delete", "a").status, 0);
}

TEST(Hosts, UpdateKeepsTheReserveThatIsNotGiven) {
  shell sh;
  sh.controller.answer("GET /v1/hosts/a", 200, host("a").dump());
  sh.controller.answer("PATCH /v1/hosts/a", 200, host("a").dump());
  EXPECT_EQ(sh("berthctl", "host-update", "--reserve-mem", "4096", "--no-tags", "a").status, 0);
  EXPECT_EQ(sh.controller.body_of("PATCH /v1/hosts/a"),
            json::parse(R"({"tags":[],"reserve":{"cpus":1,"memory_mib":4096,"storage_mib":3}})"));
}

TEST(Hosts, MaintenanceNamesTheGpuServersAndStopsThem) {
  shell sh;
  sh.controller.answer("POST /v1/hosts/a/maintenance", 200, host("a").dump());
  sh.controller.answer("GET /v1/servers?host=a&gpu=true&limit=1000&offset=0", 200,
                       list_of(json::array({server("web", "running"), server("off", "ready")})));
  const auto told = sh("berthctl", "host-maintenance", "a");
  EXPECT_EQ(told.status, 0);
  EXPECT_THAT(told.err, HasSubstr("2 servers on it hold GPUs"));
  EXPECT_THAT(told.err, HasSubstr("| web  | running |"));
  EXPECT_EQ(sh.controller.body_of("POST /v1/hosts/a/maintenance"), (json{{"on", true}}));
  sh.controller.answer(std::string{"POST /v1/servers/"} + server_id + "/stop", 202,
                       server("web", "stopping").dump());
  sh.controller.answer(std::string{"GET /v1/servers/"} + server_id, 200,
                       server("web", "ready").dump());
  const auto stopped = sh("berthctl", "host-maintenance", "--stop-servers", "--wait", "a");
  EXPECT_EQ(stopped.status, 0) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("server: ready\n"));
}

TEST(Errors, MessageDetailsAndRemedy) {
  shell sh;
  sh.controller.answer(
      "POST /v1/servers/web/devices", 409,
      error_body(409, "device_in_use",
                 "device 273f4f72-06b6-49aa-8456-4beceec44997 belongs to server db",
                 {{"server", "db"}}));
  const auto got = sh("berthctl", "server-attach-isolated-device", "web", page_gpu);
  EXPECT_EQ(got.status, 1);
  EXPECT_EQ(got.out, "");
  expect_golden("error.txt", got.err);
}

TEST(Errors, ExitCodes) {
  shell sh;
  sh.controller.answer("GET /v1/usage", 504, error_body(504, "deadline_exceeded", "no end"));
  EXPECT_EQ(sh("berthctl", "usage").status, 4);
  shell strange;
  strange.controller.answer("GET /v1/usage", 200, "<html>");
  EXPECT_EQ(strange("berthctl", "usage").status, 1);
  EXPECT_THAT(strange("berthctl", "usage").err, HasSubstr("not JSON"));
  shell dark;
  dark.controller.go_dark(exit_code::unreachable);
  EXPECT_EQ(dark("berthctl", "server-start", "a", "b").status, 3);
  EXPECT_EQ(dark.controller.calls().size(), 1U);
  dark.controller.go_dark(exit_code::unknown);
  EXPECT_EQ(dark("berthctl", "usage").status, 4);
}

TEST(Errors, NothingInAnAnswerSteersTheTerminal) {
  shell sh;
  sh.controller.answer("GET /v1/usage", 400,
                       error_body(400, "invalid_argument", "a\x1b[2J", {{"k", "b\x1b[2J"}}));
  EXPECT_THAT(sh("berthctl", "usage").err, ::testing::Not(HasSubstr("\x1b")));
}

TEST(Busy, WaitsAsLongAsTheControllerAsksAndTriesAgain) {
  shell sh;
  sh.controller.answer_with_retry_after("GET /v1/usage", 429, "2");
  sh.controller.answer_with_retry_after("GET /v1/usage", 503, "1");
  sh.controller.answer("GET /v1/usage", 200, R"({"hosts":3})");
  const auto got = sh("berthctl", "usage");
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_EQ(sh.waited, std::chrono::seconds{3});
  shell forever;
  forever.controller.answer_with_retry_after("GET /v1/usage", 429, "1");
  EXPECT_EQ(forever("berthctl", "usage").status, 1);
  EXPECT_EQ(forever.controller.calls().size(), 4U);
}

TEST(Connection, OptionsWinOverTheEnvironment) {
  shell sh;
  sh.controller.answer("GET /v1/usage", 200, "{}");
  (void)sh("berthctl", "usage");
  EXPECT_EQ(sh.controller.connected_with().controller, "http://127.0.0.1:8750");
  sh.variables = {{"BERTH_CONTROLLER", "https://c:1"},
                  {"BERTH_TOKEN_FILE", "/t"},
                  {"BERTH_CA_FILE", "/ca"},
                  {"BERTH_TIMEOUT", "5s"}};
  (void)sh("berthctl", "--controller", "https://other:2", "usage", "--token-file=/mine");
  const auto& used = sh.controller.connected_with();
  EXPECT_EQ(used.controller, "https://other:2");
  EXPECT_EQ(used.token_file, "/mine");
  EXPECT_EQ(used.ca_file, "/ca");
  EXPECT_EQ(used.timeout, std::chrono::seconds{5});
}

TEST(Events, PrintsLinesAndResumesAfterALoss) {
  const std::string stream =
      ": hello\n\nid: 7\nevent: server_created\n"
      "data: {\"sequence\":7,\"at\":\"2026-03-01T12:00:00.000000Z\",\"type\":\"server_created\","
      "\"server\":{\"name\":\"web\"},\"why\":\"no reason\"}\n\n"
      "id: 8\r\ndata: {\"sequence\":8,\"at\":\"2026-03-01T12:00:01.000000Z\","
      "\"type\":\"device_lost\",\"device\":\"x\"}\r\n\r\n";
  shell sh;
  sh.controller.answer("GET /v1/events?from=7&follow=false", 200, stream);
  const auto got = sh("berthctl", "events", "--from", "7");
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_EQ(got.out,
            "       7  2026-03-01T12:00:00.000000Z  server_created  server={\"name\":\"web\"} "
            "why=\"no reason\"\n"
            "       8  2026-03-01T12:00:01.000000Z  device_lost  device=x\n");
  shell follow;
  follow.controller.answer("GET /v1/events?follow=true", 200, stream);
  follow.controller.answer("GET /v1/events?follow=true", 410, error_body(410, "gone", "compacted"));
  const auto followed = follow("berthctl", "events", "--follow", "-o", "json");
  EXPECT_EQ(followed.status, 1);
  EXPECT_EQ(follow.controller.calls().size(), 2U);
  EXPECT_EQ(follow.controller.calls().back().headers.back(),
            (std::pair<std::string, std::string>{"Last-Event-ID", "8"}));
}

TEST(Usage, Totals) {
  shell sh;
  sh.controller.answer("GET /v1/usage", 200,
                       R"({"hosts":3,"hosts_online":3,"servers":1,"devices":14,"devices_free":13,
                           "devices_allocated":1,"sequence":42})");
  expect_golden("usage.txt", sh("berthctl", "usage").out);
}

TEST(Snapshot, IsPrintedOrWrittenForItsOwnerAlone) {
  const json document{{"version", 1},
                      {"sequence", 42},
                      {"hosts", json::array({json::object()})},
                      {"servers", json::array()},
                      {"waiting", json::array()}};
  shell sh;
  sh.controller.answer("GET /v1/snapshot", 200, document.dump());
  EXPECT_EQ(json::parse(sh("berthctl", "snapshot").out), document);
  const auto file = std::filesystem::path{::testing::TempDir()} /
                    fmt::format("berth-snapshot-{}.json", ::getpid());
  std::ofstream{file} << "what was there before";
  const auto got = sh("berthctl", "snapshot", "--out", file.string());
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_EQ(got.out, "");
  EXPECT_THAT(got.err, HasSubstr("1 hosts, 0 servers and 0 that wait, at event 42"));
  std::ifstream in{file};
  EXPECT_EQ(json::parse(in), document);
  using std::filesystem::perms;
  EXPECT_EQ(std::filesystem::status(file).permissions(), perms::owner_read | perms::owner_write);
  std::filesystem::remove(file);
  const auto nowhere = sh("berthctl", "snapshot", "--out", "/nowhere/at/all.json");
  EXPECT_EQ(nowhere.status, 1);
  EXPECT_THAT(nowhere.err, HasSubstr("cannot write /nowhere/at/all.json"));
}

TEST(Snapshot, ARefusalLeavesWhatIsThere) {
  const auto file = std::filesystem::path{::testing::TempDir()} /
                    fmt::format("berth-refused-{}.json", ::getpid());
  shell sh;
  sh.controller.answer("GET /v1/snapshot", 413, error_body(413, "too_large", "too much"));
  EXPECT_EQ(sh("berthctl", "snapshot", "--out", file.string()).status, 1);
  EXPECT_FALSE(std::filesystem::exists(file));
}

TEST(Pki, MakesAnAuthorityAndCertificates) {
  const auto dir =
      std::filesystem::path{::testing::TempDir()} /
      fmt::format("berth-pki-{}", std::chrono::steady_clock::now().time_since_epoch().count());
  shell sh;
  const auto init =
      sh("berthctl", "pki-init", dir.string(), "--host", "gpu-1", "--host", "gpu-2", "--name", "c");
  EXPECT_EQ(init.status, 0) << init.err;
  const auto again = sh("berthctl", "pki-init", dir.string());
  EXPECT_EQ(again.status, 1);
  EXPECT_FALSE(again.err.empty());
  EXPECT_EQ(sh("berthctl", "pki-issue", dir.string(), "gpu-3").status, 0);
  EXPECT_EQ(sh("berthctl", "pki-issue", "--role", "client", dir.string(), "me").status, 0);
  for (const auto* name : {"ca", "controller", "gpu-1", "gpu-2", "gpu-3", "me"})
    for (const auto* kind : {".crt", ".key"})
      EXPECT_TRUE(std::filesystem::exists(dir / (std::string{name} + kind))) << name << kind;
  EXPECT_EQ(sh("berthctl", "pki-issue", "--days", "0", dir.string(), "x").status, 2);
  std::filesystem::remove_all(dir);
}

} // namespace
} // namespace berth::cli::testing
