#include "actors/host_actor.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/admission.hpp"
#include "actors/device_actor.hpp"
#include "actors/host_messages.hpp"
#include "actors/inbox.hpp"
#include "actors/wake_ups.hpp"

namespace berth::actors {

using metrics::metric;

namespace {

// What other threads leave for the host. `dial` tells which connection it is about.
struct dial_done {
  std::uint64_t dial = 0;
  model::result<std::shared_ptr<agent_line>> line;
};
struct frame_came {
  std::uint64_t dial = 0;
  model::link_frame<model::to_host> frame;
  permit admitted;
};
struct line_ended {
  std::uint64_t dial = 0;
  std::string reason;
};
struct leader_kept {
  std::uint64_t dial = 0;
  model::result<void> outcome;
};
struct machine_news {
  control::agent::event what;
};
using host_news = std::variant<dial_done, frame_came, line_ended, leader_kept, machine_news>;

/// The host's letter box, for callbacks on any thread. Holds the actor weakly: a backend or a line
/// that outlives the host keeps nothing alive.
class host_box {
public:
  explicit host_box(mail_meter meter) : items_(std::move(meter)) {}
  void owner(const host_actor& actor) { actor_ = caf::actor_cast<caf::weak_actor_ptr>(actor); }
  void push(host_news news) {
    if (!items_.push(std::move(news)))
      return;
    if (const auto actor = caf::actor_cast<host_actor>(actor_))
      caf::anon_send(actor, atom::wake_v);
  }
  [[nodiscard]] std::vector<host_news> take(std::vector<host_news> spare) {
    return items_.take(std::move(spare));
  }

private:
  inbox<host_news> items_;
  caf::weak_actor_ptr actor_;
};

struct host_shell {
  static inline const char* name = "host";

  host_actor::stateful_pointer<host_shell> self = nullptr;
  host_parts parts;
  std::shared_ptr<host_box> box;
  std::vector<host_news> in_hand;
  std::optional<control::host_machine> machine;
  std::optional<control::agent_link> link;
  std::optional<gate> frames;
  std::map<model::device_id, device_actor> devices;
  std::shared_ptr<agent_line> line; ///< null while not connected
  std::uint64_t dial = 0;           ///< the newest attempt; news of others are old
  model::leader_epoch leader = 0;   ///< the highest that is on disk
  /// A newer leader's words, obeyed once its epoch is on disk. More than these are dropped: the
  /// controller repeats what matters.
  std::vector<model::to_host> unobeyed;
  static constexpr std::size_t unobeyed_max = 64;
  bool machine_knows_link = false;
  std::string trouble; ///< with the link, as told last; empty while it is up
  /// The machine's timers.
  std::multimap<model::timestamp, control::agent::ticket> timers;
  wake_ups ticks;

  ~host_shell() {
    if (line)
      line->close("the agent stops");
    if (machine_knows_link)
      parts.counters.links_up.add(-1);
  }

  void work() {
    in_hand = box->take(std::move(in_hand));
    for (auto& each : in_hand)
      std::visit([this](auto& news) { on(news); }, each);
    in_hand.clear();
    settle();
  }
  void tell_machine(const control::agent::event& what) {
    for (auto& effect : machine->step(parts.clock(), what))
      std::visit([this](auto& each) { carry_out(each); }, effect);
  }
  void on_time() {
    ticks.arrived();
    // The transport pings and closes a line that is dead: one that is open is a sign of life.
    if (line)
      link->heard(parts.clock());
    act(link->on_timer(parts.clock()));
    fire_timers(parts.clock());
    settle();
  }
  void fire_timers(model::timestamp now) {
    while (!timers.empty() && timers.begin()->first <= now) {
      const auto number = timers.begin()->second;
      timers.erase(timers.begin());
      tell_machine(control::agent::timer_fired{number});
    }
  }
  /// After every step: frames out, timer armed.
  void settle() {
    while (line) {
      auto frame = link->next_frame(parts.clock());
      if (!frame)
        break;
      parts.counters.frames_sent.increment();
      (void)line->send(std::move(*frame)); // a line that is gone reports it by itself
    }
    auto due = link->deadline();
    if (!timers.empty())
      due = std::min(due, timers.begin()->first);
    if (ticks.wants(due))
      self->delayed_send(self, std::max(due - parts.clock(), model::duration::zero()),
                         atom::tick_v);
  }

