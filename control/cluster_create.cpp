#include <algorithm>

#include "control/cluster_machine.hpp"
#include "control/cluster_state_fold.hpp"

namespace berth::control {

using model::errc;
using model::fail;

namespace {

/// Room for so many more; grows at least as push_back would.
template <class T> void make_room(std::vector<T>& list, std::size_t more) {
  if (list.capacity() - list.size() < more) {
    list.reserve(std::max(list.size() + more, 2 * list.capacity()));
  }
}

} // namespace

// --- The command

void cluster::machine::run(ticket from, model::create_servers& command) {
  const auto count = command.specs.size();
  if (count == 0) {
    return answer(from, fail(errc::invalid_argument, "servers is empty: ask for at least one"));
  }
  if (count > config.specs_per_command_max) {
    return answer(from, fail(errc::too_large, std::to_string(count) +
                                                  " servers in one request: at "
                                                  "most " +
                                                  std::to_string(config.specs_per_command_max) +
                                                  " are allowed"));
  }
  if (plannings.size() + count > config.creations_max) {
    return answer(from, fail(errc::busy, std::to_string(plannings.size()) +
                                             " servers are being placed: try again shortly"));
  }
  auto made = std::make_shared<creation>();
  made->from = from;
  made->keep_refused = command.keep_refused;
  made->results.resize(count);
  made->remaining = count;
  for (std::size_t i = 0; i < count; ++i) {
    auto& spec = command.specs[i];
    auto each = std::make_unique<planning>();
    each->of = made;
    each->index = i;
    each->since = now;
    if (auto admitted = admit(spec); !admitted) {
      settle(*each, tl::unexpected{std::move(admitted.error())});
      continue;
    }
    const auto high = dice.next();
    each->server = {model::uuid::from_random(high, dice.next())};
    each->request = to_placement_request(each->server, spec, now);
    // One server alone keeps why it is where it is: that costs a second search.
    each->explain = config.keep_reasons && count == 1 && explaining < config.explanations_max;
    each->spec = std::move(spec);
    names_in_flight.insert(each->spec.name);
    ask(std::move(each));
  }
}

model::result<void> cluster::machine::admit(const model::server_spec& spec) const {
  if (auto valid = validate(spec); !valid) {
    return valid;
  }
  const auto* taken = state.find_server_named(spec.name);
  if (taken != nullptr || names_in_flight.count(spec.name) != 0) {
    const auto who = taken != nullptr ? "server " + to_string(taken->record.id)
                                      : std::string{"a server that is being created"};
    return fail(errc::name_in_use,
                "the name '" + spec.name + "' is taken by " + who + ": choose another name",
                {{"name", spec.name}});
  }
  for (const auto& wanted : {spec.host, spec.preferred_host}) {
    if (wanted && state.find_host(*wanted) == nullptr) {
      return no_such_host(to_string(*wanted));
    }
  }
  return admit_devices(spec);
}

model::result<void> cluster::machine::admit_devices(const model::server_spec& spec) const {
  const model::device_record* first = nullptr;
  std::vector<const model::device_record*> named;
  for (const auto& wanted : spec.devices) {
    if (!wanted.id) {
      continue;
    }
    const auto* device = state.find_device(*wanted.id);
    if (device == nullptr) {
      return no_such_device(to_string(*wanted.id));
    }
    named.push_back(device);
    first = first == nullptr ? device : first;
    if (device->host != first->host) {
      return fail(errc::devices_on_two_hosts,
                  "all devices of a server must be on one host, but " + name_of(*first, state) +
                      " and " + name_of(*device, state) + " are on two: choose devices of one host",
                  {{to_string(first->info.id), to_string(first->host)},
                   {to_string(device->info.id), to_string(device->host)}});
    }
  }
  if (first != nullptr && spec.host && first->host != *spec.host) {
    return fail(errc::device_on_other_host,
                name_of(*first, state) + " is not on host " + host_name(*spec.host, state) +
                    ", where the server shall be: choose a device of that host, or drop the host",
                {{"device", to_string(first->info.id)}, {"host", to_string(first->host)}});
  }
  for (const auto* device : named) {
    auto is_free = check_free(*device, state);
    if (!is_free && !spec.wait_for_capacity) {
      return is_free;
    }
    if (device->type == model::dev_type::gpu_vga && spec.os == "windows" &&
        spec.boot != model::firmware::uefi) {
      return fail(errc::invalid_argument,
                  name_of(*device, state) +
                      " is of type GPU-VGA, which a windows server takes only "
                      "with uefi firmware: set the firmware to uefi",
                  {{"device", to_string(device->info.id)}});
    }
  }
  return {};
}

// --- Asking

void cluster::machine::ask(open_planning what) {
  const auto id = ++last_plan;
  explaining += what->explain ? 1U : 0U;
  what->frees_before = queue.frees();
  what->request.now = now;
  if (what->spec.lifetime) {
    what->request.ends_at = now + *what->spec.lifetime;
  }
  what->request.avoid_hosts = queue.hosts_to_avoid(what->request);
  std::erase_if(what->request.avoid_hosts, [&](model::host_id host) {
    return std::ranges::binary_search(what->beside, host);
  });
  wishes.push_back({plan_id{id}, what->request, what->attempt, what->explain});
  plan_deadlines.emplace_back(now + config.plan_timeout, id);
  plannings.emplace(id, std::move(what));
}

void cluster::machine::abandon(std::uint64_t plan, model::server_id server) {
  constexpr std::size_t abandoned_max = 100'000;
  abandoned.emplace(plan, server);
  if (abandoned.size() > abandoned_max) {
    abandoned.erase(abandoned.begin());
  }
}

void cluster::machine::expire_plans() {
  while (!plan_deadlines.empty() && plan_deadlines.front().first <= now) {
    const auto id = plan_deadlines.front().second;
    plan_deadlines.pop_front();
    auto late = plannings.extract(id);
    if (late.empty()) {
      continue;
    }
    explaining -= late.mapped()->explain ? 1U : 0U;
    abandon(id, late.mapped()->server);
    tell_note(note_kind::plan_lost, late.mapped()->spec.name);
    take_plan(std::move(late.mapped()), fail(errc::deadline_exceeded, "no scheduler answered"));
  }
  while (!forecasts.empty() && forecasts.begin()->second.deadline <= now) {
    answer(forecasts.begin()->second.from,
           fail(errc::deadline_exceeded, "the scheduler did not answer in time: try again"));
    forecasts.erase(forecasts.begin());
  }
}

void cluster::machine::fail_creations(const model::failure& why) {
  std::map<std::uint64_t, creation*> open; // by ticket: answered in one order
  std::vector<std::pair<std::uint64_t, model::server_id>> plans;
  for (auto& [id, asked] : plannings) {
    if (asked->of) {
      open.emplace(static_cast<std::uint64_t>(asked->of->from), asked->of.get());
    }
    plans.emplace_back(id, asked->server);
  }
  for (const auto& [from, unfinished] : open) {
    emit(answer_command{unfinished->from, tl::unexpected{why}});
  }
  std::sort(plans.begin(), plans.end());
  for (const auto& [id, server] : plans) {
    abandon(id, server);
  }
  plannings.clear();
  plan_deadlines.clear();
  giving_up.clear();
  names_in_flight.clear();
  wishes.clear();
  explaining = 0;
}

// --- Taking answers

void cluster::machine::on(plans_made& made) {
  serve_queue(); // what came free in this very step is the queue's first
  // Room for an event and a note per plan, and for the answers: a batch does not move what it has.
  make_room(out.events, made.plans.size());
  make_room(undurable, 2 * made.plans.size());
  for (auto& each : made.plans) {
    const auto id = static_cast<std::uint64_t>(each.id);
    auto found = plannings.extract(id);
    if (!found.empty()) {
      explaining -= found.mapped()->explain ? 1U : 0U;
      take_plan(std::move(found.mapped()), std::move(each.decision));
      continue;
    }
    const auto late = abandoned.find(id);
    if (late == abandoned.end()) {
      continue;
    }
    if (each.decision) {
      if (const auto* where = std::get_if<model::placement>(&*each.decision)) {
        revoke(late->second, *where);
      }
    }
    abandoned.erase(late);
  }
  while (!plan_deadlines.empty() && plannings.count(plan_deadlines.front().second) == 0) {
    plan_deadlines.pop_front();
  }
}

void cluster::machine::take_plan(open_planning what, model::result<model::decision> decision) {
  if (!what->of) {
    return take_last_try(std::move(what), std::move(decision));
  }
  if (!decision) {
    if (what->attempt >= config.plan_attempts_max) {
      settle(*what, fail(errc::busy, "no scheduler answered in " + std::to_string(what->attempt) +
                                         " attempts: try again"));
      return;
    }
    ++what->attempt;
    return ask(std::move(what));
  }
  if (auto* why = std::get_if<model::refusal>(&*decision)) {
    return refuse(std::move(what), std::move(*why));
  }
  const auto& where = std::get<model::placement>(*decision);
  if (const auto broken = referee(what->request, where)) {
    tell_note(note_kind::placement_conflict, what->spec.name, broken->miss.text);
    revoke(what->server, where);
    return ask_again(std::move(what), *broken);
  }
  place(std::move(what), where);
}

std::optional<model::rule_verdict>
cluster::machine::referee(const model::placement_request& request, const model::placement& where) {
  const auto* host = state.find_host(where.host);
  const auto broken = [&](std::string rule, std::string text) {
    model::rule_verdict verdict;
    verdict.rule = std::move(rule);
    verdict.hosts_excluded = 1;
    verdict.nearest = where.host;
    verdict.nearest_name = host != nullptr ? host->record.name : to_string(where.host);
    verdict.miss.text = std::move(text);
    return verdict;
  };
  if (host == nullptr) {
    return broken("host", "the host is gone");
  }
  // Ownership is checked here whatever the scheduler's own check looks at: nothing is given twice.
  if (host->record.status != model::host_status::online || !host->record.settled) {
    return broken("host_online", name_of(host->record) + " is offline or unsettled");
  }
  for (const auto& id : where.devices) {
    const auto* device = state.find_device(id);
    if (device == nullptr || device->host != where.host || !is_offerable(*device)) {
      return broken("devices", "device " + to_string(id) + " is not free any more");
    }
  }
  if (auto verdict = scheduler::check(state.inventory(), request, where)) {
    return verdict;
  }
  if (!queue.leaves_room(request, where)) {
    return broken("reserved_host", name_of(host->record) + " is kept for a server that waits");
  }
  return std::nullopt;
}

void cluster::machine::ask_again(open_planning what, const model::rule_verdict& broken) {
  if (auto admitted = admit_devices(what->spec); !admitted) {
    return settle(*what, tl::unexpected{std::move(admitted.error())});
  }
  if (what->attempt >= config.plan_attempts_max) {
    what->explain = true; // no further explanation: the attempts are used up
    return refuse(std::move(what), {1, {broken}, {}});
  }
  ++what->attempt;
  what->beside.clear();
  ask(std::move(what));
}

void cluster::machine::revoke(model::server_id server, const model::placement& where) {
  const auto* entry = state.find_server(server);
  if (entry != nullptr && entry->record.host) {
    updates.emplace_back(allocation_update(entry->record));
  } else {
    updates.emplace_back(scheduler::server_released{server});
  }
  for (const auto& id : where.devices) {
    if (const auto* device = state.find_device(id)) {
      updates.emplace_back(scheduler::device_changed{*device});
    }
  }
  queue.free_up(where.host); // a scheduler counted on it, and may have refused others for it
}

// --- Deciding

model::placement_reason cluster::machine::reason_of(const std::string& project,
                                                    const model::placement& where) const {
  model::placement_reason why{
      std::string{scheduler::name_of(*policy_of(project).policy)}, {}, where.next};
  for (const auto& part : where.scores) {
    if (part.points > 0) {
      why.scores.push_back({part.rule, part.points, {}});
    }
  }
  return why;
}

/// The devices of a plan that the referee has let pass, at their new epochs.
std::vector<model::attachment>
cluster::machine::attachments_for(const model::placement& where) const {
  std::vector<model::attachment> attachments;
  attachments.reserve(where.devices.size());
  for (const auto& id : where.devices) {
    const auto& device = *state.find_device(id);
    attachments.push_back({id, next_epoch(device), device.type});
  }
  return attachments;
}

std::optional<model::failure> cluster::machine::vga_misfit(const model::server_spec& spec,
                                                           const model::placement& where) const {
  if (spec.os != "windows" || spec.boot == model::firmware::uefi) {
    return std::nullopt;
  }
  for (const auto& id : where.devices) {
    const auto& device = *state.find_device(id);
    if (device.type == model::dev_type::gpu_vga) {
      return model::failure{
          errc::invalid_argument,
          "the server would get " + name_of(device, state) +
              " of type GPU-VGA, which a windows server takes only with uefi firmware: set the "
              "firmware to uefi, or ask for GPU-HPC",
          {}};
    }
  }
  return std::nullopt;
}

void cluster::machine::place(open_planning what, const model::placement& where) {
  model::server_record server;
  server.id = what->server;
  server.status = model::server_status::deploying;
  server.desired_power = what->spec.auto_start ? model::power::on : model::power::off;
  server.host = where.host;
  server.created_at = now;
  server.updated_at = now;
  if (auto misfit = vga_misfit(what->spec, where)) {
    revoke(what->server, where);
    return settle(*what, tl::unexpected{std::move(*misfit)});
  }
  server.attachments = attachments_for(where);
  if (what->spec.lifetime) {
    server.ends_at = now + *what->spec.lifetime;
  }
  if (!where.scores.empty()) {
    server.why_placed = reason_of(what->spec.project, where);
  }
  server.spec = std::move(what->spec);
  what->spec.name = server.spec->name; // settle() gives the name back
  record(model::server_created{std::move(server)});
  mark_dirty(where.host);
  when_durable(placement_settled{
      static_cast<std::int32_t>(where.devices.size()), what->attempt, true, {}, now - what->since});
  settle(*what, state.find_server(what->server)->record);
}

void cluster::machine::refuse(open_planning what, model::refusal why) {
  // A device that was named may have gone to another server meanwhile: say that.
  if (auto admitted = admit_devices(what->spec); !admitted) {
    return settle(*what, tl::unexpected{std::move(admitted.error())});
  }
  if (auto admitted = admit_models(what->spec); !admitted) {
    return settle(*what, tl::unexpected{std::move(admitted.error())});
  }
  if (look_beside(*what)) {
    ++what->attempt;
    return ask(std::move(what));
  }
  if (!what->explain && !what->spec.devices.empty() && explaining < config.explanations_max) {
    what->explain = true;
    return ask(std::move(what));
  }
  if (what->spec.wait_for_capacity) {
    let_wait(*what, std::move(why));
    return settle(*what, state.find_server(what->server)->record);
  }
  const auto devices = static_cast<std::int32_t>(what->spec.devices.size());
  when_durable(placement_settled{devices, what->attempt, false, model::deciding_rule(why),
                                 now - what->since});
  if (!what->of->keep_refused) {
    return settle(*what, tl::unexpected{does_not_fit(why)});
  }
  model::server_record server;
  server.id = what->server;
  server.spec = what->spec;
  server.status = model::server_status::sched_fail;
  server.status_reason = summary(why);
  server.why_refused = std::move(why);
  server.created_at = now;
  server.updated_at = now;
  record(model::server_created{std::move(server)});
  settle(*what, state.find_server(what->server)->record);
}

/// A request that fits nowhere may fit beside the server that a host is kept for. True: ask again.
bool cluster::machine::look_beside(planning& what) {
  if (what.looked_beside || what.request.avoid_hosts.empty()) {
    return false;
  }
  what.looked_beside = true;
  what.beside = queue.hosts_beside(what.request, what.request.avoid_hosts);
  return !what.beside.empty();
}

/// Asked only when a request fits nowhere: a model that no host has ever shown is a mistake in it.
model::result<void> cluster::machine::admit_models(const model::server_spec& spec) const {
  if (const auto unknown =
          scheduler::find_unknown_model(state.inventory(), to_placement_request({}, spec, now))) {
    return tl::unexpected{no_such_model(*unknown)};
  }
  return {};
}

void cluster::machine::settle(planning& what, model::result<model::server_record> how) {
  if (!what.spec.name.empty()) {
    names_in_flight.erase(what.spec.name);
  }
  auto& whole = *what.of;
  whole.results[what.index] = std::move(how);
  if (--whole.remaining == 0) {
    when_durable(
        answer_command{whole.from, model::reply{model::servers_created{std::move(whole.results)}}});
  }
}

} // namespace berth::control
