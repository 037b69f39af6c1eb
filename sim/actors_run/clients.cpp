#include "sim/actors_run/clients.hpp"

#include <algorithm>
#include <charconv>
#include <stdexcept>
#include <string>
#include <utility>

namespace berth::sim {

namespace {

using std::chrono::days;
using std::chrono::seconds;

constexpr model::duration retry_after = seconds{1};
constexpr std::size_t events_per_read = 4096;

std::string name_of(std::uint64_t arrival) {
  return "s" + std::to_string(arrival);
}
std::optional<std::uint64_t> arrival_of(const std::string& name) {
  std::uint64_t number = 0;
  const auto* const end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + 1, end, number);
  return error == std::errc{} && stop == end ? std::optional{number} : std::nullopt;
}

/// Nothing has come of it: the same request may be made again.
bool is_for_later(const model::failure& why) {
  return why.code == model::errc::busy || why.code == model::errc::store_full ||
         why.code == model::errc::store_failed;
}

} // namespace

clients::clients(world& all, const actors_scenario& what, arrival_source& demand,
                 observer* watching)
    : all_(all), what_(what), demand_(demand), watching_(watching) {
  if (watching_ == nullptr)
    return;
  for (std::uint32_t host = 0; host < what.hosts.size(); ++host) {
    const auto& machine = what.hosts[host];
    host_numbers_.emplace(machine.id, host);
    for (std::uint32_t device = 0; device < machine.kind->devices.size(); ++device)
      device_numbers_.emplace(hostbackend::simulated::device_id_of(machine, device), device);
  }
}

void clients::start() {
  begin_ = all_.time().now();
  read_ = all_.log().last_sequence();
  subscription_ = all_.port().on_new_events([this] {
    if (!std::exchange(reading_, true))
      all_.time().after({}, [this] { read_events(); });
  });
  take_next();
}

// --- Creating and deleting

void clients::take_next() {
  next_ = demand_.next();
  if (next_ && what_.horizon.count() > 0 && next_->when >= what_.horizon)
    next_.reset();
  if (next_)
    all_.time().after(begin_ + next_->when - all_.time().now(), [this] { arrive(); });
}

void clients::arrive() {
  if (stopped_)
    return next_.reset();
  const auto number = seen_.arrived++;
  asked_.emplace(number, wish{*next_, all_.time().now()});
  create(number);
  take_next();
}

model::server_spec clients::spec_of(std::uint64_t number, const arrival& wanted) const {
  model::server_spec spec;
  spec.name = name_of(number);
  spec.vcpus = wanted.vcpus;
  spec.memory_mib = wanted.memory_mib;
  spec.auto_start = true;
  const auto& names = demand_.names();
  if (wanted.project != 0)
    spec.project = names.projects.name(wanted.project);
  spec.devices = devices_of(wanted, names);
  spec.topology = wanted.topology.wishes();
  spec.priority = wanted.priority;
  const auto patience = wanted.patience == unstated ? what_.patience : wanted.patience;
  if (patience.count() > 0)
    spec.wait_for_capacity = std::clamp<model::duration>(patience, seconds{1}, days{365});
  if (what_.tell_lifetimes && wanted.lifetime != endless)
    spec.lifetime = std::clamp<model::duration>(wanted.lifetime, seconds{1}, days{3650});
  return spec;
}

void clients::create(std::uint64_t number) {
  const auto found = asked_.find(number);
  if (stopped_ || found == asked_.end())
    return;
  all_.port().command(
      model::create_servers{{spec_of(number, found->second.wanted)}, true},
      [this, number, alive = std::weak_ptr{alive_}](const model::result<model::reply>& given) {
        if (!alive.expired())
          created(number, given);
      });
}

/// What became of it the events tell; here, only that nothing did.
void clients::created(std::uint64_t number, const model::result<model::reply>& given) {
  const model::failure* why = nullptr;
  if (!given) {
    why = &given.error();
  } else if (const auto& one = std::get<model::servers_created>(*given).servers.front(); !one) {
    why = &one.error();
  }
  if (why == nullptr)
    return;
  if (is_for_later(*why)) {
    ++seen_.retries;
    return all_.time().after(retry_after, [this, number] { create(number); });
  }
  ++seen_.rejected[std::string{model::to_string(why->code)}];
  asked_.erase(number);
}

void clients::remove(const model::server_id& id) {
  auto* server = find(id);
  if (stopped_ || server == nullptr || server->deleting)
    return;
  all_.port().command(
      model::act_on_server{to_string(id), model::server_action::remove},
      [this, id, alive = std::weak_ptr{alive_}](const model::result<model::reply>& given) {
        if (alive.expired())
          return;
        auto* const known = find(id);
        if (given) {
          if (known != nullptr)
            known->deleting = true;
        } else if (given.error().code != model::errc::not_found) {
          ++seen_.retries;
          all_.time().after(retry_after, [this, id] { remove(id); });
        }
      });
}

// --- What the controller's events tell