  // --- The line

  void on(dial_done& news);
  void on(frame_came& news);
  void on(const line_ended& news);
  void on(leader_kept& news);
  void on(const machine_news& news) { tell_machine(news.what); }
  void lose_line();
  void tell_trouble(const std::string& what) {
    if (what != trouble && parts.on_link)
      parts.on_link(&what);
    trouble = what;
  }
  void act(std::vector<control::agent_link::action> actions) {
    for (auto& each : actions)
      std::visit([this](auto& what) { act_on(what); }, each);
  }
  void act_on(const control::agent_link::connect&);
  void act_on(control::agent_link::welcomed& what) {
    trouble.clear();
    if (parts.on_link)
      parts.on_link(nullptr);
    if (what.message.leader <= leader)
      return tell_machine(model::to_host{what.message});
    unobeyed.assign(1, what.message);
    parts.keeper->keep({leader_key(parts.name), {what.message.leader, std::nullopt}},
                       [to = box, number = dial](model::result<void> outcome) {
                         to->push(leader_kept{number, std::move(outcome)});
                       });
  }
  void act_on(control::agent_link::told& what) {
    if (unobeyed.empty())
      tell_machine(std::move(what.message));
    else if (unobeyed.size() < unobeyed_max)
      unobeyed.push_back(std::move(what.message));
  }
  void act_on(const control::agent_link::dropped& what) {
    parts.counters.frames_dropped.at(static_cast<std::size_t>(what.fault)).increment();
  }
  void act_on(const control::agent_link::close& what);

  // --- The machine's effects

