#include "sim/faulty_network.hpp"

#include <algorithm>
#include <utility>

namespace berth::sim {

struct faulty_network::connection {
  std::string host;
  actors::agent_listener agent;
  actors::controller_listener controller;
  bool open = true;
  bool agent_gone = false;
  model::timestamp due_at_agent{};
  model::timestamp due_at_controller{};
};

struct faulty_network::state {
  state(kernel& in, model::random rolled, link_faults bad) : world(in), dice(rolled), faults(bad) {}

  kernel& world;
  model::random dice;
  link_faults faults;
  actors::link_door* door = nullptr;
  std::set<std::string> cuts;
  std::vector<std::weak_ptr<connection>> connections;
  counters counted;

  [[nodiscard]] bool is_cut(const std::string& host) const { return cuts.contains(host); }

  [[nodiscard]] model::duration draw_delay() {
    const auto span = (faults.delay_max - faults.delay_min).count();
    return faults.delay_min + model::duration{static_cast<std::int64_t>(dice.below(
                                  static_cast<std::uint64_t>(std::max<std::int64_t>(span, 1))))};
  }

  /// Both ends hear of the end after `after`; what is under way is lost.
  void end(const std::shared_ptr<connection>& line, model::duration after, std::string why) {
    if (!std::exchange(line->open, false))
      return;
    world.after(after, [line, why = std::move(why)] {
      auto agent = std::exchange(line->agent, {});
      auto controller = std::exchange(line->controller, {});
      if (!line->agent_gone && agent.on_closed)
        agent.on_closed(why);
      if (controller.on_closed)
        controller.on_closed(why);
    });
  }

  template <class Message, class Deliver>
  void deliver_later(const std::shared_ptr<connection>& line, model::timestamp& last_due,
                     model::link_frame<Message>&& frame, Deliver deliver) {
    auto due = std::max(world.now() + draw_delay(), last_due);
    if (dice.chance(faults.late)) {
      ++counted.late;
      due += model::duration{static_cast<std::int64_t>(
          dice.below(static_cast<std::uint64_t>(faults.late_max.count()) + 1))};
    } else {
      last_due = due;
    }
    world.after(due - world.now(), [line, frame = std::move(frame), deliver]() mutable {
      if (line->open)
        deliver(*line, std::move(frame));
    });
  }

  template <class Message, class Deliver>
  bool transmit(const std::shared_ptr<connection>& line, model::timestamp& last_due,
                model::link_frame<Message>&& frame, Deliver deliver) {
    if (!line->open)
      return false;
    ++counted.sent;
    if (dice.chance(faults.breakage)) {
      ++counted.broken;
      end(line, draw_delay(), "the connection broke");
      return false;
    }
    if (is_cut(line->host) || dice.chance(faults.loss)) {
      ++counted.lost;
      return true;
    }
    if (dice.chance(faults.duplicate)) {
      ++counted.duplicated;
      deliver_later(line, last_due, model::link_frame<Message>{frame}, deliver);
    }
    deliver_later(line, last_due, std::move(frame), deliver);
    return true;
  }

  template <class Predicate>
  void end_where(Predicate chosen, model::duration after, const std::string& why) {
    std::erase_if(connections, [](const auto& each) { return each.expired(); });
    const auto all = connections;
    for (const auto& each : all)
      if (auto line = each.lock(); line && chosen(*line))
        end(line, after, why);
  }
};

namespace {

class agent_end final : public actors::agent_line {
public:
  agent_end(std::shared_ptr<faulty_network::state> net,
            std::shared_ptr<faulty_network::connection> line)
      : net_(std::move(net)), line_(std::move(line)) {}
  bool send(model::link_frame<model::from_host> frame) override {
    return net_->transmit(line_, line_->due_at_controller, std::move(frame),
                          [](faulty_network::connection& to, auto&& arrived) {
                            if (to.controller.on_frame)
                              to.controller.on_frame(std::move(arrived));
                          });
  }
  void close(std::string reason) override {
    net_->end(line_, model::duration::zero(), std::move(reason));
  }

private:
  std::shared_ptr<faulty_network::state> net_;
  std::shared_ptr<faulty_network::connection> line_;
};

class controller_end final : public actors::controller_line {
public:
  controller_end(std::shared_ptr<faulty_network::state> net,
                 std::shared_ptr<faulty_network::connection> line)
      : net_(std::move(net)), line_(std::move(line)) {}
  bool send(model::link_frame<model::to_host> frame) override {
    return net_->transmit(line_, line_->due_at_agent, std::move(frame),
                          [](faulty_network::connection& to, auto&& arrived) {
                            if (!to.agent_gone && to.agent.on_frame)
                              to.agent.on_frame(std::move(arrived));
                          });
  }
  void close(std::string reason) override {
    net_->end(line_, model::duration::zero(), std::move(reason));
  }

private:
  std::shared_ptr<faulty_network::state> net_;
  std::shared_ptr<faulty_network::connection> line_;
};

} // namespace

faulty_network::faulty_network(kernel& world, model::random dice, link_faults faults)
    : state_(std::make_shared<state>(world, dice, faults)) {}
faulty_network::~faulty_network() = default;

void faulty_network::attach(actors::link_door* door) {
  state_->end_where([](const connection&) { return true; }, std::chrono::milliseconds{1},
                    "the controller went away");
  state_->door = door;
}

void faulty_network::set_faults(const link_faults& faults) {
  state_->faults = faults;
}

void faulty_network::cut(const std::string& host) {
  state_->cuts.insert(host);
  state_->world.after(idle_timeout, [net = state_, host] {
    if (net->is_cut(host))
      net->end_where([&](const connection& each) { return each.host == host; },
                     model::duration::zero(), "nothing was heard for too long");
  });
}

void faulty_network::heal(const std::string& host) {
  state_->cuts.erase(host);
}

void faulty_network::drop_agent(const std::string& host) {
  for (const auto& each : state_->connections)
    if (auto line = each.lock(); line && line->host == host)
      line->agent_gone = true;
  state_->end_where([&](const connection& each) { return each.host == host; },
                    std::chrono::milliseconds{1}, "the agent went away");
}

void faulty_network::dial(const std::string& host, actors::agent_listener listener, opened done) {
  state_->world.after(connect_time, [net = state_, host, listener = std::move(listener),
                                     done = std::move(done)]() mutable {
    if (net->door == nullptr || net->is_cut(host)) {
      done(model::fail(model::errc::host_offline, "the controller cannot be reached"));
      return;
    }
    auto line = std::make_shared<connection>();
    line->host = host;
    line->agent = std::move(listener);
    net->connections.push_back(line);
    ++net->counted.opened;
    done(std::make_shared<agent_end>(net, line));
    line->controller = net->door->admit(host, std::make_shared<controller_end>(net, line));
  });
}

const faulty_network::counters& faulty_network::counted() const {
  return state_->counted;
}

} // namespace berth::sim
