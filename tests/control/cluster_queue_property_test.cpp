#include <gtest/gtest.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

#include "tests/control/cluster_world.hpp"

namespace berth::control {
namespace {

using std::chrono::minutes;
using testing::cluster_world;
using testing::make_host;
using testing::make_spec;

/// The hosts kept for others that would not be free of the request in time: said anew here, from
/// the records alone.
std::vector<model::host_id> kept_from(const cluster_state& state,
                                      const model::placement_request& request) {
  std::set<model::host_id> kept;
  state.servers().walk(true, [&](const server_entry& entry) {
    const auto& server = entry.record;
    if (is_waiting(server) && server.reserved && server.id != request.server) {
      const auto& promise = server.reserved->starts_at;
      if (!promise || !request.ends_at || *request.ends_at > *promise) {
        kept.insert(server.reserved->host);
      }
    }
    return true;
  });
  return {kept.begin(), kept.end()};
}

/// Random users over a few hosts that obey at once. Every placement is judged against a second
/// state, fed from the log.
class trial {
public:
  /// `honest`: every server has a lifetime and is deleted at its end, to the minute.
  trial(std::uint64_t seed, bool honest) : dice_(seed), honest_(honest), world_({}, seed) {
    for (int i = 0; i < 5; ++i) {
      hosts_.push_back(make_host("host-" + std::to_string(i), 2 + 2 * (i % 4)));
      links_.push_back(world_.connect(hosts_.back()));
    }
    follow();
  }

  void run(int steps) {
    for (int i = 0; i < steps && !::testing::Test::HasFailure(); ++i) {
      SCOPED_TRACE("step " + std::to_string(i));
      random_action();
      obey();
      judge_rest();
    }
  }

  [[nodiscard]] int placed_from_queue() const { return placed_from_queue_; }
  [[nodiscard]] int reservations() const { return reservations_; }
  [[nodiscard]] int backfilled() const { return backfilled_; }

private:
  int below(int bound) { return static_cast<int>(dice_.below(static_cast<std::uint64_t>(bound))); }

  void random_action() {
    switch (below(honest_ ? 8 : 12)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return create();
    case 4:
    case 5:
      return pass(minutes{1 + below(20)});
    case 6:
    case 7:
      return honest_ ? pass(minutes{1 + below(20)}) : remove_some();
    case 8:
      return switch_host();
    case 9:
      return stale_plans();
    case 10:
      return dice_.chance(0.3) ? restart() : remove_some();
    default:
      return dice_.chance(0.5) ? lose_commit() : remove_some();
    }
  }

  model::server_spec some_spec() {
    auto spec = make_spec("s" + std::to_string(++names_), below(5) == 0 ? 0 : 1 << below(4));
    spec.vcpus = 1 + below(40);
    if (below(4) != 0) {
      spec.wait_for_capacity = minutes{5 + below(300)};
      spec.priority = below(3) * 40;
    }
    if (honest_ || below(2) == 0) {
      spec.lifetime = minutes{10 + below(120)};
    }
    if (below(8) == 0) {
      spec.anti_affinity_group = "group";
    }
    return spec;
  }

  void create() {
    model::create_servers command;
    for (int i = 0; i <= below(3); ++i) {
      command.specs.push_back(some_spec());
    }
    world_.send(std::move(command));
  }

  void remove(const std::string& name) {
    world_.send(model::act_on_server{name, model::server_action::remove});
  }
  void remove_some() {
    std::vector<std::string> names;
    world_.machine->state().servers().walk(true, [&](const server_entry& entry) {
      names.push_back(entry.record.spec->name);
      return true;
    });
    for (int i = below(4); i > 0 && !names.empty(); --i) {
      remove(names[static_cast<std::size_t>(below(static_cast<int>(names.size())))]);
    }
  }