void clients::read_events() {
  reading_ = false;
  for (bool more = true; more;) {
    more = false;
    all_.port().events(read_ + 1, events_per_read,
                       [&](const model::result<std::vector<model::log_record>>& given) {
                         if (!given) // a defect: they are read as soon as they are there
                           throw std::runtime_error{given.error().message};
                         for (const auto& record : *given)
                           on(record);
                         more = given->size() == events_per_read;
                       });
  }
}

void clients::on(const model::log_record& record) {
  read_ = record.sequence;
  if (const auto* server = std::get_if<model::server_created>(&record.what))
    came(server->server, record.at);
  else if (const auto* change = std::get_if<model::server_status_changed>(&record.what))
    changed(*change, record.at);
  else if (const auto* gone = std::get_if<model::server_removed>(&record.what))
    removed(gone->server, record.at);
  else if (const auto* end = std::get_if<model::server_wait_ended>(&record.what))
    gave_up(*end, record.at);
  else if (const auto* found = std::get_if<model::server_placed>(&record.what)) {
    if (auto* waited = find(found->server)) {
      --waiting_;
      placed(found->server, *waited, {found->host, found->attachments}, record.at);
    }
  }
}

clients::entry* clients::find(const model::server_id& id) {
  const auto found = servers_.find(id);
  return found == servers_.end() ? nullptr : &found->second;
}

void clients::came(const model::server_record& server, model::timestamp at) {
  const auto number = arrival_of(server.spec->name);
  const auto asked = number ? asked_.find(*number) : asked_.end();
  if (asked == asked_.end())
    return; // somebody else's
  auto& made = servers_[server.id];
  made.arrival = *number;
  made.since = asked->second.since;
  made.lifetime = asked->second.wanted.lifetime;
  asked_.erase(asked);
  if (server.host)
    return placed(server.id, made, {*server.host, server.attachments}, at);
  if (!model::is_waiting(server))
    return refused(server.id, made, server.why_refused, at);
  seen_.longest_queue = std::max(seen_.longest_queue, ++waiting_);
}

void clients::placed(const model::server_id& id, entry& server, const place& where,
                     model::timestamp at) {
  ++seen_.placed;
  seen_.waits.add(at - server.since);
  seen_.living_max = std::max(seen_.living_max, ++living_);
  server.at = stage::placed;
  server.since = at;
  if (server.lifetime != endless)
    all_.time().after(at + server.lifetime - all_.time().now(), [this, id] { remove(id); });
  if (watching_ != nullptr)
    tell_placed(server, where, at);
}

void clients::tell_placed(const entry& server, const place& where, model::timestamp at) {
  std::vector<std::uint32_t> devices;
  for (const auto& each : where.devices)
    devices.push_back(device_numbers_.at(each.device));
  watching_->placed(at - begin_, server.arrival, host_numbers_.at(where.host), devices);
}

void clients::refused(const model::server_id& id, entry& server,
                      const std::optional<model::refusal>& why, model::timestamp at) {
  const auto rule = why ? model::deciding_rule(*why) : std::string{"unknown"};
  ++seen_.refused;
  ++seen_.refused_by[rule];
  server.at = stage::refused;
  if (watching_ != nullptr)
    watching_->refused(at - begin_, server.arrival, rule);
  remove(id);
}

void clients::gave_up(const model::server_wait_ended& what, model::timestamp at) {
  auto* server = find(what.server);
  if (server == nullptr)
    return;
  --waiting_;
  ++seen_.gave_up;
  refused(what.server, *server, what.why, at);
}

void clients::changed(const model::server_status_changed& what, model::timestamp at) {
  using model::server_status;
  auto* server = find(what.server);
  if (server == nullptr)
    return;
  switch (what.status) {
  case server_status::running:
    if (server->at == stage::placed) {
      server->at = stage::running;
      seen_.starts.add(at - server->since);
    }
    return;
  case server_status::deploy_fail:
  case server_status::start_fail:
  case server_status::dev_fail:
  case server_status::unknown:
    ++seen_.troubles[std::string{model::to_string(what.status)}];
    return;
  default:
    return;
  }
}

void clients::removed(const model::server_id& id, model::timestamp at) {
  const auto gone = servers_.find(id);
  if (gone == servers_.end())
    return;
  if (gone->second.at == stage::placed || gone->second.at == stage::running) {
    ++seen_.ended;
    --living_;
    if (watching_ != nullptr)
      watching_->ended(at - begin_, gone->second.arrival);
  }
  servers_.erase(gone);
}

// --- What they know

load_figures clients::figures() const {
  auto all = seen_;
  all.waiting = waiting_;
  all.living = living_;
  return all;
}

std::vector<clients::told_server> clients::servers() const {
  std::vector<told_server> all;
  for (const auto& [id, each] : servers_)
    all.push_back({id, each.deleting});
  std::ranges::sort(all, {}, &told_server::id);
  return all;
}

} // namespace berth::sim
