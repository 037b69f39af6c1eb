#include <cstdlib>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "model/random.hpp"
#include "tests/scheduler/reference.hpp"
#include "tests/scheduler/world.hpp"

namespace berth::scheduler {
namespace {

/// Draws small random worlds in which every rule matters now and then.
class world_maker {
public:
  explicit world_maker(std::uint64_t seed) : dice_(seed) {}

  int draw(int below) { return static_cast<int>(dice_.below(static_cast<std::uint64_t>(below))); }
  bool one_in(int many) { return draw(many) == 0; }

  host_changed host(std::uint64_t number) {
    host_changed made{open_host(number), {}};
    auto& host = made.host;
    host.capacity = {draw(24), 1000 + draw(4000), 1000 + draw(4000)};
    host.reserve = {draw(3), draw(100), draw(100)};
    host.cpu_overcommit_milli = one_in(3) ? 2000 : 1000;
    host.memory_overcommit_milli = one_in(3) ? 1500 : 1000;
    host.enabled = !one_in(12);
    host.maintenance = one_in(12);
    host.settled = !one_in(12);
    host.status = one_in(12) ? model::host_status::offline : model::host_status::online;
    for (const auto* tag : {"fast", "old"}) {
      if (one_in(3)) {
        host.tags.emplace_back(tag);
      }
    }
    const int devices = draw(8);
    const bool fabric = one_in(3);
    for (int i = 0; i < devices; ++i) {
      made.devices.push_back(device(number, i, fabric));
    }
    if (fabric && one_in(2)) {
      add_partitions(made);
    }
    return made;
  }

  model::device_record device(std::uint64_t host, int position, bool fabric) {
    constexpr const char* models[] = {"A100", "A100 80GB", "T4"};
    auto made = free_gpu(host, static_cast<std::uint8_t>(position), models[draw(3)]);
    made.info.vendor = one_in(4) ? "AMD" : "NVIDIA";
    made.type = one_in(5)   ? model::dev_type::pci
                : one_in(5) ? model::dev_type::gpu_vga
                            : model::dev_type::gpu_hpc;
    made.reserve = {draw(3), draw(200), draw(200)};
    made.info.numa_node = draw(3) - 1;
    made.info.pcie_root = one_in(4) ? "" : "root-" + std::to_string(draw(3));
    made.info.pcie_switch = one_in(4) ? "" : "switch-" + std::to_string(draw(3));
    made.info.fabric = fabric && !one_in(5) ? "nvswitch" : "";
    made.info.fabric_module = made.info.fabric.empty() ? -1 : position;
    made.info.allocation_unit = one_in(4) ? "unit-" + std::to_string(draw(2)) : "";
    made.state = one_in(6) ? model::device_state::resetting : model::device_state::free;
    made.enabled = !one_in(10);
    made.present = !one_in(12);
    made.info.unusable_reason = one_in(12) ? "boot VGA" : "";
    return made;
  }

  void add_partitions(host_changed& made) {
    const int count = 1 + draw(5);
    for (int id = 0; id < count; ++id) {
      model::fabric_partition partition{"nvswitch", id, {}};
      for (const auto& device : made.devices) {
        if (!device.info.fabric.empty() && one_in(2)) {
          partition.modules.push_back(device.info.fabric_module);
        }
      }
      if (!partition.modules.empty()) {
        made.host.partitions.push_back(partition);
      }
    }
  }

  model::device_selector selector() {
    constexpr const char* models[] = {"", "A100", "a10", "T4", "A100 80GB", "V100"};
    model::device_selector made;
    made.model = models[draw(6)];
    made.vendor = one_in(5) ? "nvidia" : "";
    if (one_in(6)) {
      made.type = one_in(2) ? model::dev_type::gpu_hpc : model::dev_type::pci;
    }
    return made;
  }

