#include "actors/cluster_actor.hpp"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/log_messages.hpp"
#include "actors/reply_courier.hpp"
#include "actors/scheduler_turn.hpp"
#include "actors/wake_ups.hpp"

namespace berth::actors {

namespace {

/// Asked for before the machine existed; moved through CAF's copying factories.
struct cluster_cargo {
  cluster_parts parts;
  std::optional<control::cluster_state> loaded;
};

/// The shell around control::cluster: gathers inputs, steps, has events appended (one batch in
/// flight), has plans made (one turn in flight), hands out answers.
struct cluster_shell {
  static inline const char* name = "cluster";

  cluster_actor::stateful_pointer<cluster_shell> self = nullptr;
  cluster_parts parts;
  std::unique_ptr<control::cluster> core;
  reply_courier_actor courier;

  /// Who waits for an answer; its permit lives as long.
  struct waiting {
    answer_to done;
    permit admitted;
  };
  std::unordered_map<control::ticket, waiting> tickets;
  std::unordered_map<control::link_id, std::shared_ptr<link_outlet>> links;

  std::vector<model::log_record> unsent; ///< events that the writer has not got yet
  event_batch in_flight;                 ///< what the writer has
  /// One scheduler: the turn being gathered for it, and whether it has one in hand.
  struct lane {
    scheduler_actor scheduler;
    std::uint32_t number = 0; ///< in its pool
    scheduler_turn next;
    bool in_flight = false;
  };
  std::vector<lane> lanes;
  model::sequence_number published = 0; ///< the last event that every lane is told of
  /// Lanes that share the requests of a project, or of all others.
  struct pool {
    std::size_t first = 0;
    std::size_t count = 0;
    std::size_t turns = 0;
  };
  pool common;
  std::map<std::string, pool, std::less<>> pools;
  std::vector<reply> replies;
  std::vector<door_item> items; ///< in hand
  wake_ups ticks;
  bool gathering = false; ///< a flush is on its way
  bool counting = false;  ///< a scheduler was asked for the capacity
  caf::actor_clock::time_point count_due{};

  void work();
  void take_in(std::vector<control::input> inputs);
  void carry_out(control::outcome outcome);
  void settle();
  void commit();
  [[nodiscard]] bool may_gather() const;
  void gather();
  void append();
  void committed(append_outcome result);
  void plan(lane& with);
  void planned(turn_done done, model::duration took);
  void arm();
  void look();

