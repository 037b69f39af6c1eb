#include "sim/fleet/fleet.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "model/text.hpp"
#include "sim/fleet/names.hpp"

namespace berth::sim {

namespace {

/// What the scheduler is told of every host of a group.
scheduler::host_changed told_of(const host_group& group) {
  scheduler::host_changed told;
  told.host.machine = group.machine.machine;
  told.host.capacity = group.machine.capacity;
  told.host.numa_nodes = group.machine.numa_nodes;
  told.host.partitions = group.machine.partitions;
  told.host.cpu_overcommit_milli = group.cpu_overcommit_milli;
  told.host.memory_overcommit_milli = group.memory_overcommit_milli;
  for (const auto& info : group.machine.devices) {
    auto& record = told.devices.emplace_back();
    record.info = info;
    record.type = info.default_type;
    record.reserve = group.reserve_per_gpu;
  }
  return told;
}

} // namespace

fleet::fleet(const scenario& what, const demand_names& names, event_queue& later,
             std::uint64_t seed, run_result& result, observer* watching)
    : what_{what}, names_{names}, later_{later}, seed_{seed}, result_{result}, watching_{watching},
      policy_{what.policy}, capacity_{what.shapes} {
  result_.shapes = what.shapes;
  name_models();
  size_rows();
  for (const auto& group : what_.hosts)
    told_.emplace_back(told_of(group));
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

void fleet::begin() {
  for (std::uint32_t group = 0; group < what_.hosts.size(); ++group)
    if (what_.hosts[group].from.count() == 0)
      add_hosts(0, group);
    else
      schedule(what_.hosts[group].from.count(), event_kind::hosts_arrive, group);
  for (const auto& one : what_.standing)
    stand(one);
  plan_maintenance();
}

// --- Hosts

void fleet::add_hosts(std::int64_t now, std::uint32_t group) {
  const auto first = static_cast<std::uint32_t>(hosts_.size());
  for (std::uint32_t i = 0; i < what_.hosts[group].count; ++i)
    add_host(now, group);
  if (what_.hosts[group].hosts_per_rack > 0 && what_.racks.mean_between.count() > 0)
    add_racks(now, group, first);
  queue_.hosts_changed(as_time(now));
}

void fleet::add_host(std::int64_t now, std::uint32_t group) {
  const auto number = static_cast<std::uint32_t>(hosts_.size());
  hosts_.push_back({group, static_cast<std::uint32_t>(devices_.size())});
  for (const auto& info : what_.hosts[group].machine.devices) {
    const auto at = static_cast<std::uint32_t>(devices_.size());
    devices_.push_back({.host = number, .model = model_number(info.model)});
    models_[devices_.back().model].gpus.add(now, 1);
    ++row_of(at).gpus;
    befall(now, what_.devices.mean_between, event_kind::device_fails, at, {luck::device, at, 0});
  }
  befall(now, what_.machines.mean_between, event_kind::machine_fails, number,
         {luck::machine, number, 0});
  publish(now, number);
}

void fleet::add_racks(std::int64_t now, std::uint32_t group, std::uint32_t first) {
  const auto end = static_cast<std::uint32_t>(hosts_.size());
  const auto each = what_.hosts[group].hosts_per_rack;
  for (; first < end; first += std::min(each, end - first)) {
    const auto number = static_cast<std::uint32_t>(racks_.size());
    racks_.push_back({first, std::min(each, end - first), 0});
    befall(now, what_.racks.mean_between, event_kind::rack_fails, number, {luck::rack, number, 0});
  }
}

std::uint16_t fleet::model_number(const std::string& name) const {
  const auto found = std::ranges::lower_bound(models_, name, {}, &levels::name);
  return static_cast<std::uint16_t>(found - models_.begin());
}

std::string fleet::name_of(std::uint32_t which) const {
  return what_.hosts[hosts_[which].group].name + "-" + std::to_string(which);
}

std::uint32_t fleet::end_of(const host& which) const {
  return which.first_device +
         static_cast<std::uint32_t>(what_.hosts[which.group].machine.devices.size());
}

/// All of a host, as the scheduler is told it. Good until the next call.
const scheduler::inventory_update& fleet::tell(std::uint32_t which) const {
  const auto& at = hosts_[which];
  auto& told = std::get<scheduler::host_changed>(told_[at.group]);
  told.host.id = host_name(which);
  told.host.name = name_of(which);
  told.host.status = at.down == 0 ? model::host_status::online : model::host_status::offline;
  told.host.settled = at.down == 0;
  told.host.maintenance = at.closed > 0;
  auto number = at.first_device;
  for (auto& record : told.devices) {
    const auto& seen = devices_[number];
    record.info.id = device_name(number++);
    record.host = told.host.id;
    record.state = state_of(seen.use);
    record.owner.reset();
    if (seen.server != nobody)
      record.owner = server_name(servers_[seen.server].number);
  }
  return told_[at.group];
}

model::device_state fleet::state_of(device_use use) {
  switch (use) {
  case device_use::free:
    return model::device_state::free;
  case device_use::held:
    return model::device_state::in_use;
  case device_use::cleaned:
    return model::device_state::resetting;
  case device_use::quarantined:
  case device_use::broken:
    return model::device_state::quarantined;
  }
  return model::device_state::quarantined;
}

void fleet::publish(std::int64_t now, std::uint32_t which) {
  world_.apply(tell(which));
  queue_.hosts_changed(as_time(now));
  if (hosts_[which].down == 0 && hosts_[which].closed == 0)
    free_up(which);
}

// --- What happens

bool fleet::happen(const event& what) {
  const auto now = what.at;
  switch (what.kind()) {
  case event_kind::hosts_arrive:
    add_hosts(now, what.subject);
    return true;
  case event_kind::server_ends:
    if (servers_[what.subject].host == nobody || servers_[what.subject].life != what.life)
      return false; // it failed before
    if (watching_ != nullptr)
      watching_->ended(model::duration{now}, servers_[what.subject].number);
    release(now, what.subject);
    ++result_.ended;
    return true;
  case event_kind::wait_ends:
    return end_wait(now, std::uint64_t{what.life} << 32U | what.subject);
  case event_kind::device_clean:
    if (devices_[what.subject].life != what.life)
      return false;
    use(now, what.subject, device_use::free);
    turn(what.subject);
    return true;
  case event_kind::queue_look:
    look_due_ = 0;
    return false; // serve() follows
  case event_kind::rack_fails:
    fail_rack(now, what.subject);
    return true;
  case event_kind::rack_mended:
    mend_rack(now, what.subject);
    return true;
  case event_kind::machine_fails:
    fail_machine(now, what.subject);
    return true;
  case event_kind::machine_mended:
    mend_machine(now, what.subject);
    return true;
  case event_kind::device_fails:
    fail_device(now, what.subject);
    return true;
  case event_kind::device_mended:
    mend_device(now, what.subject);
    return true;
  case event_kind::work_closes:
    close_for_work(now, what.subject, what.life);
    return true;
  case event_kind::work_begins:
    begin_work(now, what.subject);
    return true;
  case event_kind::work_ends:
    end_work(now, what.subject);
    return true;
  }
  return false;
}

void fleet::schedule(std::int64_t at, event_kind kind, std::uint32_t subject, std::uint32_t life) {
  if (at < never)
    later_.push(at, kind, subject, life);
}

/// At a time from now on that is exponentially distributed; `mean` zero: never.
void fleet::befall(std::int64_t now, model::duration mean, event_kind kind, std::uint32_t subject,
                   const occasion& why) {
  if (mean.count() == 0)
    return;
  auto dice = dice_for(seed_, why);
  schedule(sum(now, drawn(dice, mean)), kind, subject);
}

// --- Figures

moment fleet::look(std::int64_t now) {
  moment seen;
  seen.at = model::duration{now};
  for (const auto& one : models_)
    seen.models.push_back(
        {one.gpus.value(), one.held.value(), one.cleaned.value(), one.broken.value(), 0, 0});
  look_at_capacity(seen);
  for (std::size_t i = 0; i << row_shift_ < hosts_.size(); ++i)
    seen.rows.push_back(rows_[i].gpus > 0
                            ? static_cast<std::uint16_t>(rows_[i].held * 1000ULL / rows_[i].gpus)
                            : nothing_there);
  seen.waiting = waiting_.size();
  seen.gpus_waiting = gpus_waiting_;
  seen.arrived = result_.arrived;
  seen.placed = result_.placed;
  seen.failed = result_.failed;
  seen.living = result_.living;
  seen.hosts = hosts_.size();
  seen.hosts_down = static_cast<std::uint64_t>(
      std::ranges::count_if(hosts_, [](const host& one) { return one.down != 0; }));
  seen.refused_by = result_.refused_by;
  seen.waits = waits_.by_class();
  return seen;
}

/// How many more of the chosen shapes fit, and what stands in the way.
void fleet::look_at_capacity(moment& seen) {
  if (what_.shapes.empty())
    return;
  const auto capacity = capacity_.look(world_);
  for (const auto& each : capacity.shapes)
    seen.placeable.push_back(each.servers);
  for (const auto& each : capacity.models) {
    const auto& lost = each.stranded;
    for (std::size_t i = 0; i < models_.size(); ++i) {
      if (!model::contains_ignoring_case(models_[i].name, each.model))
        continue; // a part of the name will do, as in a request
      seen.models[i].stranded = lost.unit + lost.cpu + lost.memory + lost.storage;
      seen.models[i].fragmentation = each.fragmentation;
    }
  }
}

void fleet::finish(std::int64_t now) {
  result_.waits_by_class = waits_.by_class();
  for (std::size_t gpus = 0; gpus < sizes_.size(); ++gpus)
    if (sizes_[gpus].arrived > 0)
      result_.sizes[static_cast<std::uint16_t>(gpus)] = std::move(sizes_[gpus]);
  for (auto& one : models_) {
    for (auto* each : {&one.gpus, &one.held, &one.cleaned, &one.broken})
      each->add(now, 0);
    result_.models[one.name] = {.gpus = one.gpus.value(),
                                .gpu_seconds = one.gpus.area(),
                                .held_seconds = one.held.area(),
                                .cleaned_seconds = one.cleaned.area(),
                                .broken_seconds = one.broken.area()};
  }
  const auto hosts = static_cast<std::uint32_t>(hosts_.size());
  const auto each = std::uint32_t{1} << row_shift_;
  for (std::uint32_t first = 0; first < hosts; first += each)
    result_.rows.push_back({name_of(first), name_of(std::min(first + each, hosts) - 1)});
  result_.waiting = waiting_.size();
}

} // namespace berth::sim