  /// Time passes; an honest world's servers go to the minute.
  void pass(model::duration by) {
    const auto until = world_.now + by;
    while (honest_) {
      std::optional<std::pair<model::timestamp, std::string>> next;
      world_.machine->state().servers().walk(true, [&](const server_entry& entry) {
        const auto& end = entry.record.ends_at;
        if (end && *end <= until && !entry.record.deleting &&
            (!next || std::pair{*end, entry.record.spec->name} < *next)) {
          next = {*end, entry.record.spec->name};
        }
        return true;
      });
      if (!next) {
        break;
      }
      move_to(next->first);
      remove(next->second);
      obey();
    }
    move_to(until);
  }
  void move_to(model::timestamp when) {
    while (world_.now < when) {
      const auto due = world_.machine->next_tick();
      world_.now = std::max(world_.now, due ? std::min(*due, when) : when);
      for (const auto& link : links_) {
        world_.say(link, model::link_heartbeat{});
      }
      world_.settle();
    }
  }

  void switch_host() {
    model::update_host how;
    how.host = hosts_[static_cast<std::size_t>(below(5))].name;
    how.enabled = dice_.chance(0.7);
    world_.send(how);
  }

  /// Plans are made, and the world goes on before they arrive.
  void stale_plans() {
    world_.hold_plans = true;
    create();
    plans_made made;
    for (const auto& wish : std::exchange(world_.plan_wishes, {})) {
      made.plans.push_back({wish.id, scheduler::plan(world_.replica, wish.request)});
    }
    remove_some();
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      world_.obey(hosts_[i], links_[i]);
    }
    world_.step(std::move(made));
    world_.hold_plans = false;
    world_.answer_plans();
    world_.commit();
  }

  void lose_commit() {
    world_.hold_commits = true;
    remove_some();
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      world_.obey(hosts_[i], links_[i]);
    }
    world_.fail_commit();
    world_.hold_commits = false;
    follow_anew();
    move_to(world_.now + std::chrono::seconds{5});
  }

  void restart() {
    world_.restart();
    follow_anew();
    for (std::size_t i = 0; i < hosts_.size(); ++i) {
      links_[i] = world_.connect(hosts_[i]);
    }
  }

  void obey() {
    for (int i = 0; i < 2; ++i) {
      for (std::size_t host = 0; host < hosts_.size(); ++host) {
        world_.obey(hosts_[host], links_[host]);
      }
      world_.settle();
    }
    follow();
  }

  // --- The second state

  void follow_anew() {
    second_ = cluster_state{};
    for (const auto& record : world_.log) {
      second_.replay(record);
    }
    second_.build_inventory();
  }

  void follow() {
    if (second_.last_sequence() == 0) {
      second_.build_inventory();
    }
    std::vector<scheduler::inventory_update> ignored;
    for (const auto& record : world_.log) {
      if (record.sequence > second_.last_sequence()) {
        std::visit([&](const auto& event) { judge(event, record.at); }, record.what);
        second_.apply(record, cluster_state::durability::durable, ignored);
      }
    }
  }

  void judge(const auto&, model::timestamp) {}
  void judge(const model::server_created& event, model::timestamp at) {
    if (event.server.host) {
      auto newcomer = event.server;
      newcomer.created = second_.last_sequence() + 1;
      judge_place(newcomer, *event.server.host, at);
    }
  }
  void judge(const model::server_placed& event, model::timestamp at) {
    ++placed_from_queue_;
    judge_place(second_.find_server(event.server)->record, event.host, at);
  }
  void judge(const model::server_reserved& event, model::timestamp) {
    reservations_ += event.where ? 1 : 0;
    kept_since_[event.server] = second_.last_sequence() + 1;
  }
  void judge(const model::server_wait_ended& event, model::timestamp at) {
    EXPECT_GE(at, wait_deadline(second_.find_server(event.server)->record));
  }

  /// Nobody ahead in the queue could have had that place.
  void judge_place(const model::server_record& server, model::host_id host, model::timestamp at) {
    placed_[server.id] = second_.last_sequence() + 1;
    second_.servers().walk(true, [&](const server_entry& entry) {
      const auto& other = entry.record;
      if (is_waiting(other) && key_of(other) < key_of(server)) {
        auto wish = to_placement_request(other.id, other.spec, at);
        wish.avoid_hosts = kept_from(second_, wish);
        EXPECT_TRUE(scheduler::why_not_on(second_.inventory(), wish, host))
            << server.spec->name << " took a place on " << host_name(host) << " that was "
            << other.spec->name << "'s";
      }
      return true;
    });
    for (const auto& [kept, owner] : second_.waiting().reserved()) {
      backfilled_ += kept == host && owner != server.id ? 1 : 0;
    }
  }
  std::string host_name(model::host_id id) { return second_.find_host(id)->record.name; }