  model::placement_request request(std::uint64_t number, std::uint64_t hosts) {
    auto made = server({}, number);
    made.amount = {1 + draw(6), 1 + draw(900), one_in(3) ? 0 : draw(900)};
    const int parts = one_in(3) ? 0 : 1 + draw(3);
    for (int i = 0; i < parts; ++i) {
      if (one_in(6)) {
        const auto named =
            exactly((1 + dice_.below(hosts)) * 1000 + static_cast<std::uint64_t>(draw(8)));
        if (std::find(made.devices.begin(), made.devices.end(), named) == made.devices.end()) {
          made.devices.push_back(named);
        }
        continue;
      }
      model::device_request wish;
      wish.count = 1 + draw(3);
      for (int a = 0; a < 1 + draw(2); ++a) {
        wish.alternatives.push_back(selector());
      }
      made.devices.push_back(wish);
    }
    const auto wish = [this] {
      return one_in(5) ? model::wish::require : one_in(4) ? model::wish::none : model::wish::prefer;
    };
    made.topology = {wish(), wish(), wish(), wish()};
    if (one_in(6)) {
      made.tags.require = {"fast"};
    }
    if (one_in(6)) {
      made.tags.avoid = {"old"};
    }
    if (one_in(4)) {
      made.tags.prefer = {"old", "fast"};
    }
    if (one_in(4)) {
      made.anti_affinity_group = one_in(2) ? "web" : "db";
    }
    if (one_in(8)) {
      made.host = numbered<model::host_id>(1 + dice_.below(hosts + 1));
    }
    if (one_in(5)) {
      made.preferred_host = numbered<model::host_id>(1 + dice_.below(hosts + 1));
    }
    made.now = model::timestamp{std::chrono::seconds{number}};
    if (!one_in(3)) {
      made.ends_at = made.now + std::chrono::seconds{1 + draw(40) * draw(40)};
    }
    for (std::uint64_t host = 1; one_in(4) && host <= hosts; host += 1 + dice_.below(3)) {
      made.avoid_hosts.push_back(numbered<model::host_id>(host));
    }
    return made;
  }

  const scheduler::policy& any_policy() { return *policies()[dice_.below(policies().size())]; }

  model::random& dice() { return dice_; }

private:
  model::random dice_;
};

/// The real inventory and the reference, fed the same.
struct twins {
  inventory real;
  reference_world plain;

