#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "control/host_machine.hpp"
#include "hostbackend/simulated/simulated_backend.hpp"
#include "model/random.hpp"
#include "tests/hostbackend/manual_timer.hpp"

namespace berth::control::testing {

/// A whole agent in virtual time: the host's machine, its devices' machines, a disk, a simulated
/// backend, and a controller in miniature at the other end of a link that may lose messages. Every
/// recipient's mail is in order; which recipient goes next is drawn.
class agent_world {
public:
  agent_world(hostbackend::simulated::simulated_host host, std::uint64_t seed,
              hostbackend::simulated::simulated_settings settings = {})
      : dice{seed}, backend{std::move(host),
                            std::make_shared<hostbackend::simulated::simulated_settings>(
                                std::move(settings)),
                            clock, model::random{seed + 1}} {
    backend.on_event([this](model::host_operations::backend_event event) {
      to_host(agent::machine_said{std::move(event)});
    });
    boot();
  }

  // --- What a test does

  /// The agent's process starts (again): memory is lost, disk and backend are not.
  void boot() {
    ++life_;
    link_is_up = false;
    host_mail_.clear();
    device_mail_.clear();
    devices.clear();
    machine.emplace(options);
    to_host(agent::started{disk});
  }
  void connect() {
    link_is_up = true;
    to_host(agent::link_up{});
  }
  void disconnect() {
    link_is_up = false;
    to_host(agent::link_down{});
  }
  /// Sends the desired state, as a controller does after every change.
  void send_desired() {
    ++desired.generation;
    if (link_is_up && !lost())
      to_host(agent::heard{desired});
  }
  void own(const model::device_id& device, std::optional<model::server_id> owner) {
    for (auto& one : desired.devices)
      if (one.id == device) {
        ++one.epoch;
        one.owner = owner;
      }
  }
  /// Wants the server gone, as after its deletion: until the host says that it is.
  void remove(const model::server_id& server) {
    std::erase_if(desired.servers, [&](const auto& one) { return one.id == server; });
    auto& removals = desired.removals;
    removals.insert(std::ranges::upper_bound(removals, server), server);
    for (const auto& one : desired.devices)
      if (one.owner == server)
        own(one.id, std::nullopt);
  }
  [[nodiscard]] model::desired_server* wanted(const model::server_id& server) {
    const auto found = std::ranges::find(desired.servers, server, &model::desired_server::id);
    return found == desired.servers.end() ? nullptr : &*found;
  }
  void attach(const model::device_id& device, model::desired_server& server) {
    own(device, server.id);
    server.attachments.push_back({.device = device, .epoch = epoch_of(device)});
  }
  void detach(const model::device_id& device, model::desired_server& server) {
    own(device, std::nullopt);
    std::erase_if(server.attachments, [&](const auto& one) { return one.device == device; });
  }
  [[nodiscard]] model::device_epoch epoch_of(const model::device_id& device) const {
    for (const auto& one : desired.devices)
      if (one.id == device)
        return one.epoch;
    return 0;
  }

  /// Delivers one piece of mail; false if there is none.
  bool deliver_one() {
    std::vector<model::device_id> waiting;
    for (const auto& [id, mail] : device_mail_)
      if (!mail.empty())
        waiting.push_back(id);
    const auto recipients = waiting.size() + (host_mail_.empty() ? 0U : 1U);
    if (recipients == 0)
      return false;
    const auto pick = dice.below(recipients);
    if (pick == waiting.size()) {
      const auto event = std::move(host_mail_.front());
      host_mail_.pop_front();
      for (auto& effect : machine->step({}, event))
        carry_out(std::move(effect));
    } else {
      deliver_to_device(waiting[pick]);
    }
    return true;
  }
  void deliver_all() {
    while (deliver_one()) {
    }
  }
  /// Time passes until nothing is left to happen, at most `most`.
  void run(model::duration most = std::chrono::hours{6}) {
    const auto until = clock.now() + most;
    deliver_all();
    while (clock.waiting() > 0 && clock.now() < until) {
      clock.run_all(1);
      deliver_all();
    }
  }
  void run_for(model::duration time) {
    for (int i = 0; i < 20; ++i) {
      deliver_all();
      clock.advance(time / 20);
    }
    deliver_all();
  }

  [[nodiscard]] model::server_status status_of(const model::server_id& server) const {
    const auto found = servers_seen.find(server);
    return found == servers_seen.end() ? model::server_status::init : found->second.status;
  }
  [[nodiscard]] model::device_state state_of(const model::device_id& device) const {
    const auto found = devices_seen.find(device);
    return found == devices_seen.end() ? model::device_state::discovered : found->second.state;
  }
  [[nodiscard]] std::vector<model::host_operations::listed_server> listing() {
    std::vector<model::host_operations::listed_server> all;
    backend.perform(hostbackend::list_servers{}, [&all](const auto& result) {
      all = std::get<model::host_operations::server_listing>(*result).servers;
    });
    run();
    return all;
  }

  // The world. A test may look at everything and change what is not const.
  model::random dice;
  hostbackend::testing::manual_timer clock;
  hostbackend::simulated::simulated_backend backend;
  host_options options;
  std::optional<host_machine> machine;
  std::map<model::device_id, device_turnover> devices;
  std::map<model::device_id, turnover::ownership> disk;
  model::desired_state desired{
      .leader = 1, .generation = 0, .servers = {}, .removals = {}, .devices = {}};
  bool link_is_up = false;
  double loss = 0; ///< of messages on the link
  std::size_t in_flight_max = 0;
  std::vector<model::failure> refusals;
  // What the controller has heard.
  std::optional<model::host_info> hello;
  std::uint64_t last_report = 0;
  std::vector<model::observed_state> reports;
  std::map<model::server_id, model::observed_server> servers_seen;
  std::map<model::device_id, model::observed_device> devices_seen;
  std::vector<std::string> plugs_taken_back; ///< why
  bool acknowledge = true;
  /// Told of every operation that ends, whichever life of the agent asked for it; may be empty.
  std::function<void(const model::host_operations::operation&)> on_answer;

private:
  bool lost() { return loss > 0 && dice.chance(loss); }
  void to_host(agent::event event) { host_mail_.push_back(std::move(event)); }
  void to_device(const model::device_id& id, turnover::event event) {
    device_mail_[id].push_back(std::move(event));
  }

