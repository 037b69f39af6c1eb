#include <algorithm>
#include <map>
#include <queue>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "hostbackend/simulated/machine.hpp"
#include "model/random.hpp"
#include "sim/actors_run/run.hpp"
#include "sim/fleet/run.hpp"
#include "tests/system/processes.hpp"

// One small workload, played three ways: by real processes in real time, by the production actors
// on virtual time, and by the fleet simulation. The same servers must go to the same devices.

namespace berth::system_tests {
namespace {

using nlohmann::json;
using std::chrono::minutes;
using std::chrono::seconds;
namespace simulated = hostbackend::simulated;

/// What became of each arrival: `east: 0000:1b:00.0 0000:43:00.0`, or `refused`.
using decisions = std::map<std::uint64_t, std::string>;

const std::map<std::string, std::string> kinds{
    {"north", "hgx-h100"}, {"south", "hgx-h100"}, {"east", "l40s-4"}, {"west", "dgx-a100"}};

std::vector<simulated::simulated_host> machines() {
  std::vector<simulated::simulated_host> hosts;
  for (const auto& [name, kind] : kinds)
    hosts.push_back(simulated::make_host(
        name, simulated::load_machine(std::string{BERTH_SOURCE_DIR} + "/machines/" + kind + ".yaml")
                  .value()));
  // As the scheduler orders what is equal, so that it is equal in all three.
  std::ranges::sort(hosts, {}, &simulated::simulated_host::id);
  return hosts;
}

/// More than fits, of many sizes. Arrivals come at full minutes and ends at half ones, so that
/// every device is clean again before the next decision, however long that takes.
sim::demand workload() {
  sim::demand made;
  model::random dice{2026};
  const std::uint16_t sizes[] = {1, 1, 1, 2, 2, 4, 4, 8};
  const char* const models[] = {"H100", "L40S", "L40S|H100", "A100|H100"};
  for (int i = 0; i < 40; ++i) {
    sim::arrival next;
    next.when = minutes{i + 1};
    next.lifetime = minutes{5 + dice.below(25)} + seconds{30};
    next.gpus = sizes[dice.below(std::size(sizes))];
    next.model = made.names.models.number_of(models[dice.below(std::size(models))]);
    next.vcpus = 4U * next.gpus;
    next.memory_mib = 16'384U * next.gpus;
    made.arrivals.push_back(next);
  }
  return made;
}

std::string told(const std::string& host, std::vector<std::string> addresses) {
  std::ranges::sort(addresses);
  std::string text = host + ":";
  for (const auto& each : addresses)
    text += " " + each;
  return text;
}

/// Writes down what a simulation decides.
class notebook final : public sim::observer {
public:
  explicit notebook(const std::vector<simulated::simulated_host>& hosts) : hosts_(hosts) {}
  void placed(model::duration, std::uint64_t arrival, std::uint32_t host,
              std::span<const std::uint32_t> devices) override {
    std::vector<std::string> addresses;
    for (const auto device : devices)
      addresses.push_back(to_string(hosts_[host].kind->devices[device].address));
    written[arrival] = told(hosts_[host].name, std::move(addresses));
  }
  void refused(model::duration, std::uint64_t arrival, std::string_view) override {
    written[arrival] = "refused";
  }
  void ended(model::duration, std::uint64_t) override {}
  void failed(model::duration, std::uint64_t arrival) override {
    ADD_FAILURE() << "arrival " << arrival << " failed, and nothing breaks here";
  }

  decisions written;

private:
  const std::vector<simulated::simulated_host>& hosts_;
};

decisions by_fleet(const std::vector<simulated::simulated_host>& hosts, const sim::demand& all) {
  sim::scenario what;
  for (const auto& host : hosts) {
    sim::host_group group;
    group.name = host.name;
    group.machine = simulated::describe(host, "");
    group.count = 1;
    what.hosts.push_back(std::move(group));
  }
  what.turnover.least = seconds{3};
  notebook seen{hosts};
  sim::demand_source source{all};
  EXPECT_TRUE(sim::run(what, source, 1, &seen));
  return seen.written;
}

decisions by_actors(const std::vector<simulated::simulated_host>& hosts, const sim::demand& all) {
  sim::actors_scenario what;
  what.hosts = hosts;
  notebook seen{hosts};
  sim::demand_source source{all};
  const auto result = sim::run_actors(what, source, 1, &seen);
  EXPECT_TRUE(result);
  for (const auto& wrong : result->violations)
    ADD_FAILURE() << wrong;
  return seen.written;
}

/// The programs: what happens in the workload's order happens in its order here, each thing once
/// the one before is done.
class programs {
public:
  programs(const std::vector<simulated::simulated_host>& hosts, const sim::demand& all)
      : demand_(all) {
    std::size_t devices = 0;
    installation_.start_controller();
    for (const auto& host : hosts) {
      installation_.certify_host(host.name);
      installation_.start_host(host.name, kinds.at(host.name));
      for (const auto& device : host.kind->devices)
        devices += device.unusable_reason.empty() ? 1U : 0U;
    }
    EXPECT_TRUE(eventually([&] { return free_devices() == devices; }))
        << free_devices() << " of " << devices << " devices are free";
  }

