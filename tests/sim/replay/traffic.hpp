#pragma once

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "model/random.hpp"
#include "sim/replay/replayer.hpp"
#include "tests/control/cluster_world.hpp"

namespace berth::sim::testing {

using control::testing::cluster_world;
using control::testing::device_of;
using control::testing::make_host;
using control::testing::make_spec;

/// Random users of a few hosts, whose machines and controller have their troubles: what they do is
/// in the log of a production cluster machine.
class traffic {
public:
  explicit traffic(std::uint64_t seed, control::cluster_config config = {})
      : dice_(seed), world_(std::move(config), seed) {
    world_.counts_on_plans = true;
    for (int i = 0; i < 6; ++i) {
      hosts_.push_back(make_host("host-" + std::to_string(i), 2 + 2 * (i % 4)));
      links_.push_back(world_.connect(hosts_.back()));
    }
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) {
      act();
      obey();
    }
  }
  [[nodiscard]] cluster_world& world() { return world_; }
  [[nodiscard]] const std::vector<model::log_record>& log() const { return world_.log; }

private:
  int below(int bound) { return static_cast<int>(dice_.below(static_cast<std::uint64_t>(bound))); }
  std::size_t some_host() { return static_cast<std::size_t>(below(6)); }

  void act() {
    switch (below(14)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
      return create();
    case 5:
    case 6:
    case 7:
      return remove_some();
    case 8:
    case 9:
      return pass(std::chrono::minutes{1 + below(20)});
    case 10:
      return switch_host();
    case 11:
      return break_device();
    case 12:
      return dice_.chance(0.4) ? restart() : attach_some();
    default:
      return lose_commit();
    }
  }

  model::server_spec some_spec() {
    auto spec = make_spec("s" + std::to_string(++names_), below(5) == 0 ? 0 : 1 << below(4));
    spec.vcpus = 1 + below(40);
    if (below(3) != 0) {
      spec.wait_for_capacity = std::chrono::minutes{5 + below(200)};
      spec.priority = below(3) * 40;
    }
    if (below(2) == 0)
      spec.lifetime = std::chrono::minutes{10 + below(120)};
    if (below(8) == 0)
      spec.anti_affinity_group = "group";
    if (below(4) == 0)
      spec.topology.numa = model::wish::require;
    if (below(10) == 0)
      spec.devices = {{device_of(hosts_[some_host()], 0), 1, {}}};
    return spec;
  }
  void create() {
    model::create_servers command;
    for (int i = 0; i <= below(3); ++i)
      command.specs.push_back(some_spec());
    world_.send(std::move(command));
  }
  std::vector<std::string> names() {
    std::vector<std::string> all;
    world_.machine->state().servers().walk(true, [&](const control::server_entry& entry) {
      all.push_back(entry.record.spec->name);
      return true;
    });
    return all;
  }
  void remove_some() {
    const auto all = names();
    for (int i = below(4); i > 0 && !all.empty(); --i)
      world_.send(model::act_on_server{all[dice_.below(all.size())], model::server_action::remove});
  }
  void attach_some() {
    const auto all = names();
    if (!all.empty())
      world_.send(model::attach_device{
          all[dice_.below(all.size())], to_string(device_of(hosts_[some_host()], 1)), {}});
  }
  void pass(model::duration by) {
    const auto until = world_.now + by;
    while (world_.now < until) {
      const auto due = world_.machine->next_tick();
      world_.now = std::max(world_.now, due ? std::min(*due, until) : until);
      for (const auto& link : links_)
        world_.say(link, model::link_heartbeat{});
      world_.settle();
    }
  }
  void switch_host() {
    model::update_host how;
    how.host = hosts_[some_host()].name;
    how.enabled = dice_.chance(0.7);
    how.maintenance = dice_.chance(0.2);
    world_.send(how);
  }
  /// A device is lost, or comes out of its turnover broken; obeying reports it mended.
  void break_device() {
    const auto host = some_host();
    model::observed_state report;
    report.report = ++world_.last_report;
    const auto id = device_of(hosts_[host], 0);
    const auto& known = world_.device(id);
    report.devices.push_back(
        {id, dice_.chance(0.5) ? model::device_state::quarantined : model::device_state::lost,
         "broken", known.epoch, ""});
    world_.say(links_[host], std::move(report));
    create();
  }
  void restart() {
    world_.restart();
    for (std::size_t i = 0; i < hosts_.size(); ++i)
      links_[i] = world_.connect(hosts_[i]);
  }
  void lose_commit() {
    world_.hold_commits = true;
    create();
    remove_some();
    world_.fail_commit();
    world_.hold_commits = false;
    pass(std::chrono::seconds{5});
  }
  void obey() {
    for (int i = 0; i < 2; ++i) {
      for (std::size_t host = 0; host < hosts_.size(); ++host)
        world_.obey(hosts_[host], links_[host]);
      world_.settle();
    }
  }

  model::random dice_;
  cluster_world world_;
  std::vector<model::host_info> hosts_;
  std::vector<control::link_id> links_;
  int names_ = 0;
};

/// Replays a whole log, beside another policy's course if there is one.
inline replay_report replay(const std::vector<model::log_record>& log,
                            replay_options options = {}) {
  replayer again{options};
  again.begin();
  for (const auto& record : log)
    if (const auto fed = again.feed(record); !fed)
      throw std::logic_error{fed.error().message};
  return again.report();
}

inline counterfactual_report play(const std::vector<model::log_record>& log,
                                  counterfactual_options options) {
  replayer again{{}};
  again.begin();
  counterfactual other{again.state(), options};
  again.play_beside(other);
  for (const auto& record : log)
    if (const auto fed = again.feed(record); !fed)
      throw std::logic_error{fed.error().message};
  return other.report();
}

} // namespace berth::sim::testing
