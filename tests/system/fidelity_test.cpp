#include <algorithm>
#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "control/queue_keeper.hpp"
#include "hostbackend/simulated/machine.hpp"
#include "model/random.hpp"
#include "sim/actors_run/run.hpp"
#include "sim/fleet/run.hpp"
#include "tests/system/processes.hpp"

// Small workloads, played three ways: by real processes in real time, by the production actors on
// virtual time, and by the fleet simulation. The same servers must go to the same devices.

namespace berth::system_tests {
namespace {

using nlohmann::json;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
namespace simulated = hostbackend::simulated;

/// What became of each arrival: `east: 0000:1b:00.0 0000:43:00.0`, or `refused`; nothing: it waits.
using decisions = std::map<std::uint64_t, std::string>;

/// A server that was placed, or whose end had come.
struct happening {
  model::duration when{};
  std::uint64_t arrival = 0;
  bool ended = false;
};
struct course {
  decisions written;
  std::vector<happening> happened;
};

constexpr std::uint64_t patient_seed = 106;

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

/// Draws servers, each at its time.
class wishes {
public:
  explicit wishes(std::uint64_t seed) : dice_{seed} {}
  void add(model::duration when, model::duration lifetime, std::uint16_t gpus) {
    const char* const models[] = {"H100", "L40S", "L40S|H100", "A100|H100"};
    sim::arrival next;
    next.when = when;
    next.lifetime = lifetime;
    next.gpus = gpus;
    next.model = made_.names.models.number_of(models[dice_.below(std::size(models))]);
    next.vcpus = 4U * next.gpus;
    next.memory_mib = 16'384U * next.gpus;
    made_.arrivals.push_back(next);
  }
  /// The latest wants its GPUs close to each other; among those who wait it has this priority.
  void choosy(const model::topology_wishes& how) {
    made_.arrivals.back().topology = sim::packed_topology{how};
  }
  void urgent() { made_.arrivals.back().priority = 50; }
  [[nodiscard]] std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(dice_.below(static_cast<std::uint64_t>(most - least)));
  }
  [[nodiscard]] sim::demand take() && { return std::move(made_); }

private:
  model::random dice_;
  sim::demand made_;
};

/// More than fits, of many sizes. Arrivals come at full minutes and ends at half ones, so that
/// every device is clean again before the next decision, however long that takes.
sim::demand workload() {
  wishes all{2026};
  const std::uint16_t sizes[] = {1, 1, 1, 2, 2, 4, 4, 8};
  for (int i = 0; i < 40; ++i) {
    const auto lifetime = minutes{all.between(5, 30)} + seconds{30};
    all.add(minutes{i + 1}, lifetime, sizes[all.between(0, std::size(sizes))]);
    using enum model::wish;
    if (i % 3 == 0)
      all.choosy({.numa = require, .pcie_root = none, .pcie_switch = prefer, .fabric = none});
    if (i % 7 == 0)
      all.choosy({.numa = none, .pcie_root = prefer, .pcie_switch = require, .fabric = prefer});
  }
  return std::move(all).take();
}

/// The same for servers that wait. An end lets another begin, so everything lies hours apart, and
/// the seed is one with which no two things happen within minutes. What ends has one GPU: several
/// are clean one after the other, in an order that the three need not share.
sim::demand patient_workload() {
  wishes all{patient_seed};
  for (int i = 0; i < 60; ++i) {
    const bool large = i % 20 == 15;
    const auto lifetime = large ? hours{24 * 365} : seconds{all.between(20 * 3600, 80 * 3600)};
    all.add(hours{2 * (i + 1)}, lifetime, large ? 8 : 1);
    if (i % 4 == 1)
      all.urgent();
  }
  return std::move(all).take();
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
  void placed(model::duration now, std::uint64_t arrival, std::uint32_t host,
              std::span<const std::uint32_t> devices) override {
    std::vector<std::string> addresses;
    for (const auto device : devices)
      addresses.push_back(to_string(hosts_[host].kind->devices[device].address));
    all.written[arrival] = told(hosts_[host].name, std::move(addresses));
    all.happened.push_back({now, arrival, false});
  }
  void refused(model::duration, std::uint64_t arrival, std::string_view) override {
    all.written[arrival] = "refused";
  }
  void ended(model::duration now, std::uint64_t arrival) override {
    all.happened.push_back({now, arrival, true});
  }
  void failed(model::duration, std::uint64_t arrival) override {
    ADD_FAILURE() << "arrival " << arrival << " failed, and nothing breaks here";
  }

  course all;

private:
  const std::vector<simulated::simulated_host>& hosts_;
};

/// How those that fit nowhere wait.
struct queueing {
  model::duration patience{}; ///< zero: they are refused
  control::reservation_rules reservations{};
};

course by_fleet(const std::vector<simulated::simulated_host>& hosts, const sim::demand& all,
                const queueing& how = {}) {
  sim::scenario what;
  for (const auto& host : hosts) {
    sim::host_group group;
    group.name = host.name;
    group.machine = simulated::describe(host, "");
    group.count = 1;
    what.hosts.push_back(std::move(group));
  }
  what.turnover.least = seconds{3};
  what.patience = how.patience;
  what.reservations = how.reservations;
  notebook seen{hosts};
  sim::demand_source source{all};
  EXPECT_TRUE(sim::run(what, source, 1, {.decisions = &seen}));
  return seen.all;
}

decisions by_actors(const std::vector<simulated::simulated_host>& hosts, const sim::demand& all,
                    const queueing& how = {}) {
  sim::actors_scenario what;
  what.hosts = hosts;
  what.patience = how.patience;
  what.reservations = how.reservations;
  what.horizon = all.arrivals.back().when + seconds{1};
  what.calm = minutes{1};
  notebook seen{hosts};
  sim::demand_source source{all};
  const auto result = sim::run_actors(what, source, 1, &seen);
  EXPECT_TRUE(result);
  for (const auto& wrong : result->violations)
    ADD_FAILURE() << wrong;
  return seen.all.written;
}

/// The programs: what happened in a simulation is made to happen here in the same order, each thing
/// once the one before is done. Who is placed where is up to them.
class programs {
public:
  programs(const std::vector<simulated::simulated_host>& hosts, const sim::demand& all,
           const queueing& how = {})
      : demand_(all), how_(how) {
    std::size_t devices = 0;
    installation_.start_controller({"--queue-reservations", std::to_string(how.reservations.max)});
    for (const auto& host : hosts) {
      installation_.certify_host(host.name);
      installation_.start_host(host.name, kinds.at(host.name));
      for (const auto& device : host.kind->devices)
        devices += device.unusable_reason.empty() ? 1U : 0U;
    }
    EXPECT_TRUE(eventually([&] { return free_devices() == devices; }))
        << free_devices() << " of " << devices << " devices are free";
  }

