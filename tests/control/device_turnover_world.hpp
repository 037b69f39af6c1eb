#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/device_turnover.hpp"

namespace berth::control::testing {

inline model::device_id device_number(std::uint64_t n) {
  return {model::uuid::from_random(1, n)};
}
inline model::server_id server_number(std::uint64_t n) {
  return {model::uuid::from_random(2, n)};
}

inline model::device_info some_facts(model::device_id id) {
  model::device_info facts;
  facts.id = id;
  facts.model = "L40S";
  facts.reset_methods = {"flr", "bus"};
  return facts;
}

inline model::host_operations::device_evidence good_evidence() {
  return {.reset_method = "flr",
          .config_readable = true,
          .identity_matches = true,
          .bars_match = true,
          .link_matches = true,
          .vfio_bound = true,
          .group_released = true};
}

/// Everything a device's machine can see, held in the hand: a disk, a backend and timers that
/// answer when told to.
class device_world {
public:
  explicit device_world(turnover::ownership kept = {}, turnover_options options = {})
      : machine{id, kept, std::move(options)}, facts{some_facts(id)} {}

  /// One step; what the machine asks for is kept in the members below.
  turnover::effects step(const turnover::event& what) {
    auto effects = machine.step(model::timestamp{}, what);
    for (const auto& effect : effects) {
      if (const auto* one = std::get_if<turnover::perform>(&effect))
        operations.push_back(*one);
      else if (const auto* disk = std::get_if<turnover::persist_ownership>(&effect))
        disk_writes.push_back(disk->what);
      else if (const auto* timer = std::get_if<turnover::arm_timer>(&effect))
        timers.push_back(*timer);
      else if (const auto* seen = std::get_if<turnover::report>(&effect))
        reports.push_back(seen->what);
    }
    return effects;
  }

  turnover::effects command(model::device_epoch epoch, std::optional<model::server_id> owner) {
    return step(turnover::command{.id = id, .epoch = epoch, .owner = owner});
  }
  /// The oldest write reaches the disk.
  turnover::effects write_disk() {
    const auto what = disk_writes.front();
    disk_writes.pop_front();
    return step(turnover::ownership_persisted{what.epoch});
  }
  turnover::effects
  answer(model::result<model::host_operations::operation_result> outcome = std::monostate{}) {
    const auto what = operations.front();
    operations.pop_front();
    return step(turnover::operation_finished{.number = what.number, .outcome = std::move(outcome)});
  }
  turnover::effects fire_latest_timer() {
    return step(turnover::timer_fired{timers.back().number});
  }
  /// What was asked for last, by name: `bind`, `reset flr`, `verify`; empty if nothing is open.
  [[nodiscard]] std::string asked() const {
    if (operations.empty())
      return {};
    namespace ops = model::host_operations;
    if (std::holds_alternative<ops::bind_device>(operations.back().what))
      return "bind";
    if (const auto* reset = std::get_if<ops::reset_device>(&operations.back().what))
      return "reset " + reset->method;
    return std::holds_alternative<ops::verify_device>(operations.back().what) ? "verify" : "other";
  }

  void bring_up() {
    step(turnover::found{.facts = facts, .held_by = std::nullopt});
    answer();                // bound
    answer();                // reset
    answer(good_evidence()); // verified
  }
  void give_to(model::server_id server, model::device_epoch epoch) {
    command(epoch, server);
    write_disk();
  }

  const model::device_id id = device_number(7);
  device_turnover machine;
  model::device_info facts;
  std::deque<turnover::perform> operations;
  std::deque<turnover::ownership> disk_writes;
  std::vector<turnover::arm_timer> timers;
  std::vector<model::observed_device> reports;
};

template <class Effect> const Effect* find_effect(const turnover::effects& all) {
  for (const auto& one : all)
    if (const auto* found = std::get_if<Effect>(&one))
      return found;
  return nullptr;
}

} // namespace berth::control::testing
