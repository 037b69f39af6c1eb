#include "actors/host_link_actor.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/interfaces.hpp"
#include "actors/wake_ups.hpp"

namespace berth::actors {

using metrics::metric;

namespace {

struct frame_came {
  model::timestamp at;
  model::link_frame<model::from_host> frame;
  permit admitted;
};
struct line_ended {};
struct flooded {};
struct welcome_given {
  model::link_welcome message;
};
struct told {
  model::to_host message;
};
struct close_asked {
  model::failure why;
};
using link_news = std::variant<frame_came, line_ended, flooded, welcome_given, told, close_asked>;

/// The link's letter box, for the transport and the cluster.
class link_box {
public:
  explicit link_box(mail_meter meter) : items_(std::move(meter)) {}
  void owner(const host_link_actor& actor) { actor_ = caf::actor_cast<caf::weak_actor_ptr>(actor); }
  void push(link_news news) {
    if (items_.push(std::move(news)))
      wake();
  }
  /// For a sign of life: the link reads it with the next news, or when its lease would run out.
  void leave(frame_came news) {
    const auto enough = [at = news.at](const auto& unread) {
      const auto* first = std::get_if<frame_came>(&unread.front());
      return unread.size() >= unread_max ||
             (first != nullptr && at >= first->at + control::host_link::read_each);
    };
    if (items_.leave(std::move(news), enough))
      wake();
  }
  [[nodiscard]] std::vector<link_news> take(std::vector<link_news> spare) {
    return items_.take(std::move(spare));
  }

private:
  static constexpr std::size_t unread_max = 16;
  void wake() {
    if (const auto actor = caf::actor_cast<host_link_actor>(actor_))
      caf::anon_send(actor, atom::wake_v);
  }

  inbox<link_news> items_;
  caf::weak_actor_ptr actor_;
};

/// The cluster's words. Bounded: the cluster says little, and only in answer to what it heard.
class outlet final : public link_outlet {
public:
  explicit outlet(std::shared_ptr<link_box> box) : box_(std::move(box)) {}
  void welcome(model::link_welcome message) override { box_->push(welcome_given{message}); }
  void tell(model::to_host message) override { box_->push(told{std::move(message)}); }
  void close(model::failure why) override { box_->push(close_asked{std::move(why)}); }

private:
  std::shared_ptr<link_box> box_;
};

struct link_cargo {
  std::shared_ptr<const host_link_parts> parts;
  std::string host;
  std::shared_ptr<controller_line> line;
  std::shared_ptr<link_box> box;
};

struct link_shell {
  static inline const char* name = "host_link";

  host_link_actor::stateful_pointer<link_shell> self = nullptr;
  link_cargo with;
  std::optional<control::host_link> machine;
  control::link_id id{};
  bool known_to_cluster = false;
  std::uint64_t missed = 0; ///< frames, as counted last
  std::vector<link_news> in_hand;
  std::optional<permit> holding; ///< of the frame in hand; goes on to the cluster
  wake_ups ticks;

  ~link_shell() {
    if (!machine)
      return;
    with.parts->counters.open.add(-1);
  }

  void work() {
    read();
    settle();
  }
  void on_time();
  void read();
  void settle();
  void end(const model::failure& why, bool expired);

  void on(frame_came& news);
  void on(const line_ended&) { end({model::errc::host_offline, "the connection ended"}, false); }
  void on(const flooded&) {
    end({model::errc::too_large, "the agent of " + with.host + " sends faster than it is heard"},
        false);
  }
  void on(const welcome_given& news) { machine->accept(with.parts->clock(), news.message); }
  void on(told& news) {
    if (!machine->send(std::move(news.message)))
      end({model::errc::busy, "too much is unsent to the agent of " + with.host}, false);
  }
  void on(const close_asked& news) { end(news.why, false); }