  decisions follow(const std::vector<happening>& happened) {
    std::uint64_t created = 0;
    for (const auto& each : happened) {
      while (created < demand_.arrivals.size() && demand_.arrivals[created].when <= each.when)
        create(created++);
      if (each.ended)
        end(each.arrival);
      else
        expect_placed(each.arrival);
    }
    while (created < demand_.arrivals.size())
      create(created++);
    for (const auto arrival : waiting_)
      EXPECT_TRUE(waits(arrival)) << name_of(arrival);
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

  static json topology_of(const sim::arrival& wanted) {
    const auto wishes = wanted.topology.wishes();
    return {{"numa", to_string(wishes.numa)},
            {"pcie_root", to_string(wishes.pcie_root)},
            {"pcie_switch", to_string(wishes.pcie_switch)},
            {"fabric", to_string(wishes.fabric)}};
  }

  void create(std::uint64_t arrival) {
    const auto& wanted = demand_.arrivals[arrival];
    json gpus{{"count", wanted.gpus}};
    for (const auto name : sim::alternatives(demand_.names.models.name(wanted.model)))
      if (gpus.contains("model"))
        gpus["alternatives"].push_back({{"model", name}});
      else
        gpus["model"] = name;
    json wish{{"name", name_of(arrival)},
              {"vcpus", wanted.vcpus},
              {"memory_mib", wanted.memory_mib},
              {"devices", {gpus}},
              {"topology", topology_of(wanted)},
              {"priority", wanted.priority},
              {"auto_start", true}};
    if (how_.patience.count() > 0)
      wish["wait_for_capacity_seconds"] =
          std::chrono::duration_cast<seconds>(how_.patience).count();
    const auto made = installation_.ask("POST", "/v1/servers", wish);
    ASSERT_EQ(made.status, 201) << made.body;
    if (made.body["status"] == "sched_fail") {
      written_[arrival] = "refused";
      return end(arrival);
    }
    if (made.body.value("host", "").empty())
      waiting_.insert(arrival);
  }

  bool waits(std::uint64_t arrival) {
    const auto server = installation_.ask("GET", "/v1/servers/" + name_of(arrival)).body;
    return server.value("host", "").empty() && !server.value("waits_until", "").empty();
  }

  void expect_placed(std::uint64_t arrival) {
    waiting_.erase(arrival);
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
  }

  void end(std::uint64_t arrival) {
    EXPECT_EQ(installation_.ask("DELETE", "/v1/servers/" + name_of(arrival)).status, 202);
    EXPECT_TRUE(eventually([&] {
      return installation_.ask("GET", "/v1/servers/" + name_of(arrival)).status == 404;
    })) << "server "
        << name_of(arrival) << " is still there";
    for (const auto& id : held_[arrival])
      EXPECT_TRUE(eventually([&] {
        const auto device = installation_.ask("GET", "/v1/isolated-devices/" + id).body;
        const auto holder = device.value("guest", "");
        return device["state"] == "free" || (!holder.empty() && holder != name_of(arrival));
      })) << "device "
          << id << " is not given back";
  }

  const sim::demand& demand_;
  const queueing how_;
  installation installation_;
  std::set<std::uint64_t> waiting_;
  std::map<std::uint64_t, std::set<std::string>> held_;
  decisions written_;
};

TEST(FidelityTest, ProcessesActorsAndFleetSimulationDecideAlike) {
  const auto hosts = machines();
  const auto all = workload();
  const auto fleet = by_fleet(hosts, all);
  EXPECT_EQ(by_actors(hosts, all), fleet.written);
  EXPECT_EQ((programs{hosts, all}.follow(fleet.happened)), fleet.written);
  const auto refused = std::ranges::count_if(
      fleet.written, [](const auto& each) { return each.second == "refused"; });
  EXPECT_EQ(fleet.written.size(), 40U);
  auto loose = all;
  for (auto& each : loose.arrivals)
    each.topology = {};
  EXPECT_NE(by_fleet(hosts, loose).written, fleet.written) << "no wish made a difference";
  EXPECT_GT(refused, 3) << "the workload is too light to tell the three apart";
  EXPECT_LT(refused, 30) << "the workload is too heavy to tell the three apart";
}

/// Arrivals that were placed later than they came.
std::size_t late_ones(const course& fleet, const sim::demand& all) {
  return static_cast<std::size_t>(std::ranges::count_if(fleet.happened, [&](const auto& each) {
    return !each.ended && each.when > all.arrivals[each.arrival].when;
  }));
}

/// Whether what happens by itself, arrivals and ends, lies so far apart, and hosts are not chosen
/// anew at the same time, that seconds more or less change nothing.
bool is_clear(const course& fleet, const sim::demand& all) {
  std::vector<model::duration> moments;
  for (const auto& each : all.arrivals)
    moments.push_back(each.when);
  for (const auto& each : fleet.happened)
    if (each.ended) {
      moments.push_back(each.when);
      const auto after = each.when % control::reservation_rules{}.again;
      if (after < seconds{15} || after > control::reservation_rules{}.again - seconds{15})
        return false;
    }
  std::ranges::sort(moments);
  return std::ranges::adjacent_find(moments, [](model::duration a, model::duration b) {
           return b - a < minutes{2};
         }) == moments.end();
}

TEST(FidelityTest, ThoseThatWaitAreServedAlike) {
  const auto hosts = machines();
  const auto all = patient_workload();
  queueing how{.patience = hours{24 * 365}};
  how.reservations.max = 0; // it goes by the clock when a host is kept, and the programs' is real
  const auto fleet = by_fleet(hosts, all, how);
  queueing keeping{how.patience};
  ASSERT_TRUE(is_clear(fleet, all)) << "the seed is none of the good ones";
  EXPECT_GT(late_ones(fleet, all), 5U) << "the workload is too light to tell the three apart";
  auto alike = all;
  for (auto& each : alike.arrivals)
    each.priority = 0;
  EXPECT_NE(by_fleet(hosts, alike, how).written, fleet.written) << "no priority made a difference";
  EXPECT_EQ(by_actors(hosts, all, how), fleet.written);
  EXPECT_EQ((programs{hosts, all, how}.follow(fleet.happened)), fleet.written);

  // With hosts that are kept for those who wait: the two that have virtual time.
  const auto kept = by_fleet(hosts, all, keeping);
  ASSERT_TRUE(is_clear(kept, all)) << "the seed is none of the good ones";
  EXPECT_NE(kept.written, fleet.written) << "no kept host made a difference";
  EXPECT_EQ(by_actors(hosts, all, keeping), kept.written);
}

} // namespace
} // namespace berth::system_tests
