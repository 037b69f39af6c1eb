#include <atomic>
#include <csignal>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/pki.hpp"
#include "tests/system/processes.hpp"

// The programs from outside: real processes, real sockets, real files.

namespace berth::system_tests {
namespace {

using nlohmann::json;

constexpr auto gtx_1050_ti = "273f4f72-06b6-49aa-8456-4beceec44997"; // as on the feature's page

class ClusterTest : public ::testing::Test {
protected:
  [[nodiscard]] bool host_is(const std::string& name, const std::string& status) {
    const auto host = all_.ask("GET", "/v1/hosts/" + name);
    return host.status == 200 && host.body["status"] == status &&
           (status != "online" || host.body["settled"] == true);
  }
  [[nodiscard]] bool device_is(const std::string& state) {
    const auto device = all_.ask("GET", std::string{"/v1/isolated-devices/"} + gtx_1050_ti);
    return device.status == 200 && device.body["state"] == state;
  }
  [[nodiscard]] bool server_is(const std::string& name, const std::string& status) {
    const auto server = all_.ask("GET", "/v1/servers/" + name);
    return server.status == 200 && server.body["status"] == status;
  }
  void start_page() {
    all_.start_controller();
    all_.certify_host("page");
    all_.start_host("page", "page-machine");
    ASSERT_TRUE(eventually([&] { return device_is("free"); })) << all_.log("page");
  }
  [[nodiscard]] std::set<std::string> server_names() {
    std::set<std::string> names;
    for (std::size_t offset = 0;;) {
      const auto list =
          all_.ask("GET", "/v1/servers?limit=1000&order=asc&offset=" + std::to_string(offset));
      EXPECT_EQ(list.status, 200);
      if (list.status != 200 || list.body["items"].empty())
        return names;
      for (const auto& each : list.body["items"])
        names.insert(each["name"]);
      offset += list.body["items"].size();
    }
  }

