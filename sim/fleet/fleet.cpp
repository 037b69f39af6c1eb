#include "sim/fleet/fleet.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "sim/demand/lifetime_law.hpp"

namespace berth::sim {

namespace {

// Ids carry the index of what they name, so that nothing has to be looked up.
constexpr std::uint64_t host_space = 1;
constexpr std::uint64_t device_space = 2;
constexpr std::uint64_t server_space = 3;

model::host_id host_name(std::uint32_t index) {
  return {{host_space, index}};
}
model::device_id device_name(std::uint32_t index) {
  return {{device_space, index}};
}
model::server_id server_name(std::uint64_t serial) {
  return {{server_space, serial}};
}
std::uint32_t index_of(const model::uuid& id) {
  return static_cast<std::uint32_t>(id.low);
}

model::timestamp as_time(std::int64_t now) {
  return model::timestamp{model::duration{now}};
}

std::int64_t drawn(model::random& dice, model::duration mean) {
  return std::llround(unit_exponential(dice) * static_cast<double>(mean.count()));
}

/// Far enough for every run, and safe to add to.
constexpr std::int64_t never = INT64_MAX / 2;

std::int64_t sum(std::int64_t now, std::int64_t more) {
  return more > never - now ? never : now + more;
}

} // namespace

fleet::fleet(const scenario& what, const demand_names& names, event_queue& later,
             std::uint64_t seed)
    : what_{what}, names_{names}, later_{later}, turnovers_{seed}, failures_{turnovers_.split()},
      allocation_{scheduler::server_allocated{}} {
  name_models();
  size_rows();
}

void fleet::name_models() {
  std::set<std::string> names;
  for (const auto& group : what_.hosts)
    for (const auto& info : group.machine.devices)
      names.insert(info.model);
  for (const auto& name : names)
    models_.push_back({.name = name, .gpus = {}, .held = {}, .cleaned = {}, .broken = {}});
}

void fleet::size_rows() {
  std::uint64_t hosts = 0;
  for (const auto& group : what_.hosts)
    hosts += group.count;
  while ((hosts >> row_shift_) + 1 > rows_max)
    ++row_shift_;
  rows_.resize(static_cast<std::size_t>((hosts >> row_shift_) + 1));
}

// --- Hosts

void fleet::add_hosts(std::int64_t now, std::uint32_t group) {
  for (std::uint32_t i = 0; i < what_.hosts[group].count; ++i)
    add_host(now, group);
}

void fleet::add_host(std::int64_t now, std::uint32_t group) {
  const auto index = static_cast<std::uint32_t>(hosts_.size());
  hosts_.push_back({group, static_cast<std::uint32_t>(devices_.size()), true});
  for (const auto& info : what_.hosts[group].machine.devices) {
    const auto number = static_cast<std::uint32_t>(devices_.size());
    devices_.push_back({.host = index, .model = model_number(info.model)});
    models_[devices_.back().model].gpus.add(now, 1);
    ++row_of(number).gpus;
    if (what_.devices.mean_between.count() > 0)
      after(now, what_.devices.mean_between, event_kind::device_fails, number);
  }
  if (what_.machines.mean_between.count() > 0)
    after(now, what_.machines.mean_between, event_kind::machine_fails, index);
  publish(index);
}

std::uint32_t fleet::model_number(const std::string& name) const {
  const auto found = std::ranges::lower_bound(models_, name, {}, &levels::name);
  return static_cast<std::uint32_t>(found - models_.begin());
}

std::string fleet::name_of(std::uint32_t which) const {
  return what_.hosts[hosts_[which].group].name + "-" + std::to_string(which);
}

std::uint32_t fleet::end_of(const host& which) const {
  return which.first_device +
         static_cast<std::uint32_t>(what_.hosts[which.group].machine.devices.size());
}

/// Tells the scheduler all of a host.
void fleet::publish(std::uint32_t which) {
  const auto& at = hosts_[which];
  const auto& group = what_.hosts[at.group];
  scheduler::host_changed told;
  told.host.id = host_name(which);
  told.host.name = name_of(which);
  told.host.machine = group.machine.machine;
  told.host.capacity = group.machine.capacity;
  told.host.numa_nodes = group.machine.numa_nodes;
  told.host.partitions = group.machine.partitions;
  told.host.cpu_overcommit_milli = group.cpu_overcommit_milli;
  told.host.memory_overcommit_milli = group.memory_overcommit_milli;
  told.host.status = at.up ? model::host_status::online : model::host_status::offline;
  told.host.settled = at.up;
  auto number = at.first_device;
  for (const auto& info : group.machine.devices) {
    const auto& seen = devices_[number];
    model::device_record record;
    record.info = info;
    record.info.id = device_name(number++);
    record.host = told.host.id;
    record.type = info.default_type;
    record.reserve = group.reserve_per_gpu;
    record.state =
        seen.use == device_use::free ? model::device_state::free : model::device_state::quarantined;
    told.devices.push_back(std::move(record));
  }
  world_.apply(told);
}

// --- Servers

std::optional<std::string> fleet::place(std::int64_t now, const arrival& wanted) {
  auto& request = request_for(wanted);
  request.server = server_name(serials_);
  request.now = as_time(now);
  request.ends_at.reset();
  if (what_.tell_lifetimes && wanted.lifetime != endless)
    request.ends_at = as_time(sum(now, wanted.lifetime.count()));
  auto decided = scheduler::plan(world_, request, {.policy = what_.policy});
  if (const auto* why = std::get_if<model::refusal>(&decided))
    return deciding_rule(*why);
  settle(now, wanted, request, std::move(std::get<model::placement>(decided)));
  return std::nullopt;
}

model::placement_request& fleet::request_for(const arrival& wanted) {
  const auto hash = (static_cast<std::uint64_t>(wanted.model) << 16U | wanted.gpus) * 0x9e37'79b9U ^
                    (static_cast<std::uint64_t>(wanted.vcpus) << 32U | wanted.memory_mib);
  auto& alike = shapes_[hash];
  const auto same = [&](const shape& one) {
    return one.model == wanted.model && one.gpus == wanted.gpus &&
           one.request.amount == model::resources{wanted.vcpus, wanted.memory_mib, 0};
  };
  if (const auto found = std::ranges::find_if(alike, same); found != alike.end())
    return found->request;
  model::placement_request made;
  made.amount = {wanted.vcpus, wanted.memory_mib, 0};
  if (wanted.gpus > 0) {
    model::device_request gpus{std::nullopt, wanted.gpus, {}};
    for (const auto name : alternatives(names_.models.name(wanted.model)))
      gpus.alternatives.push_back(
          {.model = std::string{name}, .vendor = {}, .type = {}, .vendor_device = {}});
    if (gpus.alternatives.empty())
      gpus.alternatives.emplace_back();
    made.devices.push_back(std::move(gpus));
  }
  return alike.emplace_back(shape{wanted.model, wanted.gpus, std::move(made)}).request;
}

void fleet::settle(std::int64_t now, const arrival& wanted, const model::placement_request& request,
                   model::placement&& where) {
  const auto slot = take_slot();
  auto& made = servers_[slot];
  made.host = index_of(where.host.value);
  made.serial = serials_++;
  for (const auto& id : where.devices) {
    const auto number = index_of(id.value);
    devices_[number].server = slot;
    devices_[number].next = std::exchange(made.first_device, number);
    use(now, number, device_use::held);
  }
  auto& taken = std::get<scheduler::server_allocated>(allocation_);
  taken.server = request.server;
  taken.host = where.host;
  taken.amount = request.amount;
  taken.devices = std::move(where.devices);
  taken.ends_at = request.ends_at;
  taken.placed_at = request.now;
  taken.asked = request.devices;
  world_.apply(allocation_);
  ++living_;
  if (wanted.lifetime != endless)
    schedule(sum(now, wanted.lifetime.count()), event_kind::server_ends, slot, made.life);
}

std::uint32_t fleet::take_slot() {
  if (free_slots_.empty()) {
    servers_.emplace_back();
    return static_cast<std::uint32_t>(servers_.size() - 1);
  }
  const auto slot = free_slots_.back();
  free_slots_.pop_back();
  return slot;
}

/// The server takes nothing any more; its devices are cleaned.
void fleet::release(std::int64_t now, std::uint32_t slot) {
  auto& gone = servers_[slot];
  world_.apply(scheduler::server_released{server_name(gone.serial)});
  for (auto number = std::exchange(gone.first_device, nobody); number != nobody;) {
    const auto next = std::exchange(devices_[number].next, nobody);
    devices_[number].server = nobody;
    clean(now, number);
    number = next;
  }
  gone.host = nobody;
  ++gone.life;
  free_slots_.push_back(slot);
  --living_;
}

void fleet::fail_server(std::int64_t now, std::uint32_t slot) {
  release(now, slot);
  ++failed_;
}

// --- Devices

void fleet::clean(std::int64_t now, std::uint32_t which) {
  auto& it = devices_[which];
  ++it.life;
  std::int64_t takes = what_.turnover.least.count();
  if (what_.turnover.mean_rest.count() > 0)
    takes = sum(takes, drawn(turnovers_, what_.turnover.mean_rest));
  if (what_.quarantine_probability > 0 && turnovers_.chance(what_.quarantine_probability))
    takes = sum(takes, drawn(turnovers_, what_.mean_quarantine));
  use(now, which, device_use::cleaned);
  if (takes > 0)
    return schedule(sum(now, takes), event_kind::device_clean, which, it.life);
  use(now, which, device_use::free);
  turn(which, model::device_state::free);
}

void fleet::turn(std::uint32_t which, model::device_state state) {
  world_.apply(
      scheduler::device_turned{host_name(devices_[which].host), device_name(which), state, false});
}

void fleet::use(std::int64_t now, std::uint32_t which, device_use as) {
  auto& it = devices_[which];
  auto& of = models_[it.model];
  if (auto* left = level_of(of, it.use))
    left->add(now, -1);
  if (auto* entered = level_of(of, as))
    entered->add(now, 1);
  if ((it.use == device_use::held) != (as == device_use::held))
    row_of(which).held += as == device_use::held ? 1U : UINT32_MAX;
  it.use = as;
}

level* fleet::level_of(levels& of, device_use as) {
  switch (as) {
  case device_use::held:
    return &of.held;
  case device_use::cleaned:
    return &of.cleaned;
  case device_use::broken:
    return &of.broken;
  case device_use::free:
    return nullptr;
  }
  return nullptr;
}

// --- What happens

bool fleet::happen(const event& what) {
  switch (what.kind) {
  case event_kind::hosts_arrive:
    add_hosts(what.at, what.subject);
    return true;
  case event_kind::server_ends:
    if (servers_[what.subject].host == nobody || servers_[what.subject].life != what.life)
      return false; // it failed before
    release(what.at, what.subject);
    ++ended_;
    return true;
  case event_kind::device_clean:
    if (devices_[what.subject].life != what.life)
      return false;
    use(what.at, what.subject, device_use::free);
    turn(what.subject, model::device_state::free);
    return true;
  case event_kind::machine_fails:
    fail_machine(what.at, what.subject);
    return true;
  case event_kind::machine_mended:
    mend_machine(what.at, what.subject);
    return true;
  case event_kind::device_fails:
    fail_device(what.at, what.subject);
    return true;
  case event_kind::device_mended:
    mend_device(what.at, what.subject);
    return true;
  }
  return false;
}

void fleet::fail_machine(std::int64_t now, std::uint32_t which) {
  auto& it = hosts_[which];
  it.up = false;
  for (auto number = it.first_device; number < end_of(it); ++number)
    if (devices_[number].server != nobody)
      fail_server(now, devices_[number].server);
  for (auto number = it.first_device; number < end_of(it); ++number) {
    ++devices_[number].life; // whatever was under way with it is over
    use(now, number, device_use::broken);
  }
  for (std::uint32_t slot = 0; slot < servers_.size(); ++slot) // those without devices
    if (servers_[slot].host == which)
      fail_server(now, slot);
  publish(which);
  after(now, what_.machines.mean_repair, event_kind::machine_mended, which);
}

void fleet::mend_machine(std::int64_t now, std::uint32_t which) {
  auto& it = hosts_[which];
  it.up = true;
  publish(which);
  for (auto number = it.first_device; number < end_of(it); ++number)
    if (!devices_[number].defect)
      clean(now, number);
  after(now, what_.machines.mean_between, event_kind::machine_fails, which);
}

void fleet::fail_device(std::int64_t now, std::uint32_t which) {
  auto& it = devices_[which];
  if (it.server != nobody)
    fail_server(now, it.server);
  it.defect = true;
  ++it.life;
  use(now, which, device_use::broken);
  turn(which, model::device_state::quarantined);
  after(now, what_.devices.mean_repair, event_kind::device_mended, which);
}

void fleet::mend_device(std::int64_t now, std::uint32_t which) {
  auto& it = devices_[which];
  it.defect = false;
  if (hosts_[it.host].up)
    clean(now, which);
  after(now, what_.devices.mean_between, event_kind::device_fails, which);
}

void fleet::schedule(std::int64_t at, event_kind kind, std::uint32_t subject, std::uint32_t life) {
  if (at < never)
    later_.push({.at = at, .number = 0, .subject = subject, .life = life, .kind = kind});
}

void fleet::after(std::int64_t now, model::duration mean, event_kind kind, std::uint32_t subject) {
  schedule(sum(now, drawn(failures_, mean)), kind, subject);
}

// --- Figures

moment fleet::look(std::int64_t now) const {
  moment seen;
  seen.at = model::duration{now};
  for (const auto& one : models_)
    seen.models.push_back(
        {one.gpus.value(), one.held.value(), one.cleaned.value(), one.broken.value()});
  seen.living = living_;
  seen.hosts = hosts_.size();
  seen.hosts_down = static_cast<std::uint64_t>(std::ranges::count(hosts_, false, &host::up));
  for (std::size_t i = 0; i << row_shift_ < hosts_.size(); ++i)
    seen.rows.push_back(rows_[i].gpus > 0
                            ? static_cast<std::uint16_t>(rows_[i].held * 1000ULL / rows_[i].gpus)
                            : nothing_there);
  return seen;
}

std::vector<host_row> fleet::rows() const {
  std::vector<host_row> all;
  const auto hosts = static_cast<std::uint32_t>(hosts_.size());
  const auto each = std::uint32_t{1} << row_shift_;
  for (std::uint32_t first = 0; first < hosts; first += each)
    all.push_back({name_of(first), name_of(std::min(first + each, hosts) - 1)});
  return all;
}

std::map<std::string, model_figures> fleet::figures(std::int64_t now) {
  std::map<std::string, model_figures> all;
  for (auto& one : models_) {
    for (auto* each : {&one.gpus, &one.held, &one.cleaned, &one.broken})
      each->add(now, 0);
    all[one.name] = {.gpus = one.gpus.value(),
                     .gpu_seconds = one.gpus.area(),
                     .held_seconds = one.held.area(),
                     .cleaned_seconds = one.cleaned.area(),
                     .broken_seconds = one.broken.area()};
  }
  return all;
}

} // namespace berth::sim