  void apply(const inventory_update& update) {
    real.apply(update);
    plain.apply(update);
  }
};

void expect_same(const twins& world, const model::placement_request& request, const policy& how) {
  const auto expected = reference_plan(world.plain, request, how);
  const auto decided = plan(world.real, request, {&how});
  if (const auto* const why = std::get_if<model::refusal>(&decided)) {
    ASSERT_FALSE(expected.fits) << "refused: " << summary(*why);
    std::map<std::string, std::int64_t> excluded;
    for (const auto& rule : why->rules) {
      excluded[rule.rule] = rule.hosts_excluded;
      EXPECT_TRUE(rule.nearest.has_value());
      EXPECT_FALSE(rule.miss.text.empty()) << rule.rule;
    }
    EXPECT_EQ(excluded, expected.excluded);
    EXPECT_EQ(why->hosts_considered, static_cast<std::int64_t>(world.plain.hosts.size()));
    return;
  }
  const auto& where = std::get<model::placement>(decided);
  ASSERT_TRUE(expected.fits);
  EXPECT_EQ(to_string(where.host), to_string(expected.host));
  EXPECT_EQ(std::set<model::device_id>(where.devices.begin(), where.devices.end()),
            expected.devices);
  EXPECT_TRUE(serves_in_order(world.plain, request, where.devices));
  EXPECT_EQ(check(world.real, request, where), std::nullopt);
}

server_allocated allocation_of(const model::placement_request& request,
                               const model::placement& where) {
  return {request.server,  where.host,  request.amount, where.devices, request.anti_affinity_group,
          request.ends_at, request.now, request.devices};
}

std::optional<std::uint64_t> number_from(const char* variable) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? std::nullopt : std::optional{std::strtoull(text, nullptr, 10)};
}

/// SEEDS=n runs more worlds, from FIRST_SEED on; SEED=n runs one.
std::pair<std::uint64_t, std::uint64_t> seeds() {
  if (const auto one = number_from("SEED")) {
    return {*one, *one + 1};
  }
  const auto first = number_from("FIRST_SEED").value_or(1);
  return {first, first + number_from("SEEDS").value_or(400)};
}

/// Something happens to the cluster.
void change_something(world_maker& make, twins& world, std::uint64_t hosts) {
  const auto number = 1 + make.dice().below(hosts);
  const auto id = numbered<model::host_id>(number);
  const auto known = world.plain.hosts.at(id);
  const auto which = known.devices.empty() ? 0 : make.dice().below(known.devices.size());
  switch (make.draw(8)) {
  case 0:
    world.apply(make.host(number)); // it reports anew
    break;
  case 1:
    if (!known.devices.empty()) {
      auto device = known.devices[which];
      device.type = model::dev_type::gpu_vga;
      device.enabled = !device.enabled;
      world.apply(device_changed{device});
    }
    break;
  case 2:
    if (!world.plain.servers.empty()) {
      world.apply(server_released{world.plain.servers.begin()->first});
    }
    break;
  case 3:
    if (!known.devices.empty()) {
      const auto state =
          make.one_in(3) ? model::device_state::resetting : model::device_state::free;
      world.apply(device_turned{id, known.devices[which].info.id, state, make.one_in(3)});
    }
    break;
  case 4: // it goes and comes back
    world.apply(host_gone{id});
    world.apply(known);
    break;
  case 5: // it goes, and a decision sees that
    world.apply(host_gone{id});
    expect_same(world, make.request(950'000, hosts), best_fit);
    world.apply(known);
    break;
  default:
    break;
  }
}

void live_in_random_world(std::uint64_t seed) {
  world_maker make{seed};
  twins world;
  const auto& how = make.any_policy();
  const std::uint64_t hosts = 1 + make.dice().below(5);
  for (std::uint64_t number = 1; number <= hosts; ++number) {
    world.apply(make.host(number));
  }
  for (std::uint64_t step = 0; step < 20; ++step) {
    const auto request = make.request(900'000 + step, hosts);
    expect_same(world, request, how);
    if (::testing::Test::HasFailure()) {
      return;
    }
    const auto decided = plan(world.real, request, {&how});
    if (const auto* const where = std::get_if<model::placement>(&decided)) {
      world.apply(allocation_of(request, *where));
    }
    change_something(make, world, hosts);
  }
}

TEST(Properties, PlanDecidesLikeTheReference) {
  const auto [first, last] = seeds();
  for (std::uint64_t seed = first; seed < last; ++seed) {
    live_in_random_world(seed);
    ASSERT_FALSE(HasFailure()) << "SEED=" << seed;
  }
}

/// Several blocks of hosts of few makes, so that many are equal and ties go to the lowest id,
/// whatever the order in which they came.
void live_in_a_crowd(std::uint64_t seed) {
  world_maker make{seed};
  twins world;
  const auto& how = make.any_policy();
  const std::uint64_t hosts = 40 + make.dice().below(30);
  std::vector<host_changed> makes;
  for (std::uint64_t i = 0; i < 3; ++i) {
    makes.push_back(make.host(1'000 + i));
  }
  const std::uint64_t offset = make.dice().below(hosts);
  for (std::uint64_t i = 0; i < hosts; ++i) {
    const auto number = 1 + (offset + i * 7) % hosts;
    auto host = makes[make.dice().below(makes.size())];
    host.host.id = numbered<model::host_id>(number);
    host.host.name = "host-" + std::to_string(number);
    for (std::size_t at = 0; at < host.devices.size(); ++at) {
      host.devices[at].host = host.host.id;
      host.devices[at].info.id = numbered<model::device_id>(number * 1000 + at);
    }
    world.apply(host);
  }
  for (std::uint64_t step = 0; step < 15; ++step) {
    auto request = make.request(900'000 + step, hosts);
    if (make.one_in(2)) {
      request.tags = {};
      request.host.reset();
      request.preferred_host.reset();
    }
    if (make.one_in(3)) {
      request.devices.clear();
    }
    expect_same(world, request, how);
    if (::testing::Test::HasFailure()) {
      return;
    }
    const auto decided = plan(world.real, request, {&how});
    if (const auto* const where = std::get_if<model::placement>(&decided)) {
      world.apply(allocation_of(request, *where));
    }
    if (make.one_in(6) && !world.plain.servers.empty()) {
      world.apply(server_released{world.plain.servers.begin()->first});
    }
  }
}

TEST(Properties, PlanDecidesLikeTheReferenceInACrowd) {
  const auto [first, last] = seeds();
  for (std::uint64_t seed = first; seed < first + (last - first + 19) / 20; ++seed) {
    live_in_a_crowd(seed);
    ASSERT_FALSE(HasFailure()) << "SEED=" << seed;
  }
}

/// A releases B's place: afterwards everything is as before.
void allocate_and_release(std::uint64_t seed) {
  world_maker make{seed};
  twins world;
  const std::uint64_t hosts = 1 + make.dice().below(5);
  for (std::uint64_t number = 1; number <= hosts; ++number) {
    world.apply(make.host(number));
  }
  for (std::uint64_t step = 0; step < 10; ++step) {
    const auto request = make.request(900'000 + step, hosts);
    const auto probe = make.request(800'000 + step, hosts);
    const auto before = plan(world.real, probe);
    const auto decided = plan(world.real, request);
    const auto* const where = std::get_if<model::placement>(&decided);
    if (where == nullptr) {
      continue;
    }
    world.apply(allocation_of(request, *where));
    if (!where->devices.empty()) {
      EXPECT_TRUE(check(world.real, request, *where).has_value()) << "its devices are taken now";
    }
    world.apply(server_released{request.server});
    for (const auto& device : world.plain.hosts.at(where->host).devices) {
      if (std::count(where->devices.begin(), where->devices.end(), device.info.id) > 0) {
        world.apply(device_changed{device});
      }
    }
    EXPECT_EQ(plan(world.real, probe), before);
  }
}

TEST(Properties, ReleaseUndoesAllocate) {
  const auto [first, last] = seeds();
  for (std::uint64_t seed = first; seed < last; ++seed) {
    allocate_and_release(seed);
    ASSERT_FALSE(HasFailure()) << "SEED=" << seed;
  }
}

void forecast_like_plans(std::uint64_t seed) {
  world_maker make{seed};
  inventory world;
  const std::uint64_t hosts = 1 + make.dice().below(5);
  for (std::uint64_t number = 1; number <= hosts; ++number) {
    world.apply(make.host(number));
  }
  const auto shape = make.request(900'000, hosts);
  const auto answer = forecast(world, shape, 5);
  std::int32_t fitted = 0;
  for (; fitted < 5; ++fitted) {
    auto request = shape;
    request.server = numbered<model::server_id>(700'000 + static_cast<std::uint64_t>(fitted));
    const auto decided = plan(world, request);
    const auto* const where = std::get_if<model::placement>(&decided);
    if (where == nullptr) {
      ASSERT_TRUE(answer.why_not.has_value());
      EXPECT_EQ(answer.why_not->rules, std::get<model::refusal>(decided).rules);
      break;
    }
    ASSERT_LT(static_cast<std::size_t>(fitted), answer.placements.size());
    EXPECT_EQ(answer.placements[static_cast<std::size_t>(fitted)].host, where->host);
    EXPECT_EQ(answer.placements[static_cast<std::size_t>(fitted)].devices, where->devices);
    world.apply(allocation_of(request, *where));
  }
  EXPECT_EQ(answer.allow_count, fitted);
  EXPECT_EQ(answer.can_create, fitted > 0);
  EXPECT_EQ(answer.why_not.has_value(), fitted < 5);
}

TEST(Properties, ForecastIsRepeatedPlanning) {
  const auto [first, last] = seeds();
  for (std::uint64_t seed = first; seed < last; ++seed) {
    forecast_like_plans(seed);
    ASSERT_FALSE(HasFailure()) << "SEED=" << seed;
  }
}

/// Counting says what planning one by one would place; watched shapes are counted like others.
void capacity_like_plans(std::uint64_t seed) {
  world_maker make{seed};
  twins world;
  const std::uint64_t hosts = 1 + make.dice().below(5);
  for (std::uint64_t number = 1; number <= hosts; ++number) {
    world.apply(make.host(number));
  }
  const std::vector shapes{make.request(900'000, hosts), make.request(900'001, hosts),
                           server({some(1)}, 900'002)};
  world.real.watch(shapes);
  for (std::uint64_t step = 0; step < 8; ++step) {
    change_something(make, world, hosts);
    const auto totals = world.real.watched_capacities();
    for (std::size_t i = 0; i < shapes.size(); ++i) {
      const auto counted = capacity(world.real, shapes[i]);
      EXPECT_EQ(counted, totals[i]);
      constexpr std::int32_t limit = 60;
      EXPECT_EQ(std::min<std::int64_t>(counted, limit),
                forecast(world.real, shapes[i], limit).allow_count);
    }
  }
}

TEST(Properties, CapacityIsWhatPlanningWouldPlace) {
  const auto [first, last] = seeds();
  for (std::uint64_t seed = first; seed < last; ++seed) {
    capacity_like_plans(seed);
    ASSERT_FALSE(HasFailure()) << "SEED=" << seed;
  }
}

/// An explanation decides like a plan, leaves everything as it was, and judges hosts alike.
void explain_like_plans(std::uint64_t seed) {
  world_maker make{seed};
  twins world;
  const auto& how = make.any_policy();
  const std::uint64_t hosts = 2 + make.dice().below(5);
  for (std::uint64_t number = 1; number <= hosts; ++number) {
    world.apply(make.host(number));
  }
  for (std::uint64_t step = 0; step < 12; ++step) {
    const auto request = make.request(900'000 + step, hosts);
    const auto planned = plan(world.real, request, {&how});
    const auto explained = explain(world.real, request, {&how});
    EXPECT_EQ(plan(world.real, request, {&how}), planned);
    const auto* const where = std::get_if<model::placement>(&planned);
    ASSERT_EQ(where != nullptr, std::holds_alternative<model::placement>(explained));
    for (const auto& [id, host] : world.plain.hosts) {
      const auto verdict = judge_host(world.real, request, id, {&how});
      ASSERT_TRUE(verdict.has_value());
      EXPECT_EQ(verdict->fits, verdict->broken.empty());
      EXPECT_EQ(verdict->is_best, where != nullptr && where->host == id);
      EXPECT_TRUE(where != nullptr || !verdict->fits);
    }
    if (where != nullptr) {
      const auto& told = std::get<model::placement>(explained);
      EXPECT_EQ(told.host, where->host);
      EXPECT_EQ(told.devices, where->devices);
      if (told.next) {
        EXPECT_TRUE(judge_host(world.real, request, told.next->host, {&how})->fits);
        // A policy may tell two different scores in the same points.
        const std::int32_t least_gap = how.tell_first == nullptr ? 1 : 0;
        EXPECT_TRUE(told.next->decided_by == "host_id"
                        ? where->host < told.next->host
                        : told.next->points + least_gap <= told.next->winner_points)
            << how.name << " by " << told.next->decided_by << ": " << told.next->points << " and "
            << told.next->winner_points;
      }
      world.apply(allocation_of(request, *where));
    }
    change_something(make, world, hosts);
  }
}

TEST(Properties, ExplainDecidesLikePlanAndLeavesNoTrace) {
  const auto [first, last] = seeds();
  for (std::uint64_t seed = first; seed < last; ++seed) {
    explain_like_plans(seed);
    ASSERT_FALSE(HasFailure()) << "SEED=" << seed;
  }
}

} // namespace
} // namespace berth::scheduler