  void act(std::vector<control::host_link::action> actions) {
    for (auto& each : actions)
      std::visit([this](auto& what) { act_on(what); }, each);
  }
  void act_on(control::host_link::opened& what);
  void act_on(control::host_link::said& what);
  void act_on(const control::host_link::dropped& what) {
    with.parts->counters.frames_dropped.at(static_cast<std::size_t>(what.fault)).increment();
  }
  void act_on(const control::host_link::close& what) { end(what.why, what.expired); }
  [[nodiscard]] door_item item_of(control::input what,
                                  std::shared_ptr<link_outlet> words = nullptr) {
    door_item item{std::move(what), {}, std::move(words), {}};
    if (holding)
      item.admitted = *std::exchange(holding, std::nullopt);
    return item;
  }
};

void link_shell::read() {
  in_hand = with.box->take(std::move(in_hand));
  for (auto& each : in_hand)
    if (with.line)
      std::visit([this](auto& news) { on(news); }, each);
  in_hand.clear();
}

void link_shell::on_time() {
  ticks.arrived();
  const auto now = with.parts->clock();
  read(); // there may be signs of life; what comes from here on is later than `now`
  if (with.line)
    act(machine->on_timer(now));
  settle();
}

void link_shell::settle() {
  while (with.line) {
    auto frame = machine->next_frame();
    if (!frame)
      break;
    with.parts->counters.frames_sent.increment();
    (void)with.line->send(std::move(*frame)); // a line that is gone reports it by itself
  }
  if (!with.line)
    return;
  const auto due = machine->deadline();
  if (ticks.wants(due))
    self->delayed_send(self, std::max(due - with.parts->clock(), model::duration::zero()),
                       atom::tick_v);
}

void link_shell::on(frame_came& news) {
  with.parts->counters.frames_received.increment();
  holding = std::move(news.admitted);
  act(machine->received(news.at, std::move(news.frame)));
  const auto before = std::exchange(missed, machine->frames_missed());
  with.parts->counters.frames_missed.increment(static_cast<double>(missed - before));
  holding.reset();
}

void link_shell::act_on(control::host_link::opened& what) {
  known_to_cluster = true;
  with.parts->counters.accepted.increment();
  with.parts->door->push(item_of(control::link_opened{id, what.incarnation, std::move(what.info)},
                                 std::make_shared<outlet>(with.box)));
}

void link_shell::act_on(control::host_link::said& what) {
  const bool can_wait = std::holds_alternative<model::link_heartbeat>(what.message);
  if (can_wait)
    holding.reset(); // one in `passed_on_each`, and it may wait there for long
  auto item = item_of(control::host_said{id, std::move(what.message), what.at});
  can_wait ? with.parts->door->leave(std::move(item)) : with.parts->door->push(std::move(item));
}

void link_shell::end(const model::failure& why, bool expired) {
  if (!with.line)
    return;
  with.line->close(why.message);
  with.line.reset();
  if (known_to_cluster)
    with.parts->door->push(
        item_of(expired ? control::input{control::lease_expired{id, machine->last_heard()}}
                        : control::input{control::link_closed{id, machine->last_heard()}}));
  self->quit();
}

host_link_actor::behavior_type run_link(host_link_actor::stateful_pointer<link_shell> self,
                                        const link_cargo& cargo) {
  auto& shell = self->state;
  shell.self = self;
  shell.with = cargo;
  shell.id = cargo.parts->door->next_link();
  auto how = cargo.parts->link;
  how.leader = cargo.parts->door->leader();
  shell.machine.emplace(how, cargo.host, cargo.parts->clock());
  cargo.parts->counters.open.add(1);
  shell.settle();
  return {
      [self](atom::wake) { self->state.work(); },
      [self](atom::tick) { self->state.on_time(); },
  };
}

/// A heartbeat that says no more than: still here.
bool is_next_heartbeat(const model::link_frame<model::from_host>& frame, model::link_header last) {
  ++last.sequence;
  return std::holds_alternative<model::link_heartbeat>(frame.message) && frame.header == last;
}

class live_link_door final : public link_door {
public:
  live_link_door(caf::actor_system& system, host_link_parts parts)
      : system_(system), parts_(std::make_shared<const host_link_parts>(std::move(parts))) {}

  controller_listener admit(std::string host, std::shared_ptr<controller_line> line) override {
    auto box = std::make_shared<link_box>(parts_->counters.mail);
    const auto actor =
        system_.spawn(run_link, link_cargo{parts_, std::move(host), std::move(line), box});
    box->owner(actor);
    return listener(parts_, box);
  }

private:
  static controller_listener listener(const std::shared_ptr<const host_link_parts>& parts,
                                      const std::shared_ptr<link_box>& box) {
    controller_listener heard;
    heard.on_frame = [parts, box, frames = gate{parts->frames_max}, last = model::link_header{},
                      over = false](model::link_frame<model::from_host> frame) mutable {
      if (over)
        return;
      auto admitted = frames.try_acquire();
      if (!admitted) {
        over = true;
        return box->push(flooded{});
      }
      const bool can_wait = is_next_heartbeat(frame, std::exchange(last, frame.header));
      frame_came news{parts->clock(), std::move(frame), std::move(*admitted)};
      can_wait ? box->leave(std::move(news)) : box->push(std::move(news));
    };
    heard.on_closed = [box](const std::string&) { box->push(line_ended{}); };
    return heard;
  }

  caf::actor_system& system_;
  std::shared_ptr<const host_link_parts> parts_;
};

} // namespace

link_counters::link_counters(metrics::registry& live, std::function<model::timestamp()> clock)
    : mail(live, "host_link", std::move(clock)), open(live.get_gauge(metric::host_links)),
      accepted(live.get_counter(metric::host_links_accepted_total)),
      frames_received(live.get_counter(metric::host_link_frames_received_total)),
      frames_sent(live.get_counter(metric::host_link_frames_sent_total)),
      frames_missed(live.get_counter(metric::host_link_frames_missed_total)) {
  for (std::size_t i = 0; i < frames_dropped.size(); ++i)
    frames_dropped.at(i) =
        live.get_counter(metric::host_link_frames_dropped_total,
                         {control::to_string(static_cast<control::frame_fault>(i))});
}

std::shared_ptr<link_door> make_link_door(caf::actor_system& system, host_link_parts parts) {
  return std::make_shared<live_link_door>(system, std::move(parts));
}

} // namespace berth::actors
