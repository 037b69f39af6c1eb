#include "tests/control/cluster_world.hpp"

#include <utility>

namespace berth::control::testing {

using std::get_if;

namespace {
std::uint64_t number(auto id) {
  return static_cast<std::uint64_t>(id);
}
} // namespace

cluster_world::cluster_world(cluster_config how, std::uint64_t seeded)
    : config(std::move(how)), seed(seeded) {
  restart();
}

void cluster_world::restart() {
  cluster_state loaded;
  for (const auto& record : log) {
    loaded.replay(record);
  }
  pending.clear();
  plan_wishes.clear();
  replica = scheduler::inventory{};
  machine =
      std::make_unique<cluster>(config, std::move(loaded), model::random{seed + log.size() * 977});
  effects.clear();
  perform(machine->start(now));
  if (!hold_commits) {
    commit();
  }
}

void cluster_world::step(input what) {
  effects.clear();
  perform(machine->step(now, std::move(what)));
  if (!hold_plans) {
    answer_plans();
  }
  if (!hold_commits) {
    commit();
  }
}

void cluster_world::steps(std::vector<input> inputs) {
  effects.clear();
  perform(machine->step(now, inputs));
  if (!hold_plans) {
    answer_plans();
  }
  if (!hold_commits) {
    commit();
  }
}

void cluster_world::settle() {
  for (int i = 0; i < 100'000; ++i) {
    const auto due = machine->next_tick();
    if (!due || *due > now) {
      return;
    }
    tick();
  }
  throw std::logic_error{"something is always due"};
}

void cluster_world::perform(outcome done) {
  std::move(done.events.begin(), done.events.end(), std::back_inserter(pending));
  for (auto& each : done.effects) {
    perform(each);
    effects.push_back(std::move(each));
  }
}

void cluster_world::perform(effect& what) {
  if (auto* answer = get_if<answer_command>(&what)) {
    answered_twice += answers.emplace(number(answer->to), *answer->what).second ? 0U : 1U;
  } else if (auto* found = get_if<answer_query>(&what)) {
    answered_twice += query_answers.emplace(number(found->to), *found->what).second ? 0U : 1U;
  } else if (auto* claim = get_if<answer_claim>(&what)) {
    answered_twice += claims.emplace(number(claim->to), claim->what).second ? 0U : 1U;
  } else if (auto* kept = get_if<answer_remember>(&what)) {
    answered_twice += remembered.emplace(number(kept->to), kept->what).second ? 0U : 1U;
  } else if (auto* plans = get_if<want_plans>(&what)) {
    plan_wishes.insert(plan_wishes.end(), plans->wishes.begin(), plans->wishes.end());
  } else if (auto* forecast = get_if<want_forecast>(&what)) {
    forecast_wishes.push_back(*forecast);
  } else if (auto* question = get_if<want_explanation>(&what)) {
    explanation_wishes.push_back(*question);
  } else if (auto* news = get_if<publish>(&what)) {
    for (const auto& update : *news->updates) {
      replica.apply(update);
    }
    replica_seen = news->up_to;
  } else if (auto* welcome = get_if<welcome_host>(&what)) {
    welcomed.insert(number(welcome->link));
  } else if (auto* told_host = get_if<tell_host>(&what)) {
    to_hosts[number(told_host->link)].push_back(told_host->message);
  } else if (auto* close = get_if<close_link>(&what)) {
    closed.emplace(number(close->link), close->why);
  }
}

void cluster_world::answer_plans() {
  while (!plan_wishes.empty()) {
    plans_made made;
    for (const auto& wish : std::exchange(plan_wishes, {})) {
      const auto& how = config.scheduling;
      made.plans.push_back({wish.id,
                            wish.explain ? scheduler::explain(replica, wish.request, how)
                                         : scheduler::plan(replica, wish.request, how),
                            replica_seen});
      const auto* where = get_if<model::placement>(&*made.plans.back().decision);
      if (counts_on_plans && where != nullptr) {
        replica.apply(scheduler::server_allocated{
            wish.request->server, where->host, wish.request->amount, where->devices,
            wish.request->anti_affinity_group, wish.request->ends_at, wish.request->now,
            wish.request->devices});
      }
    }
    perform(machine->step(now, std::move(made)));
  }
  for (const auto& wish : std::exchange(forecast_wishes, {})) {
    perform(machine->step(
        now, forecast_made{wish.id, scheduler::forecast(replica, wish.shape, wish.limit)}));
  }
  for (const auto& wish : std::exchange(explanation_wishes, {})) {
    const auto& request = wish.what->request;
    model::explanation told;
    told.where = scheduler::explain(replica, request);
    told.policy = "best-fit";
    told.capacity = scheduler::capacity(replica, request);
    for (const auto& host : wish.what->hosts) {
      told.hosts.push_back(*scheduler::judge_host(replica, request, host));
    }
    perform(machine->step(now, explanation_made{wish.what->id, std::move(told)}));
  }
}

void cluster_world::commit() {
  while (!pending.empty()) {
    const auto last = pending.back().sequence;
    std::move(pending.begin(), pending.end(), std::back_inserter(log));
    pending.clear();
    perform(machine->step(now, commit_done{last}));
    if (!hold_plans) {
      answer_plans();
    }
  }
}

void cluster_world::fail_commit(model::errc code) {
  pending.clear();
  effects.clear();
  perform(machine->step(now, commit_failed{{code, "no room on the store's disk", {}}}));
}

// --- Users

ticket cluster_world::send(model::command what) {
  const ticket from{++last_ticket};
  step(command_received{from, std::move(what)});
  return from;
}

std::optional<model::result<model::reply>> cluster_world::take_answer(ticket of) {
  auto node = answers.extract(number(of));
  return node.empty() ? std::nullopt : std::optional{std::move(node.mapped())};
}

model::result<model::reply> cluster_world::ask(model::command what) {
  const auto from = send(std::move(what));
  auto answer = take_answer(from);
  if (!answer) {
    throw std::logic_error{"the command was not answered"};
  }
  return std::move(*answer);
}

model::result<model::answer> cluster_world::query(model::query what) {
  const ticket from{++last_ticket};
  step(query_received{from, std::move(what)});
  auto node = query_answers.extract(number(from));
  if (node.empty()) {
    throw std::logic_error{"the query was not answered"};
  }
  return std::move(node.mapped());
}

model::server_record cluster_world::create(const model::server_spec& spec) {
  auto reply = ask(model::create_servers{{spec}, true});
  if (!reply) {
    throw std::logic_error{reply.error().message};
  }
  auto& made = std::get<model::servers_created>(*reply).servers.front();
  if (!made) {
    throw std::logic_error{made.error().message};
  }
  if (!made->host) {
    throw std::logic_error{made->status_reason};
  }
  return *made;
}

model::server_record cluster_world::server(const std::string& ref) {
  const auto* entry = machine->state().resolve_server(ref);
  if (entry == nullptr) {
    throw std::logic_error{"no server " + ref};
  }
  return entry->record;
}

model::device_record cluster_world::device(model::device_id id) {
  return *machine->state().find_device(id);
}

// --- Hosts

link_id cluster_world::connect(const model::host_info& info, std::uint64_t life, bool settle) {
  const link_id link{++last_link};
  const model::incarnation_id incarnation{
      model::uuid::derive(info.id.value, "life " + std::to_string(life))};
  step(link_opened{link, incarnation, info});
  if (settle && closed.count(number(link)) == 0) {
    auto report = full_report(info, ++last_report);
    for (auto& seen : report.devices) {
      const auto& known = device(seen.id);
      seen.obeyed = known.epoch;
      if (known.owner) {
        seen.state = model::device_state::reserved;
      }
    }
    say(link, std::move(report));
  }
  return link;
}

void cluster_world::say(link_id link, model::from_host message) {
  step(host_said{link, std::move(message), now});
}

std::optional<model::desired_state> cluster_world::desired(link_id link) const {
  const auto found = to_hosts.find(number(link));
  std::optional<model::desired_state> latest;
  if (found != to_hosts.end()) {
    for (const auto& message : found->second) {
      if (const auto* state = get_if<model::desired_state>(&message)) {
        latest = *state;
      }
    }
  }
  return latest;
}

void cluster_world::obey(const model::host_info& info, link_id link) {
  const auto& host = *machine->state().find_host(info.id);
  const auto wanted = machine->state().desired_state_of(host);
  auto report = full_report(info, ++last_report);
  report.generation = wanted.generation;
  report.devices.clear();
  for (const auto& each : wanted.devices) {
    bool running = false;
    for (const auto& server : wanted.servers) {
      running = running || (server.id == each.owner && server.desired_power == model::power::on);
    }
    const auto state = !each.owner ? model::device_state::free
                       : running   ? model::device_state::in_use
                                   : model::device_state::reserved;
    report.devices.push_back({each.id, state, "", each.epoch, "reset=flr config=ok"});
  }
  for (const auto& each : wanted.servers) {
    report.servers.push_back({each.id,
                              each.desired_power == model::power::on ? model::server_status::running
                                                                     : model::server_status::ready,
                              ""});
  }
  say(link, std::move(report));
}

// --- Things

model::host_info make_host(const std::string& name, int gpus, const std::string& model) {
  model::host_info info;
  info.id = {model::uuid::derive({}, name)};
  info.name = name;
  info.machine = "test machine";
  info.agent_version = "1";
  info.capacity = {128, 1024 * 1024, 8 * 1024 * 1024};
  info.numa_nodes = 2;
  for (int i = 0; i < gpus; ++i) {
    model::device_info device;
    device.id = {model::uuid::derive(info.id.value, "gpu " + std::to_string(i))};
    device.address = {0, static_cast<std::uint8_t>(0x10 + i), 0, 0};
    device.vendor_device = {0x10de, 0x2330};
    device.class_code = 0x030200;
    device.vendor = "NVIDIA";
    device.model = model;
    device.numa_node = i % 2;
    device.iommu_group = 20 + i;
    device.reset_methods = {"flr"};
    info.devices.push_back(device);
  }
  return info;
}

model::device_id device_of(const model::host_info& host, std::size_t index) {
  return host.devices.at(index).id;
}

model::server_spec make_spec(const std::string& name, int gpus, const std::string& model) {
  model::server_spec spec;
  spec.name = name;
  spec.vcpus = 2;
  spec.memory_mib = 2048;
  spec.disks = {{10'240, ""}};
  if (gpus > 0) {
    model::device_selector selector;
    selector.model = model;
    selector.type = model.empty() ? std::optional{model::dev_type::gpu_hpc} : std::nullopt;
    spec.devices.push_back({std::nullopt, gpus, {selector}});
  }
  return spec;
}

model::server_spec make_spec(const std::string& name,
                             const std::vector<model::device_id>& devices) {
  auto spec = make_spec(name);
  for (const auto& id : devices) {
    spec.devices.push_back({id, 1, {}});
  }
  return spec;
}

model::observed_state full_report(const model::host_info& info, std::uint64_t number) {
  model::observed_state report;
  report.report = number;
  report.full = true;
  for (const auto& device : info.devices) {
    report.devices.push_back({device.id, model::device_state::free, "", 0, "config=ok"});
  }
  return report;
}

} // namespace berth::control::testing