  void on(control::answer_command& what) { answer(what.to, std::move(what.what)); }
  void on(control::answer_query& what) { answer(what.to, std::move(what.what)); }
  void on(control::answer_claim& what);
  void on(control::answer_remember& what) { answer(what.to, std::move(what.what)); }
  void on(control::want_plans& what);
  void on(control::want_forecast& what) {
    auto& turn = deal(what.shape->project);
    turn.jobs.emplace_back(std::move(what));
  }
  void on(control::want_explanation& what) {
    auto& turn = deal(what.what->request.project);
    turn.jobs.emplace_back(std::move(what));
  }
  void on(const control::publish& what) { publish(what.updates, what.up_to); }
  void on(control::welcome_host& what);
  void on(control::tell_host& what);
  void on(control::close_link& what);
  void on(const control::note& what);
  void on(const control::placement_settled& what);
  template <class Value> void answer(control::ticket to, Value value);
  void publish(const publication& updates, model::sequence_number up_to) {
    published = up_to;
    for (auto& each : lanes)
      each.next.updates.push_back(updates);
  }
  /// The turn that gets the next piece of work for a project.
  scheduler_turn& deal(const std::string& project) {
    const auto own = pools.find(project);
    auto& from = own != pools.end() ? own->second : common;
    return lanes[from.first + ++from.turns % from.count].next;
  }
  pool open_lanes(const std::vector<scheduler_actor>& schedulers) {
    const pool made{lanes.size(), schedulers.size(), 0};
    for (const auto& each : schedulers) {
      lanes.push_back({each, static_cast<std::uint32_t>(lanes.size() - made.first), {}, false});
      self->link_to(each);
    }
    return made;
  }
};

void cluster_shell::work() {
  std::vector<control::input> inputs;
  items = parts.door->take(std::move(items));
  inputs.reserve(items.size());
  for (auto& item : items) {
    std::visit(
        [&](const auto& what) {
          if constexpr (requires { what.from; })
            tickets.emplace(what.from, waiting{std::move(item.done), std::move(item.admitted)});
          using kind = std::decay_t<decltype(what)>;
          if constexpr (std::is_same_v<kind, control::link_opened>)
            links.emplace(what.link, std::move(item.outlet));
          if constexpr (std::is_same_v<kind, control::link_closed> ||
                        std::is_same_v<kind, control::lease_expired>)
            links.erase(what.link);
        },
        item.what);
    inputs.push_back(std::move(item.what));
  }
  take_in(std::move(inputs));
  items.clear(); // and with them the permits
}

void cluster_shell::take_in(std::vector<control::input> inputs) {
  if (!inputs.empty())
    carry_out(core->step(parts.clock(), inputs));
  settle();
}

void cluster_shell::carry_out(control::outcome outcome) {
  if (unsent.empty())
    unsent = std::move(outcome.events);
  else
    std::ranges::move(outcome.events, std::back_inserter(unsent));
  for (auto& effect : outcome.effects)
    std::visit([this](auto& what) { on(what); }, effect);
}

/// After every step: what has gathered goes where it can go.
void cluster_shell::settle() {
  commit();
  for (auto& each : lanes)
    plan(each);
  if (!replies.empty())
    self->send(courier, pack(reply_batch{std::exchange(replies, {})}));
  parts.ready->store(core->ready(), std::memory_order_relaxed);
  arm();
}

void cluster_shell::commit() {
  if (in_flight || unsent.empty())
    return;
  may_gather() ? gather() : append();
}

bool cluster_shell::may_gather() const {
  return core->awaited() < unsent.front().sequence && unsent.size() < parts.gather_events;
}

void cluster_shell::gather() {
  if (!std::exchange(gathering, true))
    self->delayed_send(self, parts.gather_time, atom::flush_v);
}

void cluster_shell::append() {
  auto batch = std::exchange(unsent, {});
  if (batch.size() > parts.batch_events_max) {
    const auto rest = batch.begin() + static_cast<std::ptrdiff_t>(parts.batch_events_max);
    unsent.assign(std::make_move_iterator(rest), std::make_move_iterator(batch.end()));
    batch.erase(rest, batch.end());
  }
  in_flight = std::make_shared<const std::vector<model::log_record>>(std::move(batch));
  // No timeout: there is one append in flight, and what a slow disk has done with it must be known
  // before anything else is written. While it waits, the gates fill and requests are answered busy.
  self->request(parts.writer, caf::infinite, pack(append_batch{in_flight}))
      .then([this](const parcel<append_outcome>& result) { committed(std::move(result.open())); },
            [this](const caf::error& why) { self->quit(why); });
}

void cluster_shell::committed(append_outcome result) {
  const auto batch = std::exchange(in_flight, nullptr);
  if (parts.observer)
    parts.observer->committed(batch->size(), result.took, result.outcome);
  std::vector<control::input> inputs;
  if (result.outcome) {
    parts.feed->publish(batch);
    inputs.emplace_back(control::commit_done{batch->back().sequence});
  } else {
    unsent.clear();
    inputs.emplace_back(control::commit_failed{std::move(result.outcome.error())});
  }
  take_in(std::move(inputs));
}

void cluster_shell::plan(lane& with) {
  if (with.in_flight || (with.next.jobs.empty() && with.next.updates.empty()))
    return;
  with.in_flight = true;
  with.next.seen = published;
  with.next.scheduler = with.number;
  const auto begin = self->clock().now();
  // No timeout either: the machine gives a lost plan up by itself, and a scheduler that died takes
  // the process with it. The lanes do not move once the actor runs.
  self->request(with.scheduler, caf::infinite, pack(std::exchange(with.next, {})))
      .then(
          [this, &with, begin](const parcel<turn_done>& done) {
            with.in_flight = false;
            planned(std::move(done.open()), self->clock().now() - begin);
          },
          [this](const caf::error& why) { self->quit(why); });
}

void cluster_shell::planned(turn_done done, model::duration took) {
  std::vector<control::input> inputs;
  if (!done.plans.plans.empty()) {
    if (parts.observer)
      parts.observer->planned(done.plans.plans.size(), took);
    inputs.emplace_back(std::move(done.plans));
  }
  for (auto& each : done.forecasts)
    inputs.emplace_back(std::move(each));
  for (auto& each : done.explanations)
    inputs.emplace_back(std::move(each));
  if (done.capacity) {
    counting = false;
    parts.observer->counted(*done.capacity);
  }
  take_in(std::move(inputs));
}

void cluster_shell::arm() {
  const auto due = core->next_tick();
  if (!due)
    return;
  const auto now = parts.clock();
  const auto when = std::max(*due, now + parts.tick_spacing);
  if (ticks.wants(when))
    self->delayed_send(self, when - now, atom::tick_v);
}

/// Looking takes time in proportion to the cluster: it may take one part in fifty of the thread.
void cluster_shell::look() {
  work(); // there may be signs of life
  const auto begin = self->clock().now();
  parts.observer->looked(parts.clock(), *core);
  const auto took = self->clock().now() - begin;
  self->delayed_send(self, std::max<model::duration>(parts.snapshot_interval, took * 50),
                     atom::look_v);
  if (!counting && begin >= count_due) {
    counting = true;
    count_due = begin + parts.capacity_interval;
    lanes.front().next.jobs.emplace_back(count_capacity{});
    plan(lanes.front());
  }
}

template <class Value> void cluster_shell::answer(control::ticket to, Value value) {
  auto found = tickets.extract(to);
  if (found.empty())
    return;
  auto& [done, admitted] = found.mapped();
  replies.push_back({std::move(done), std::move(value), std::move(admitted)});
}

void cluster_shell::on(control::answer_claim& what) {
  using kept = std::optional<api::remembered_answer>;
  answer(what.to, std::move(what.what).map([](std::optional<control::kept_answer>&& found) {
    return found ? kept{{found->http_status, std::move(found->body)}} : kept{};
  }));
}

void cluster_shell::on(control::want_plans& what) {
  for (auto& wish : what.wishes) {
    auto& turn = deal(wish.request->project);
    turn.jobs.emplace_back(std::move(wish));
  }
}

void cluster_shell::on(control::welcome_host& what) {
  if (const auto found = links.find(what.link); found != links.end())
    found->second->welcome(what.message);
}

void cluster_shell::on(control::tell_host& what) {
  if (const auto found = links.find(what.link); found != links.end())
    found->second->tell(std::move(what.message));
}

void cluster_shell::on(control::close_link& what) {
  if (const auto found = links.find(what.link); found != links.end())
    found->second->close(std::move(what.why));
}

void cluster_shell::on(const control::note& what) {
  if (parts.observer)
    parts.observer->noted(what);
}

void cluster_shell::on(const control::placement_settled& what) {
  if (parts.observer)
    parts.observer->settled(what);
}

cluster_actor::behavior_type run_cluster(cluster_actor::stateful_pointer<cluster_shell> self,
                                         const std::shared_ptr<cluster_cargo>& cargo) {
  auto& shell = self->state;
  shell.self = self;
  shell.parts = std::move(cargo->parts);
  auto& config = shell.parts.config;
  config.schedulers = static_cast<std::uint32_t>(shell.parts.schedulers.size());
  for (const auto& [project, schedulers] : shell.parts.pools)
    config.project_schedulers[project] = static_cast<std::uint32_t>(schedulers.size());
  shell.parts.feed->reset(cargo->loaded->last_sequence());
  shell.core = std::make_unique<control::cluster>(shell.parts.config, std::move(*cargo->loaded),
                                                  shell.parts.dice);
  cargo->loaded.reset();
  shell.courier = spawn_reply_courier(self->system());
  shell.common = shell.open_lanes(shell.parts.schedulers);
  for (const auto& [project, schedulers] : shell.parts.pools)
    if (!schedulers.empty())
      shell.pools.emplace(project, shell.open_lanes(schedulers));
  // A scheduler's replica starts empty.
  shell.publish(std::make_shared<const std::vector<scheduler::inventory_update>>(
                    shell.core->state().full_inventory()),
                shell.core->state().last_sequence());
  // The cluster lives and dies with these.
  self->link_to(shell.parts.writer);
  self->link_to(shell.courier);
  shell.carry_out(shell.core->start(shell.parts.clock()));
  shell.parts.door->leader(shell.core->state().leader());
  shell.settle();
  if (shell.parts.observer)
    self->delayed_send(self, shell.parts.snapshot_interval, atom::look_v);
  return {
      [self](atom::wake) { self->state.work(); },
      [self](atom::tick) {
        self->state.ticks.arrived();
        std::vector<control::input> inputs;
        inputs.emplace_back(control::tick{});
        self->state.take_in(std::move(inputs));
      },
      [self](atom::flush) {
        self->state.gathering = false;
        if (!self->state.in_flight && !self->state.unsent.empty())
          self->state.append();
      },
      [self](atom::look) { self->state.look(); },
  };
}

} // namespace

cluster_actor spawn_cluster(caf::actor_system& system, cluster_parts parts,
                            control::cluster_state loaded) {
  auto door = parts.door;
  auto cargo = std::make_shared<cluster_cargo>(cluster_cargo{std::move(parts), std::move(loaded)});
  auto handle = system.spawn(run_cluster, cargo);
  // Weakly: whoever holds the door keeps no dead cluster.
  door->on_work([weak = caf::actor_cast<caf::weak_actor_ptr>(handle)] {
    if (const auto cluster = caf::actor_cast<cluster_actor>(weak))
      caf::anon_send(cluster, atom::wake_v);
  });
  return handle;
}

} // namespace berth::actors