  // --- At rest

  void judge_rest() {
    const auto& state = world_.machine->state();
    EXPECT_EQ(state.audit(), std::nullopt);
    EXPECT_TRUE(state == second_);
    state.servers().walk(true, [&](const server_entry& entry) {
      const auto& server = entry.record;
      if (is_waiting(server)) {
        EXPECT_GT(wait_deadline(server), world_.now) << server.spec->name << " waits for too long";
        auto wish = to_placement_request(server.id, server.spec, world_.now);
        wish.avoid_hosts = kept_from(state, wish);
        EXPECT_TRUE(
            std::holds_alternative<model::refusal>(scheduler::plan(state.inventory(), wish)))
            << server.spec->name << " waits though it fits";
        if (server.reserved) {
          judge_reservation(server);
        }
      }
      return true;
    });
  }

  /// Whoever came after a host was kept, and will stay for longer than was promised, leaves room:
  /// with everybody else gone the server fits.
  void judge_reservation(const model::server_record& server) {
    const auto& kept = *server.reserved;
    if (honest_ && kept.starts_at) {
      EXPECT_GT(*kept.starts_at, world_.now) << server.spec->name << " was delayed";
    }
    const auto& state = world_.machine->state();
    const auto* host = state.find_host(kept.host);
    ASSERT_NE(host, nullptr);
    scheduler::host_changed alone{host->record, {}};
    for (const auto& id : host->devices) {
      alone.devices.push_back(*state.find_device(id));
      auto& device = alone.devices.back();
      device.owner.reset();
      device.state = model::device_state::free;
    }
    scheduler::inventory there;
    there.apply(alone);
    for (const auto& id : host->servers) {
      const auto& other = state.find_server(id)->record;
      const bool stays = !kept.starts_at || !other.ends_at || *other.ends_at > *kept.starts_at;
      if (stays && placed_.at(id) > kept_since_.at(server.id)) {
        scheduler::server_allocated takes{
            id, kept.host, amount_of(other.spec), {}, other.spec->anti_affinity_group};
        for (const auto& held : other.attachments) {
          takes.devices.push_back(held.device);
        }
        there.apply(takes);
      }
    }
    const auto wish = to_placement_request(server.id, server.spec, world_.now);
    const auto verdict = scheduler::why_not_on(there, wish, kept.host);
    EXPECT_FALSE(verdict) << server.spec->name << ": " << verdict->miss.text;
  }

  model::random dice_;
  bool honest_;
  cluster_world world_;
  std::vector<model::host_info> hosts_;
  std::vector<link_id> links_;
  cluster_state second_;
  std::map<model::server_id, model::sequence_number> placed_; ///< by which event
  std::map<model::server_id, model::sequence_number> kept_since_;
  int names_ = 0;
  int placed_from_queue_ = 0;
  int reservations_ = 0;
  int backfilled_ = 0;
};

void run_trials(bool honest) {
  // BERTH_SEEDS=from..to runs others, e.g. 1..1000 by night.
  std::uint64_t first = 1;
  std::uint64_t last = 5;
  if (const char* seeds = std::getenv("BERTH_SEEDS")) {
    ASSERT_EQ(std::sscanf(seeds, "%" SCNu64 "..%" SCNu64, &first, &last), 2);
  }
  int placed = 0;
  int reservations = 0;
  int backfilled = 0;
  for (std::uint64_t seed = first; seed <= last && !::testing::Test::HasFailure(); ++seed) {
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    trial one{seed, honest};
    one.run(150);
    placed += one.placed_from_queue();
    reservations += one.reservations();
    backfilled += one.backfilled();
  }
  // The worlds must be such that something is judged.
  EXPECT_GT(placed, 20);
  EXPECT_GT(reservations, 5);
  EXPECT_GT(backfilled, 2);
}

TEST(ClusterQueueProperty, NobodyIsPassedOverAndNobodyWaitsWhoFits) {
  run_trials(false);
}

TEST(ClusterQueueProperty, WhereLifetimesAreKeptPromisesAreKept) {
  run_trials(true);
}

} // namespace
} // namespace berth::control