  decisions play() {
    for (std::uint64_t i = 0; i < demand_.arrivals.size(); ++i) {
      while (!ends_.empty() && ends_.top().first <= demand_.arrivals[i].when) {
        end(ends_.top().second);
        ends_.pop();
      }
      create(i);
    }
    return written_;
  }

private:
  static std::string name_of(std::uint64_t arrival) { return "s" + std::to_string(arrival); }

  std::size_t free_devices() {
    const auto list = installation_.ask("GET", "/v1/isolated-devices?limit=1000");
    std::size_t count = 0;
    if (list.status == 200)
      for (const auto& each : list.body["items"])
        count += each["state"] == "free" ? 1U : 0U;
    return count;
  }

  void create(std::uint64_t arrival) {
    const auto& wanted = demand_.arrivals[arrival];
    json gpus{{"count", wanted.gpus}};
    for (const auto name : sim::alternatives(demand_.names.models.name(wanted.model)))
      if (gpus.contains("model"))
        gpus["alternatives"].push_back({{"model", name}});
      else
        gpus["model"] = name;
    const auto made = installation_.ask("POST", "/v1/servers",
                                        {{"name", name_of(arrival)},
                                         {"vcpus", wanted.vcpus},
                                         {"memory_mib", wanted.memory_mib},
                                         {"devices", {gpus}},
                                         {"auto_start", true}});
    ASSERT_EQ(made.status, 201) << made.body;
    if (made.body["status"] == "sched_fail") {
      written_[arrival] = "refused";
      return end(arrival);
    }
    json server;
    EXPECT_TRUE(eventually([&] {
      server = installation_.ask("GET", "/v1/servers/" + name_of(arrival)).body;
      return server["status"] == "running";
    })) << server;
    std::vector<std::string> addresses;
    for (const auto& each : server["devices"]) {
      addresses.push_back(each["pci_address"]);
      held_[arrival].insert(each["id"]);
    }
    written_[arrival] = told(server["host"], std::move(addresses));
    ends_.emplace(wanted.when + wanted.lifetime, arrival);
  }

  void end(std::uint64_t arrival) {
    EXPECT_EQ(installation_.ask("DELETE", "/v1/servers/" + name_of(arrival)).status, 202);
    EXPECT_TRUE(eventually([&] {
      return installation_.ask("GET", "/v1/servers/" + name_of(arrival)).status == 404;
    })) << "server "
        << name_of(arrival) << " is still there";
    for (const auto& id : held_[arrival])
      EXPECT_TRUE(eventually([&] {
        return installation_.ask("GET", "/v1/isolated-devices/" + id).body["state"] == "free";
      })) << "device "
          << id << " is not given back";
  }

  using ending = std::pair<model::duration, std::uint64_t>; ///< when, arrival

  const sim::demand& demand_;
  installation installation_;
  std::priority_queue<ending, std::vector<ending>, std::greater<>> ends_;
  std::map<std::uint64_t, std::set<std::string>> held_;
  decisions written_;
};

TEST(FidelityTest, ProcessesActorsAndFleetSimulationDecideAlike) {
  const auto hosts = machines();
  const auto all = workload();
  const auto fleet = by_fleet(hosts, all);
  const auto actors = by_actors(hosts, all);
  const auto real = programs{hosts, all}.play();
  EXPECT_EQ(actors, fleet);
  EXPECT_EQ(real, actors);
  const auto refused =
      std::ranges::count_if(real, [](const auto& each) { return each.second == "refused"; });
  EXPECT_EQ(real.size(), 40U);
  EXPECT_GT(refused, 3) << "the workload is too light to tell the three apart";
  EXPECT_LT(refused, 30) << "the workload is too heavy to tell the three apart";
}

} // namespace
} // namespace berth::system_tests
