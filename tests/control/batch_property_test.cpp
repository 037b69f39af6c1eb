#include <gtest/gtest.h>

#include <optional>
#include <ostream>

#include "tests/control/cluster_world.hpp"

namespace berth::control {
namespace {

using testing::cluster_world;
using testing::make_host;
using testing::make_spec;

std::vector<model::host_info> some_hosts() {
  std::vector<model::host_info> hosts;
  for (int i = 0; i < 4; ++i) {
    hosts.push_back(make_host("host-" + std::to_string(i), 1 + i * 2, i % 2 ? "A100" : "H100"));
  }
  return hosts;
}

std::vector<model::server_spec> some_specs(model::random& dice) {
  std::vector<model::server_spec> specs;
  const auto below = [&dice](int bound) {
    return static_cast<int>(dice.below(static_cast<std::uint64_t>(bound)));
  };
  for (int i = 2 + below(30); i > 0; --i) {
    auto spec = make_spec("s" + std::to_string(i), below(5), below(3) == 0 ? "H100" : "");
    spec.vcpus = 1 + below(60);
    if (below(8) == 0) {
      spec.name = "taken";
    }
    if (below(6) == 0) {
      spec.devices = {{std::nullopt, 1, {{"H1OO", "", {}, {}}}}}; // a mistake
    }
    if (below(4) == 0) {
      spec.anti_affinity_group = "group";
    }
    if (below(3) == 0) {
      spec.wait_for_capacity = std::chrono::hours{1};
      spec.priority = below(3) * 10;
    }
    specs.push_back(spec);
  }
  return specs;
}

/// What of a result does not depend on when, or under which id, the server was made. A refusal's
/// words do: they are of the moment when it is explained, which is after the batch's placements.
struct outcome_of_one {
  std::optional<model::errc> failure;
  model::server_status status{};
  std::optional<model::host_id> host;
  std::vector<model::device_id> devices;
  std::int64_t position = 0;

  friend bool operator==(const outcome_of_one&, const outcome_of_one&) = default;
  friend void PrintTo(const outcome_of_one& it, std::ostream* out) {
    *out << (it.failure ? "failed" : to_string(it.status)) << " on "
         << (it.host ? to_string(*it.host) : "none") << " with " << it.devices.size() << " #"
         << it.position << "\n";
  }
};

/// Places the specifications with batches of these sizes, one after another.
std::vector<outcome_of_one> place(const std::vector<model::server_spec>& specs, bool keep,
                                  std::size_t batch) {
  cluster_world world;
  world.counts_on_plans = true;
  for (const auto& host : some_hosts()) {
    world.connect(host);
  }
  world.create(make_spec("taken", 1));
  std::vector<outcome_of_one> outcomes;
  for (std::size_t from = 0; from < specs.size(); from += batch) {
    model::create_servers command;
    command.keep_refused = keep;
    command.specs.assign(specs.begin() + static_cast<std::ptrdiff_t>(from),
                         specs.begin() +
                             static_cast<std::ptrdiff_t>(std::min(from + batch, specs.size())));
    auto reply = world.ask(std::move(command));
    for (const auto& made : std::get<model::servers_created>(*reply).servers) {
      auto& one = outcomes.emplace_back();
      if (!made) {
        one.failure = made.error().code;
        continue;
      }
      one.status = made->status;
      one.host = made->host;
      for (const auto& held : made->attachments) {
        one.devices.push_back(held.device);
      }
    }
  }
  for (std::size_t i = 0; i < specs.size(); ++i) {
    if (!outcomes[i].failure && outcomes[i].status == model::server_status::scheduling) {
      const auto row = world.query(model::get_server{specs[i].name});
      outcomes[i].position = std::get<model::server_row>(*row).queue_position;
    }
  }
  return outcomes;
}

TEST(BatchProperty, ABatchOfManyIsAsManyCalls) {
  for (std::uint64_t seed = 1; seed <= 60 && !HasFailure(); ++seed) {
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    model::random dice{seed};
    const auto specs = some_specs(dice);
    const bool keep = dice.chance(0.5);
    const auto one_by_one = place(specs, keep, 1);
    EXPECT_EQ(place(specs, keep, specs.size()), one_by_one);
    EXPECT_EQ(place(specs, keep, 3), one_by_one);
  }
}

} // namespace
} // namespace berth::control