  void carry_out(agent::effect effect) {
    if (const auto* spawn = std::get_if<agent::spawn_device>(&effect)) {
      ASSERT_TRUE(devices.try_emplace(spawn->device, spawn->device, spawn->kept).second);
    } else if (auto* told = std::get_if<agent::tell_device>(&effect)) {
      to_device(told->device, std::move(told->what));
    } else if (auto* work = std::get_if<agent::perform>(&effect)) {
      check_safe(work->what);
      in_flight_max = std::max(in_flight_max, machine->operations_in_flight());
      auto asked = work->what;
      backend.perform(std::move(work->what), [this, life = life_, number = work->number,
                                              asked = std::move(asked)](auto outcome) {
        if (on_answer)
          on_answer(asked);
        if (life == life_)
          to_host(agent::operation_finished{.number = number, .outcome = std::move(outcome)});
      });
    } else if (const auto* timer = std::get_if<agent::arm_timer>(&effect)) {
      clock.after(timer->after, [this, life = life_, number = timer->number] {
        if (life == life_)
          to_host(agent::timer_fired{number});
      });
    } else if (const auto* message = std::get_if<agent::send>(&effect)) {
      if (link_is_up && !lost())
        controller_hears(message->what);
    } else {
      refusals.push_back(std::get<agent::refused>(effect).why);
    }
  }

  /// What must hold at the moment that the backend is asked.
  void check_safe(const model::host_operations::operation& what) {
    namespace ops = model::host_operations;
    if (const auto* start = std::get_if<ops::start_server>(&what))
      for (const auto& one : start->server.attachments) {
        ASSERT_EQ(devices.at(one.device).user(), start->server.id) << "started without leave";
        ASSERT_EQ(devices.at(one.device).state(), model::device_state::in_use);
      }
    if (const auto* plug = std::get_if<ops::plug_device>(&what)) {
      ASSERT_EQ(devices.at(plug->device).user(), plug->server.id) << "plugged in without leave";
    }
    if (const auto* reset = std::get_if<ops::reset_device>(&what)) {
      ASSERT_FALSE(devices.at(reset->device).user().has_value()) << "reset under a guest";
    }
  }

  void deliver_to_device(const model::device_id& id) {
    auto& mail = device_mail_[id];
    const auto event = std::move(mail.front());
    mail.pop_front();
    for (auto& effect : devices.at(id).step({}, event)) {
      if (const auto* write = std::get_if<turnover::persist_ownership>(&effect)) {
        disk[id] = write->what;
        to_device(id, turnover::ownership_persisted{write->what.epoch});
      } else if (const auto* timer = std::get_if<turnover::arm_timer>(&effect)) {
        clock.after(timer->after, [this, life = life_, id, number = timer->number] {
          if (life == life_)
            to_device(id, turnover::timer_fired{number});
        });
      } else {
        to_host(agent::device_said{.device = id, .what = std::move(effect)});
      }
    }
  }

  void controller_says(model::to_host message) {
    if (!lost())
      to_host(agent::heard{std::move(message)});
  }

  void controller_hears(const model::from_host& message) {
    if (const auto* said = std::get_if<model::link_hello>(&message)) {
      hello = said->info;
      for (const auto& device : said->info.devices)
        if (epoch_of(device.id) == 0 && !known_devices_.contains(device.id)) {
          known_devices_.insert(device.id);
          desired.devices.push_back({.id = device.id, .epoch = 0, .owner = {}, .enabled = true});
        }
      last_report = 0;
      to_host(agent::heard{model::link_welcome{.leader = desired.leader}}); // else no link
      to_host(agent::heard{desired});
    } else if (const auto* report = std::get_if<model::observed_state>(&message)) {
      ASSERT_GT(report->report, last_report);
      last_report = report->report;
      reports.push_back(*report);
      if (report->full) {
        servers_seen.clear();
        devices_seen.clear();
      }
      for (const auto& one : report->servers)
        servers_seen[one.id] = one;
      for (const auto& one : report->devices)
        devices_seen[one.id] = one;
      for (const auto& id : report->gone) {
        servers_seen.erase(id);
        std::erase(desired.removals, id);
      }
      for (const auto& one : report->servers)
        take_back(one);
      if (acknowledge)
        controller_says(model::report_acknowledged{report->report});
    }
  }

  /// What could not be plugged, in or out, stays with whom it was.
  void take_back(const model::observed_server& seen) {
    auto* server = wanted(seen.id);
    bool taken_back = false;
    for (const auto& failure : seen.plug_failures) {
      const auto found =
          std::ranges::find(desired.devices, failure.device, &model::desired_device::id);
      if (server == nullptr || found == desired.devices.end() || found->epoch != failure.epoch)
        continue;
      taken_back = true;
      plugs_taken_back.push_back(failure.reason);
      if (found->owner == server->id)
        detach(failure.device, *server);
      else
        attach(failure.device, *server);
    }
    if (taken_back)
      send_desired();
  }

  std::uint64_t life_ = 0;
  std::deque<agent::event> host_mail_;
  std::map<model::device_id, std::deque<turnover::event>> device_mail_;
  std::set<model::device_id> known_devices_;
};

} // namespace berth::control::testing
