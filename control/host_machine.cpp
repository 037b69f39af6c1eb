#include "control/host_machine.hpp"

#include <algorithm>
#include <utility>

namespace berth::control {

using model::device_state;
namespace ops = model::host_operations;

host_machine::host_machine(host_options options) : options_{std::move(options)} {}

agent::effects host_machine::step(model::timestamp now, const agent::event& what) {
  now_ = now;
  effects_.clear();
  std::visit([this](const auto& event) { on(event); }, what);
  tell_readiness();
  feed_backend();
  report_changes();
  return std::exchange(effects_, {});
}

// --- The machine: scans and listings -------------------------------------------------------------

void host_machine::on(const agent::started& what) {
  kept_ = what.kept;
  scan();
}

void host_machine::on(const agent::machine_said& what) {
  if (const auto* vanished = std::get_if<ops::device_vanished>(&what)) {
    if (auto found = devices_.find(vanished->device); found != devices_.end()) {
      found->second.present = false;
      tell_device(vanished->device, turnover::vanished{vanished->reason});
    }
  } else if (std::holds_alternative<ops::device_appeared>(what)) {
    scan();
  } else if (const auto* exited = std::get_if<ops::server_exited>(&what)) {
    drive_if_alive(exited->server, life::exited{exited->reason});
  } else if (const auto* left = std::get_if<ops::device_left>(&what)) {
    drive_if_alive(left->server, life::device_left{left->device});
  } else if (const auto* paused = std::get_if<ops::server_paused>(&what)) {
    drive_if_alive(paused->server, life::paused{paused->reason});
  } else if (const auto* resumed = std::get_if<ops::server_resumed>(&what)) {
    drive_if_alive(resumed->server, life::paused{});
  }
}

void host_machine::scan() {
  if (scanning_) {
    scan_again_ = true;
    return;
  }
  scanning_ = true;
  ask(own::scan, ops::discover{});
}

void host_machine::scanned(const model::result<ops::operation_result>& outcome) {
  const auto* info = outcome ? std::get_if<model::host_info>(&*outcome) : nullptr;
  if (info == nullptr)
    return scan_failed();
  inventory_due_ = inventory_due_ || (info_ && *info_ != *info);
  info_ = *info;
  if (listed_)
    introduce({});
  else
    ask(own::listing, ops::list_servers{});
}

void host_machine::listed(const model::result<ops::operation_result>& outcome) {
  const auto* servers = outcome ? std::get_if<ops::server_listing>(&*outcome) : nullptr;
  if (servers == nullptr)
    return scan_failed();
  listed_ = true;
  others_seen(servers->unknown_domains);
  introduce(*servers);
  relist_later();
}

void host_machine::relist_later() {
  const auto& delays = options_.relist_delays;
  arm(own_timer::relist, delays[std::min(relisted_++, delays.size() - 1)]);
}

void host_machine::others_seen(std::vector<std::string> domains) {
  if (domains.size() > model::unknown_domains_max)
    domains.resize(model::unknown_domains_max);
  if (domains != unknown_domains_)
    changed(unknown_told_);
  unknown_domains_ = std::move(domains);
}

/// Finds servers that nobody here has made, and tells the known ones what was seen of them.
void host_machine::listed_again(const model::result<ops::operation_result>& outcome) {
  const auto* servers = outcome ? std::get_if<ops::server_listing>(&*outcome) : nullptr;
  if (servers == nullptr)
    return arm(own_timer::relist, options_.rescan_delay);
  relist_later();
  others_seen(servers->unknown_domains);
  std::map<model::server_id, ops::listed_server> seen;
  for (const auto& one : servers->servers)
    seen.emplace(one.server, one);
  std::vector<model::server_id> known;
  for (const auto& [id, entry] : servers_)
    if (!entry.gone)
      known.push_back(id);
  for (const auto& id : known) {
    const auto found = seen.find(id);
    drive(id,
          life::listed_again{found == seen.end() ? std::nullopt : std::optional{found->second}});
  }
  for (const auto& [id, one] : seen) {
    if (lives(id))
      continue;
    drive(id, life::listed{one});
    if (removals_.contains(id))
      drive(id, life::unwanted{});
  }
}

void host_machine::scan_failed() {
  scanning_ = false;
  arm(own_timer::rescan, options_.rescan_delay);
}

/// The machine is known: tells devices and servers what the backend has of them.
void host_machine::introduce(const ops::server_listing& servers) {
  scanning_ = false;
  std::map<model::device_id, model::server_id> holders;
  for (const auto& one : servers.servers) {
    if (!one.running)
      fences_.emplace(one.server, one.devices);
    drive(one.server, life::listed{one});
    if (one.running)
      for (const auto& device : one.devices)
        holders.emplace(device, one.server);
  }
  for (const auto& facts : info_->devices) {
    const auto holder = holders.find(facts.id);
    introduce_device(facts, holder == holders.end() ? std::nullopt : std::optional{holder->second});
  }
  for (auto& [id, entry] : devices_) {
    const bool here = std::any_of(info_->devices.begin(), info_->devices.end(),
                                  [&id = id](const auto& one) { return one.id == id; });
    if (!here && std::exchange(entry.present, false))
      tell_device(id, turnover::vanished{"missing from the latest scan of the machine"});
  }
  say_hello();
  if (early_)
    obey(*std::exchange(early_, std::nullopt));
  if (std::exchange(scan_again_, false))
    scan();
}

void host_machine::introduce_device(const model::device_info& facts,
                                    std::optional<model::server_id> held_by) {
  if (!held_by && !devices_.contains(facts.id) && is_fenced(facts.id))
    return;
  const auto [entry, is_new] = devices_.try_emplace(facts.id);
  entry->second.present = true;
  if (is_new) {
    readiness_may_change(facts.id);
    const auto kept = kept_.find(facts.id);
    effects_.emplace_back(agent::spawn_device{
        .device = facts.id, .kept = kept == kept_.end() ? turnover::ownership{} : kept->second});
  }
  tell_device(facts.id, turnover::found{.facts = facts, .held_by = held_by});
  if (const auto command = commands_.find(facts.id); is_new && command != commands_.end())
    tell_device(facts.id, command->second);
}

bool host_machine::is_fenced(const model::device_id& device) const {
  return std::any_of(fences_.begin(), fences_.end(), [&device](const auto& one) {
    return std::find(one.second.begin(), one.second.end(), device) != one.second.end();
  });
}

void host_machine::unfence(const model::server_id& server) {
  fences_.erase(server);
  for (const auto& facts : info_->devices)
    if (!devices_.contains(facts.id))
      introduce_device(facts, std::nullopt);
  readiness_may_change();
}

// --- The controller ------------------------------------------------------------------------------

void host_machine::on(const agent::link_up&) {
  link_up_ = true;
  said_hello_ = false;
  welcome_ = false;
  say_hello();
}

void host_machine::on(const agent::link_down&) {
  link_up_ = false;
  said_hello_ = false;
  welcome_ = false;
}

/// A host is never connected but unknown: the first message carries the inventory.
void host_machine::say_hello() {
  if (!link_up_ || said_hello_ || !info_ || !listed_)
    return;
  said_hello_ = true;
  inventory_due_ = false;
  effects_.emplace_back(agent::send{model::link_hello{.info = *info_}});
}

void host_machine::on(const agent::heard& what) {
  std::visit([this](const auto& message) { heard(message); }, what);
}

void host_machine::heard(const model::link_welcome& what) {
  if (what.leader < leader_) {
    effects_.emplace_back(agent::refused{
        {model::errc::stale_epoch, "a controller of leadership " + std::to_string(what.leader) +
                                       " answered after leadership " + std::to_string(leader_)}});
    return;
  }
  leader_ = what.leader;
  welcome_ = true;
  full_due_ = true;
}

void host_machine::heard(const model::desired_state& what) {
  const bool older =
      what.leader < leader_ || (what.leader == desired_leader_ && what.generation < generation_) ||
      (early_ && what.leader == early_->leader && what.generation < early_->generation);
  if (older) {
    effects_.emplace_back(agent::refused{
        {model::errc::stale_epoch, "a desired state of leadership " + std::to_string(what.leader) +
                                       ", generation " + std::to_string(what.generation) +
                                       " came after leadership " + std::to_string(leader_) +
                                       ", generation " + std::to_string(generation_)}});
    return;
  }
  leader_ = what.leader;
  if (listed_)
    obey(what);
  else
    early_ = what;
}

void host_machine::obey(const model::desired_state& what) {
  desired_leader_ = what.leader;
  if (generation_ != what.generation) {
    generation_ = what.generation;
    changed(generation_told_);
  }
  std::map<model::device_id, model::desired_device> commands;
  for (const auto& command : what.devices)
    commands.emplace(command.id, command);
  // A server that leaves hears so before one that comes: it holds what the other waits for.
  removals_ = {what.removals.begin(), what.removals.end()};
  for (const auto& id : removals_)
    if (const auto found = servers_.find(id); found == servers_.end() || !found->second.gone)
      drive(id, life::unwanted{});
  std::swap(commands_, commands);
  std::vector<model::device_id> commanded;
  for (const auto& [id, command] : commands_) {
    const auto before = commands.find(id);
    if (before != commands.end() && before->second == command)
      continue;
    commanded.push_back(id);
    if (devices_.contains(id))
      tell_device(id, command);
  }
  for (const auto& server : what.servers)
    drive(server.id, life::wanted{server});
  for (const auto& id : commanded)
    try_plugs_again(id);
}

void host_machine::heard(const model::probe_request&) {
  for (const auto& [id, entry] : devices_)
    if (entry.present)
      tell_device(id, turnover::probe{});
  inventory_due_ = true;
  scan();
}

// --- Servers -------------------------------------------------------------------------------------

bool host_machine::lives(const model::server_id& server) const {
  const auto found = servers_.find(server);
  return found != servers_.end() && !found->second.gone;
}

host_machine::server_entry& host_machine::life_of(const model::server_id& server) {
  if (!lives(server) && servers_.erase(server) != 0) // wanted again before its end was heard
    std::erase_if(timers_, [&server](const auto& one) {
      const auto* owner = std::get_if<server_timer>(&one.second);
      return owner != nullptr && owner->server == server;
    });
  return servers_.try_emplace(server, server_life{server, options_.life}).first->second;
}

void host_machine::drive(const model::server_id& server, const life::event& what) {
  const bool is_new = !lives(server);
  auto& entry = life_of(server);
  life::effects effects;
  if (is_new && !std::holds_alternative<life::listed>(what))
    effects = entry.life.step(now_, life::listed{std::nullopt});
  for (auto& effect : entry.life.step(now_, what))
    effects.push_back(std::move(effect));
  entry.readiness_due = true;
  readiness_due_ = true;
  for (const auto& effect : effects)
    route(server, effect);
}

void host_machine::drive_if_alive(const model::server_id& server, const life::event& what) {
  if (lives(server))
    drive(server, what);
}

void host_machine::route(const model::server_id& server, const life::effect& what) {
  auto& entry = servers_.at(server);
  if (const auto* work = std::get_if<life::perform>(&what)) {
    ask(of_server{.server = server, .number = work->number}, work->what);
  } else if (const auto* timer = std::get_if<life::arm_timer>(&what)) {
    arm(server_timer{.server = server, .number = timer->number}, timer->after);
  } else if (const auto* wish = std::get_if<life::request_use>(&what)) {
    tell_device(wish->device.device,
                turnover::use_requested{.server = server, .epoch = wish->device.epoch});
  } else if (const auto* use = std::get_if<life::find_use>(&what)) {
    tell_device(use->device, turnover::use_found{server});
  } else if (const auto* end = std::get_if<life::end_use>(&what)) {
    if (const auto device = devices_.find(end->device); device != devices_.end())
      ++device->second.ends_open;
    readiness_may_change(end->device);
    tell_device(end->device, turnover::use_ended{server});
  } else if (const auto* report = std::get_if<life::report>(&what)) {
    entry.observed = report->what;
    for (auto& failure : entry.observed.plug_failures)
      failure.epoch = commanded_epoch(failure.device);
    entry.known = true;
    changed(entry.told);
  } else if (std::holds_alternative<life::surely_off>(what)) {
    unfence(server);
  } else {
    entry.gone = true;
    changed(entry.told);
  }
}

// --- Devices -------------------------------------------------------------------------------------

void host_machine::tell_device(const model::device_id& device, turnover::event what) {
  if (devices_.contains(device))
    effects_.emplace_back(agent::tell_device{.device = device, .what = std::move(what)});
}

model::device_epoch host_machine::commanded_epoch(const model::device_id& device) const {
  const auto command = commands_.find(device);
  return command == commands_.end() ? 0 : command->second.epoch;
}

/// What failed with the device at an earlier epoch was answered by this one.
void host_machine::try_plugs_again(const model::device_id& device) {
  std::vector<model::server_id> concerned;
  for (const auto& [id, entry] : servers_)
    if (!entry.gone && std::ranges::any_of(entry.observed.plug_failures,
                                           [&](const auto& one) { return one.device == device; }))
      concerned.push_back(id);
  for (const auto& id : concerned)
    drive(id, life::plug_again{device});
}

void host_machine::on(const agent::device_said& what) {
  const auto found = devices_.find(what.device);
  if (found == devices_.end())
    return;
  auto& entry = found->second;
  if (const auto* work = std::get_if<turnover::perform>(&what.what)) {
    ask(of_device{.device = what.device, .number = work->number}, work->what);
  } else if (const auto* report = std::get_if<turnover::report>(&what.what)) {
    entry.observed = report->what;
    entry.known = true;
    changed(entry.told);
    readiness_may_change(what.device);
  } else if (const auto* grant = std::get_if<turnover::grant_use>(&what.what)) {
    drive_if_alive(grant->server, life::use_granted{what.device});
  } else if (const auto* refusal = std::get_if<turnover::refuse_use>(&what.what)) {
    drive_if_alive(refusal->server,
                   life::use_refused{.device = what.device, .reason = refusal->why.message});
  } else if (std::holds_alternative<turnover::confirm_end>(what.what)) {
    entry.ends_open = std::max(entry.ends_open - 1, 0);
    readiness_may_change(what.device);
  } else if (const auto* refused = std::get_if<turnover::refuse_command>(&what.what)) {
    effects_.emplace_back(agent::refused{refused->why});
  }
}

life::devices_changed host_machine::readiness_of(const model::desired_server& server) const {
  life::devices_changed waiting{.how = life::readiness::ready, .reason = {}};
  for (const auto& one : server.attachments) {
    const auto found = devices_.find(one.device);
    const auto name = [&one] { return "device " + to_string(one.device); };
    if (found == devices_.end() && is_fenced(one.device)) {
      waiting = {.how = life::readiness::waiting,
                 .reason =
                     "waits for " + name() + ", which a server of before may be about to use"};
      continue;
    }
    if (found == devices_.end())
      return {.how = life::readiness::failed, .reason = name() + " is not on this host"};
    const auto& seen = found->second.observed;
    const bool known = found->second.known;
    if (known && (seen.state == device_state::quarantined || seen.state == device_state::lost ||
                  seen.state == device_state::unusable))
      return {.how = life::readiness::failed,
              .reason = name() + " is " + std::string{to_string(seen.state)} + ": " + seen.reason};
    const bool at_hand = seen.state == device_state::reserved || seen.state == device_state::in_use;
    if (!known || !at_hand || seen.obeyed != one.epoch || found->second.ends_open > 0)
      waiting = {.how = life::readiness::waiting,
                 .reason =
                     "waits for " + name() + ", which is " + std::string{to_string(seen.state)}};
  }
  return waiting;
}

void host_machine::readiness_may_change() {
  readiness_due_ = true;
  for (auto& [id, entry] : servers_)
    entry.readiness_due = true;
}

void host_machine::readiness_may_change(const model::device_id& of) {
  const auto is_it = [&of](const model::attachment& one) { return one.device == of; };
  for (auto& [id, entry] : servers_)
    if (const auto& wanted = entry.life.desired();
        wanted && std::ranges::any_of(wanted->attachments, is_it)) {
      entry.readiness_due = true;
      readiness_due_ = true;
    }
}

/// How the server's devices stand, if that is not what it was told last.
std::optional<life::devices_changed> host_machine::news_of_readiness(server_entry& entry) const {
  if (!std::exchange(entry.readiness_due, false) || entry.gone || !entry.life.desired() ||
      entry.life.desired()->attachments.empty())
    return std::nullopt;
  auto now = readiness_of(*entry.life.desired());
  if (entry.readiness && entry.readiness->how == now.how && entry.readiness->reason == now.reason)
    return std::nullopt;
  entry.readiness = now;
  return now;
}

/// Tells each server how its devices stand, where that changed. A server's reaction may change how
/// they stand for another, which happens at most once per server and step.
void host_machine::tell_readiness() {
  for (std::size_t round = 0; std::exchange(readiness_due_, false) && round <= servers_.size() + 1;
       ++round) {
    std::vector<std::pair<model::server_id, life::devices_changed>> news;
    for (auto& [id, entry] : servers_)
      if (auto changed = news_of_readiness(entry))
        news.emplace_back(id, std::move(*changed));
    for (const auto& [id, what] : news)
      drive(id, what);
  }
}

// --- Operations and timers -----------------------------------------------------------------------

void host_machine::ask(asker who, ops::operation what) {
  queue_.push_back({.who = who, .what = std::move(what)});
}

void host_machine::feed_backend() {
  while (!queue_.empty() && at_backend_.size() < options_.operations_in_flight_max) {
    auto next = std::move(queue_.front());
    queue_.pop_front();
    at_backend_.emplace(++tickets_, next.who);
    effects_.emplace_back(agent::perform{.number = tickets_, .what = std::move(next.what)});
  }
}

void host_machine::on(const agent::operation_finished& what) {
  const auto found = at_backend_.find(what.number);
  if (found == at_backend_.end())
    return;
  const auto who = found->second;
  at_backend_.erase(found);
  if (const auto* mine = std::get_if<own>(&who)) {
    if (*mine == own::scan)
      scanned(what.outcome);
    else if (*mine == own::listing)
      listed(what.outcome);
    else
      listed_again(what.outcome);
  } else if (const auto* device = std::get_if<of_device>(&who)) {
    tell_device(device->device,
                turnover::operation_finished{.number = device->number, .outcome = what.outcome});
  } else if (const auto* server = std::get_if<of_server>(&who)) {
    drive_if_alive(server->server,
                   life::operation_finished{.number = server->number, .outcome = what.outcome});
  }
}

void host_machine::arm(timer_owner who, model::duration after) {
  timers_.emplace(++tickets_, who);
  effects_.emplace_back(agent::arm_timer{.number = tickets_, .after = after});
}

void host_machine::on(const agent::timer_fired& what) {
  const auto found = timers_.find(what.number);
  if (found == timers_.end())
    return;
  const auto who = found->second;
  timers_.erase(found);
  if (const auto* server = std::get_if<server_timer>(&who)) {
    drive_if_alive(server->server, life::timer_fired{server->number});
  } else if (std::get<own_timer>(who) == own_timer::report) {
    gathering_ = false;
    gathered_ = unsent_;
  } else if (std::get<own_timer>(who) == own_timer::rescan) {
    scan();
  } else if (std::get<own_timer>(who) == own_timer::relist) {
    ask(own::listing_again, ops::list_servers{});
  } else {
    resend();
  }
}

} // namespace berth::control