  void carry_out(control::agent::spawn_device& what) {
    auto device = spawn_device(self->system(),
                               {what.device, what.kept, parts.turnover, parts.keeper, parts.clock,
                                host_actor{self}, [to = box](control::agent::device_said said) {
                                  to->push(machine_news{std::move(said)});
                                }});
    devices.insert_or_assign(what.device, std::move(device));
  }
  void carry_out(control::agent::tell_device& what) {
    if (const auto found = devices.find(what.device); found != devices.end())
      self->send(found->second, pack(device_event{std::move(what.what)}));
  }
  void carry_out(control::agent::perform& what) {
    const auto number = what.number;
    parts.backend->perform(
        std::move(what.what),
        [to = box, number](model::result<hostbackend::operation_result> outcome) {
          to->push(machine_news{control::agent::operation_finished{number, std::move(outcome)}});
        });
  }
  void carry_out(const control::agent::arm_timer& what) {
    timers.emplace(parts.clock() + what.after, what.number);
  }
  void carry_out(control::agent::send& what) {
    // Dropped before the welcome: the full report after it makes up for that.
    if (!link->send(std::move(what.what)) && link->welcome())
      act_on(control::agent_link::close{
          {model::errc::busy, "too much waits to be sent to the controller"}});
  }
  void carry_out(const control::agent::refused& what) {
    parts.counters.commands_refused.increment();
    if (parts.on_refused)
      parts.on_refused(what.why);
  }
};

void host_shell::act_on(const control::agent_link::connect&) {
  const auto number = ++dial;
  auto door = *frames;
  agent_listener listener;
  listener.on_frame = [to = box, number, door](model::link_frame<model::to_host> frame) mutable {
    // Over the bound the frame is lost; the link is level-triggered, so a later one makes up.
    if (auto admitted = door.try_acquire())
      to->push(frame_came{number, std::move(frame), std::move(*admitted)});
  };
  listener.on_closed = [to = box, number](std::string reason) {
    to->push(line_ended{number, std::move(reason)});
  };
  parts.dialer->dial(parts.name, std::move(listener),
                     [to = box, number](model::result<std::shared_ptr<agent_line>> opened) {
                       to->push(dial_done{number, std::move(opened)});
                     });
}

void host_shell::on(dial_done& news) {
  if (news.dial != dial) {
    if (news.line)
      (*news.line)->close("a newer connection is being made");
    return;
  }
  if (!news.line) {
    parts.counters.dials_failed.increment();
    tell_trouble(news.line.error().message);
    link->disconnected(parts.clock());
    return;
  }
  line = std::move(*news.line);
  machine_knows_link = true;
  link->connected(parts.clock());
  parts.counters.links_up.add(1);
  tell_machine(control::agent::link_up{});
}

void host_shell::on(frame_came& news) {
  news.admitted.release();
  if (news.dial != dial || !line)
    return;
  parts.counters.frames_received.increment();
  act(link->received(parts.clock(), std::move(news.frame)));
}

void host_shell::on(const line_ended& news) {
  if (news.dial != dial || !line)
    return;
  link->disconnected(parts.clock());
  tell_trouble(news.reason);
  lose_line();
}

void host_shell::on(leader_kept& news) {
  if (news.dial != dial || !line || unobeyed.empty())
    return;
  if (!news.outcome) {
    link->disconnected(parts.clock());
    return act_on(control::agent_link::close{std::move(news.outcome.error())});
  }
  leader = link->leader();
  for (auto& each : std::exchange(unobeyed, {}))
    tell_machine(std::move(each));
}

void host_shell::act_on(const control::agent_link::close& what) {
  ++dial; // whatever still comes from that line is old
  if (line)
    line->close(what.why.message);
  tell_trouble(what.why.message);
  lose_line();
}

void host_shell::lose_line() {
  line.reset();
  unobeyed.clear();
  if (!std::exchange(machine_knows_link, false))
    return;
  parts.counters.links_up.add(-1);
  tell_machine(control::agent::link_down{});
}

host_actor::behavior_type run_host(host_actor::stateful_pointer<host_shell> self,
                                   const host_parts& parts) {
  auto& shell = self->state;
  shell.self = self;
  shell.parts = parts;
  shell.box = std::make_shared<host_box>(parts.counters.mail);
  shell.box->owner(host_actor{self});
  shell.frames.emplace(parts.frames_max);
  shell.machine.emplace(parts.options);
  if (const auto kept = parts.kept.find(leader_key(parts.name)); kept != parts.kept.end())
    shell.leader = kept->second.epoch;
  shell.link.emplace(parts.link, parts.incarnation, shell.leader, parts.dice, parts.clock());
  parts.backend->on_event([to = shell.box](hostbackend::backend_event what) {
    to->push(machine_news{std::move(what)});
  });
  shell.tell_machine(control::agent::started{std::move(shell.parts.kept)});
  shell.settle();
  return {
      [self](atom::wake) { self->state.work(); },
      [self](atom::tick) { self->state.on_time(); },
  };
}

} // namespace

agent_counters::agent_counters(metrics::registry& live, std::function<model::timestamp()> clock)
    : mail(live, "host", std::move(clock)), links_up(live.get_gauge(metric::host_links)),
      dials_failed(live.get_counter(metric::host_link_dial_failures_total)),
      frames_sent(live.get_counter(metric::host_link_frames_sent_total)),
      frames_received(live.get_counter(metric::host_link_frames_received_total)),
      commands_refused(live.get_counter(metric::host_commands_refused_total)) {
  for (std::size_t i = 0; i < frames_dropped.size(); ++i)
    frames_dropped.at(i) =
        live.get_counter(metric::host_link_frames_dropped_total,
                         {control::to_string(static_cast<control::frame_fault>(i))});
}

host_actor spawn_host(caf::actor_system& system, host_parts parts) {
  return system.spawn(run_host, std::move(parts));
}

} // namespace berth::actors