  installation all_;
};

TEST_F(ClusterTest, AServerRunsWithItsDeviceAndGivesItBack) {
  start_page();
  const auto made =
      all_.ask("POST", "/v1/servers",
               {{"name", "vm"}, {"devices", {{{"id", gtx_1050_ti}}}}, {"auto_start", true}});
  ASSERT_EQ(made.status, 201) << made.body;
  EXPECT_TRUE(eventually([&] { return server_is("vm", "running"); }));
  EXPECT_TRUE(eventually([&] { return device_is("in_use"); }));
  EXPECT_EQ(all_.ask("DELETE", std::string{"/v1/servers/vm/devices/"} + gtx_1050_ti).status, 409);
  EXPECT_EQ(all_.ask("POST", "/v1/servers", {{"name", "two"}, {"devices", {{{"id", gtx_1050_ti}}}}})
                .status,
            409);
  EXPECT_EQ(all_.ask("POST", "/v1/servers/vm/stop").status, 202);
  EXPECT_TRUE(eventually([&] { return server_is("vm", "ready"); }));
  EXPECT_EQ(all_.ask("DELETE", "/v1/servers/vm").status, 202);
  EXPECT_TRUE(eventually([&] { return device_is("free"); }));
  EXPECT_TRUE(eventually([&] { return all_.ask("GET", "/v1/servers/vm").status == 404; }));
}

TEST_F(ClusterTest, AKilledControllerLosesNoAcknowledgedServerAndInventsNone) {
  start_page();
  for (int round = 0; round < 3; ++round) {
    std::mutex lock;
    std::set<std::string> attempted;
    std::set<std::string> acknowledged;
    std::atomic<bool> stop{false};
    std::vector<std::jthread> clients;
    for (int client = 0; client < 4; ++client)
      clients.emplace_back([&, client] {
        for (int i = 0; !stop; ++i) {
          const auto name =
              "r" + std::to_string(round) + "-c" + std::to_string(client) + "-" + std::to_string(i);
          {
            const std::lock_guard hold{lock};
            attempted.insert(name);
          }
          if (all_.ask("POST", "/v1/servers", {{"name", name}}).status == 201) {
            const std::lock_guard hold{lock};
            acknowledged.insert(name);
          }
        }
      });
    ASSERT_TRUE(eventually([&] {
      const std::lock_guard hold{lock};
      return acknowledged.size() > 60;
    }));
    all_.controller().kill_now();
    stop = true;
    clients.clear();
    all_.start_controller();
    const auto present = server_names();
    for (const auto& name : acknowledged)
      EXPECT_TRUE(present.contains(name)) << name << " was acknowledged and is lost";
    for (const auto& name : present)
      if (name.starts_with("r" + std::to_string(round))) {
        EXPECT_TRUE(attempted.contains(name)) << name << " was never asked for";
      }
    EXPECT_TRUE(eventually([&] { return host_is("page", "online"); }));
  }
}

TEST_F(ClusterTest, AnAgentThatDiesComesBackToItsServers) {
  start_page();
  ASSERT_EQ(all_.ask("POST", "/v1/servers",
                     {{"name", "vm"}, {"devices", {{{"id", gtx_1050_ti}}}}, {"auto_start", true}})
                .status,
            201);
  ASSERT_TRUE(eventually([&] { return server_is("vm", "running"); }));
  all_.host("page").kill_now();
  EXPECT_TRUE(eventually([&] { return host_is("page", "offline"); }));
  const auto device = all_.ask("GET", std::string{"/v1/isolated-devices/"} + gtx_1050_ti);
  EXPECT_EQ(device.body["guest"], "vm") << "a host that is away keeps its servers' devices";
  all_.start_host("page", "page-machine");
  EXPECT_TRUE(eventually([&] { return host_is("page", "online"); }));
  // The simulated machine lost its guests with the agent; the server is started again.
  EXPECT_TRUE(eventually([&] { return server_is("vm", "running") || server_is("vm", "ready"); }));
}

TEST_F(ClusterTest, EveryDecisionInItsStoreIsMadeAgain) {
  all_.start_controller();
  for (const auto* name : {"one", "two", "three"}) {
    all_.certify_host(name);
    all_.start_host(name, "hgx-h100");
  }
  for (const auto* name : {"one", "two", "three"})
    ASSERT_TRUE(eventually([&] { return host_is(name, "online"); })) << all_.log(name);
  ASSERT_TRUE(eventually([&] { return all_.ask("GET", "/v1/usage").body["devices_free"] == 24; }));
  const auto create = [&](const std::string& name, int gpus, const json& more) {
    json spec{{"name", name}, {"devices", {{{"model", "H100"}, {"count", gpus}}}}};
    spec.update(more);
    EXPECT_EQ(all_.ask("POST", "/v1/servers", spec).status, 201) << name;
  };
  std::vector<std::jthread> clients;
  for (int client = 0; client < 3; ++client)
    clients.emplace_back([&, client] {
      for (int i = 0; i < 12; ++i) {
        const auto name = "c" + std::to_string(client) + "-" + std::to_string(i);
        create(name, 1 << (i + client) % 4,
               i % 3 == 0 ? json{{"wait_for_capacity_seconds", 3600}} : json::object());
        if (i % 2 == 1)
          (void)all_.ask("DELETE", "/v1/servers/" + name);
      }
    });
  clients.clear();
  all_.controller().kill_now();
  all_.start_controller();
  ASSERT_TRUE(eventually([&] { return host_is("one", "online"); }));
  create("after", 2, json::object());
  const auto log = all_.directory() / "replay.log";
  process replay{"berth-sim",
                 {"replay", "--store", (all_.directory() / "controller.db").string(), "--policy",
                  "spread", "--json", (all_.directory() / "replay.json").string()},
                 log};
  EXPECT_EQ(replay.wait(), 0) << all_.log("replay");
  std::ifstream in{all_.directory() / "replay.json"};
  const auto told = json::parse(in, nullptr, false);
  ASSERT_FALSE(told.is_discarded());
  EXPECT_EQ(told["replay"]["decisions"]["differs"], 0) << told["replay"];
  EXPECT_GE(told["replay"]["decisions"]["same"], 37);
  EXPECT_EQ(told["replay"]["decisions"]["unknown"], 0) << told["replay"];
  EXPECT_EQ(told["other_policy"]["policy"], "spread");
}

TEST_F(ClusterTest, StopsInOrderWhenAsked) {
  start_page();
  all_.controller().signal(SIGTERM);
  EXPECT_EQ(all_.controller().wait(), 0);
  all_.start_controller();
  EXPECT_TRUE(eventually([&] { return host_is("page", "online"); }));
  all_.host("page").signal(SIGTERM);
  EXPECT_EQ(all_.host("page").wait(), 0);
}

TEST_F(ClusterTest, ACertificateSpeaksForItsOwnHostOnly) {
  all_.start_controller();
  all_.certify_host("page");
  all_.start_host("impostor", "page-machine", "page");
  EXPECT_TRUE(eventually([&] {
    return all_.log("controller").find("does not speak for host impostor") != std::string::npos;
  }));
  EXPECT_EQ(all_.ask("GET", "/v1/hosts").body["total"], 0);
}

TEST_F(ClusterTest, ACertificateOfAnotherAuthorityIsRefused) {
  all_.start_controller();
  const auto pki = all_.directory() / "pki";
  const auto foreign = all_.directory() / "foreign";
  ASSERT_TRUE(net::create_authority(foreign));
  ASSERT_TRUE(net::issue(foreign, "page", {}, net::certificate_role::host));
  for (const auto* file : {"page.crt", "page.key"})
    std::filesystem::copy_file(foreign / file, pki / file);
  all_.start_host("page", "page-machine");
  EXPECT_TRUE(eventually([&] {
    return all_.log("page").find("no link to the controller") != std::string::npos;
  })) << all_.log("page");
  EXPECT_EQ(all_.ask("GET", "/v1/hosts").body["total"], 0);
  // The same controller still takes its own.
  all_.certify_host("good");
  all_.start_host("good", "desktop");
  EXPECT_TRUE(eventually([&] { return host_is("good", "online"); }));
  EXPECT_EQ(all_.ask("GET", "/v1/hosts").body["total"], 1);
}

TEST_F(ClusterTest, GarbageOnThePortHurtsNobody) {
  start_page();
  const auto talk = [&](const std::string& bytes) {
    const int peer = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = htons(static_cast<std::uint16_t>(all_.port()));
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(peer, reinterpret_cast<sockaddr*>(&where), sizeof where) == 0)
      (void)::send(peer, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return peer;
  };
  std::vector<int> peers;
  std::string noise(300, '\0');
  std::uint32_t state = 12345;
  for (int i = 0; i < 100; ++i) {
    for (auto& each : noise)
      each = static_cast<char>((state = state * 1664525U + 1013904223U) >> 24U);
    if (i % 2 == 0)
      noise[0] = '\x16'; // looks like the beginning of a TLS handshake
    peers.push_back(talk(noise));
    peers.push_back(talk("")); // says nothing
    peers.push_back(talk("GET / HTTP/1.1\r\nbroken"));
  }
  EXPECT_EQ(all_.ask("GET", "/healthz").status, 200);
  EXPECT_TRUE(host_is("page", "online"));
  for (const int each : peers)
    ::close(each);
  EXPECT_TRUE(all_.controller().runs());
  EXPECT_EQ(all_.ask("POST", "/v1/servers", {{"name", "after"}}).status, 201);
}

TEST_F(ClusterTest, AFullDiskFailsTheRequestAndNotTheController) {
  const auto disk = all_.directory() / "disk";
  std::filesystem::create_directories(disk);
  if (::mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=2m") != 0)
    GTEST_SKIP() << "mounting a small file system needs privileges";
  struct unmount {
    std::filesystem::path where;
    ~unmount() { ::umount2(where.c_str(), MNT_DETACH); }
  } const at_the_end{disk};
  all_.store_at(disk / "controller.db");
  start_page();
  const json metadata{{"filler", std::string(2000, 'x')}};
  int made = 0;
  int refused = 0;
  ASSERT_TRUE(eventually([&] {
    const auto given = all_.ask("POST", "/v1/servers",
                                {{"name", "s" + std::to_string(made)}, {"metadata", metadata}});
    if (given.status == 201)
      ++made;
    else
      refused = given.status;
    return refused != 0;
  }));
  EXPECT_EQ(refused, 507);
  EXPECT_TRUE(all_.controller().runs());
  EXPECT_EQ(all_.ask("GET", "/v1/usage").status, 200);
  ASSERT_EQ(::mount("tmpfs", disk.c_str(), "tmpfs", MS_REMOUNT, "size=64m"), 0);
  EXPECT_TRUE(eventually([&] {
    return all_.ask("POST", "/v1/servers", {{"name", "after"}}).status == 201;
  }));
  EXPECT_EQ(server_names().size(), static_cast<std::size_t>(made) + 1);
  all_.controller().kill_now();
  all_.start_controller();
  EXPECT_EQ(server_names().size(), static_cast<std::size_t>(made) + 1);
}

} // namespace
} // namespace berth::system_tests
