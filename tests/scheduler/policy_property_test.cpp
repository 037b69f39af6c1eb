#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "model/random.hpp"
#include "tests/scheduler/reference.hpp"
#include "tests/scheduler/world.hpp"

// A busy fleet of few makes whose servers come in few flavours, so that what policies learn
// decides: room for the mix, hosts that are whole, ends of stays. The reference counts all of it
// anew for each decision, host by host.

namespace berth::scheduler {
namespace {

class busy_fleet {
public:
  busy_fleet(std::uint64_t seed, const policy& how) : dice_(seed), how_(how) {
    const std::uint64_t hosts = 6 + dice_.below(8);
    for (std::uint64_t number = 1; number <= hosts; ++number) {
      apply(machine(number));
    }
    for (auto& each : flavours_) {
      const auto devices = static_cast<std::int32_t>(1U << dice_.below(3));
      each.devices = {some(devices, dice_.chance(0.3) ? std::vector<std::string>{"T4"}
                                                      : std::vector<std::string>{})};
      each.amount = {devices * static_cast<std::int64_t>(1 + dice_.below(12)),
                     devices * static_cast<std::int64_t>(1 + dice_.below(64)) * 1024, 0};
    }
  }

  void live(int steps) {
    for (int step = 0; step < steps && !testing::Test::HasFailure(); ++step) {
      try_one();
      if (dice_.chance(0.3) && !live_.empty()) {
        let_go(dice_.below(live_.size()));
      }
      if (dice_.chance(0.05)) {
        close_or_open();
      }
    }
  }

private:
  host_changed machine(std::uint64_t number) {
    const bool large = dice_.chance(0.5);
    host_changed made{open_host(number), free_gpus(number, large ? 6 : 4, large ? "A100" : "T4")};
    made.host.capacity = {large ? 48 : 40, large ? 256 * 1024 : 128 * 1024, 1024};
    for (auto& device : made.devices) {
      device.reserve = {};
    }
    return made;
  }

  void apply(const inventory_update& update) {
    real_.apply(update);
    plain_.apply(update);
  }

  void try_one() {
    auto request = flavours_[dice_.below(flavours_.size())];
    request.server = numbered<model::server_id>(1'000'000 + next_++);
    request.now = model::timestamp{std::chrono::minutes{next_}};
    if (dice_.chance(0.6)) {
      request.ends_at = request.now + std::chrono::seconds{60 + dice_.below(20'000)};
    }
    const auto expected = reference_plan(plain_, request, how_);
    const auto decided = plan(real_, request, {&how_});
    const auto* const where = std::get_if<model::placement>(&decided);
    ASSERT_EQ(where != nullptr, expected.fits);
    if (where != nullptr) {
      ASSERT_EQ(to_string(where->host), to_string(expected.host)) << "server " << next_;
      live_.push_back({request.server,
                       where->host,
                       request.amount,
                       where->devices,
                       {},
                       request.ends_at,
                       request.now,
                       request.devices});
      apply(live_.back());
    }
  }

  void let_go(std::size_t which) {
    const auto gone = live_[which];
    live_.erase(live_.begin() + static_cast<std::ptrdiff_t>(which));
    apply(server_released{gone.server});
    for (const auto& device : gone.devices) {
      apply(device_turned{gone.host, device, model::device_state::free, false});
    }
  }

  /// The host's devices are told anew, so what servers hold of them has to be told again.
  void close_or_open() {
    auto changed = plain_.hosts.at(numbered<model::host_id>(1 + dice_.below(plain_.hosts.size())));
    changed.host.maintenance = !changed.host.maintenance;
    for (auto& device : changed.devices) {
      device.state = model::device_state::free;
      for (const auto& server : live_) {
        if (std::count(server.devices.begin(), server.devices.end(), device.info.id) > 0) {
          device.state = model::device_state::in_use;
        }
      }
    }
    apply(changed);
  }

  model::random dice_;
  const policy& how_;
  inventory real_;
  reference_world plain_;
  std::array<model::placement_request, 6> flavours_;
  std::vector<server_allocated> live_;
  std::uint64_t next_ = 1;
};

/// SEEDS=n runs more fleets; SEED=n runs one.
std::pair<std::uint64_t, std::uint64_t> seeds() {
  if (const char* const one = std::getenv("SEED")) {
    const auto seed = std::strtoull(one, nullptr, 10);
    return {seed, seed + 1};
  }
  const char* const many = std::getenv("SEEDS");
  return {1, 1 + (many != nullptr ? std::strtoull(many, nullptr, 10) : 15)};
}

TEST(PolicyProperties, EveryPolicyDecidesLikeTheReferenceInABusyFleet) {
  const auto [first, last] = seeds();
  for (std::uint64_t seed = first; seed < last; ++seed) {
    for (const policy* how : policies()) {
      busy_fleet{seed, *how}.live(50);
      ASSERT_FALSE(HasFailure()) << how->name << " SEED=" << seed;
    }
  }
}

} // namespace
} // namespace berth::scheduler
