#include <algorithm>
#include <utility>

#include "sim/fleet/fleet.hpp"
#include "sim/fleet/names.hpp"

namespace berth::sim {

// Devices: their turnover. Devices, hosts and racks that fail and are mended; maintenance.

namespace {

// Why a host is down.
constexpr std::uint8_t by_itself = 1;
constexpr std::uint8_t by_rack = 2;
constexpr std::uint8_t by_work = 4;

} // namespace

// --- Turnover

void fleet::clean(std::int64_t now, std::uint32_t which, const occasion& why) {
  auto& it = devices_[which];
  ++it.life;
  std::int64_t takes = what_.turnover.least.count();
  bool bad = false;
  if (what_.turnover.mean_rest.count() > 0 || what_.quarantine_probability > 0) {
    auto dice = dice_for(seed_, why);
    takes = sum(takes, drawn(dice, what_.turnover.mean_rest));
    bad = dice.chance(what_.quarantine_probability);
    if (bad)
      takes = sum(takes, drawn(dice, what_.mean_quarantine));
  }
  use(now, which, bad ? device_use::quarantined : device_use::cleaned);
  if (takes > 0)
    return schedule(sum(now, takes), event_kind::device_clean, which, it.life);
  use(now, which, device_use::free);
  turn(which);
}

/// The scheduler hears what became of a device.
void fleet::turn(std::uint32_t which) {
  const auto& it = devices_[which];
  world_.apply(scheduler::device_turned{host_name(it.host), device_name(which), state_of(it.use),
                                        it.server != nobody});
  if (it.use == device_use::free)
    free_up(it.host);
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
  case device_use::quarantined:
    return &of.cleaned;
  case device_use::broken:
    return &of.broken;
  case device_use::free:
    return nullptr;
  }
  return nullptr;
}

// --- Hosts that go and come back

/// Its servers are lost, its devices are out of service until it is back.
void fleet::take_down(std::int64_t now, std::uint32_t which, std::uint8_t why,
                      std::uint64_t& lost) {
  auto& it = hosts_[which];
  const bool was_up = it.down == 0;
  it.down = static_cast<std::uint8_t>(it.down | why);
  if (!was_up)
    return;
  while (it.first_server != nobody)
    lose(now, it.first_server, lost);
  for (auto number = it.first_device; number < end_of(it); ++number) {
    ++devices_[number].life; // whatever was under way with it is over
    use(now, number, device_use::broken);
  }
  publish(now, which);
}

void fleet::bring_back(std::int64_t now, std::uint32_t which, std::uint8_t why) {
  auto& it = hosts_[which];
  it.down = static_cast<std::uint8_t>(it.down & ~why);
  if (it.down != 0)
    return;
  publish(now, which);
  for (auto number = it.first_device; number < end_of(it); ++number)
    if (!devices_[number].defect)
      clean(now, number, {luck::device, number, ~std::uint64_t{devices_[number].life}});
}

// --- What fails by itself. Dice of even occasions say when, those of odd ones how long.

void fleet::fail_rack(std::int64_t now, std::uint32_t which) {
  auto& it = racks_[which];
  for (std::uint32_t i = 0; i < it.count; ++i)
    take_down(now, it.first + i, by_rack, result_.failed);
  befall(now, what_.racks.mean_repair, event_kind::rack_mended, which,
         {luck::rack, which, 2ULL * it.failures + 1});
}

void fleet::mend_rack(std::int64_t now, std::uint32_t which) {
  auto& it = racks_[which];
  for (std::uint32_t i = 0; i < it.count; ++i)
    bring_back(now, it.first + i, by_rack);
  befall(now, what_.racks.mean_between, event_kind::rack_fails, which,
         {luck::rack, which, 2ULL * ++it.failures});
}

void fleet::fail_machine(std::int64_t now, std::uint32_t which) {
  take_down(now, which, by_itself, result_.failed);
  befall(now, what_.machines.mean_repair, event_kind::machine_mended, which,
         {luck::machine, which, 2ULL * hosts_[which].failures + 1});
}

void fleet::mend_machine(std::int64_t now, std::uint32_t which) {
  bring_back(now, which, by_itself);
  befall(now, what_.machines.mean_between, event_kind::machine_fails, which,
         {luck::machine, which, 2ULL * ++hosts_[which].failures});
}

void fleet::fail_device(std::int64_t now, std::uint32_t which) {
  auto& it = devices_[which];
  if (it.server != nobody)
    lose(now, it.server, result_.failed);
  it.defect = true;
  ++it.life;
  use(now, which, device_use::broken);
  turn(which);
  befall(now, what_.devices.mean_repair, event_kind::device_mended, which,
         {luck::device, which, 2ULL * it.failures + 1});
}

void fleet::mend_device(std::int64_t now, std::uint32_t which) {
  auto& it = devices_[which];
  it.defect = false;
  ++it.failures;
  if (hosts_[it.host].down == 0)
    clean(now, which, {luck::device, which, ~std::uint64_t{it.life}});
  befall(now, what_.devices.mean_between, event_kind::device_fails, which,
         {luck::device, which, 2ULL * it.failures});
}

// --- Maintenance: each batch of a plan closes, is worked on and comes back

void fleet::plan_maintenance() {
  for (std::uint32_t i = 0; i < what_.maintenance.size(); ++i) {
    const auto& plan = what_.maintenance[i];
    schedule(std::max<std::int64_t>(0, plan.from.count() - plan.drain.count()),
             event_kind::work_closes, i);
  }
}

/// In the order in which they came, so that a purchase moves nobody to another batch. Who comes
/// when its batch is closed already is left out.
std::vector<std::uint32_t> fleet::hosts_of(const maintenance_plan& plan,
                                           std::uint32_t batch) const {
  std::vector<std::uint32_t> all;
  for (std::uint32_t which = 0; which < hosts_.size(); ++which)
    if (plan.group.empty() || what_.hosts[hosts_[which].group].name == plan.group)
      all.push_back(which);
  const auto first = std::min<std::size_t>(std::size_t{batch} * plan.at_once, all.size());
  const auto count = std::min<std::size_t>(plan.at_once, all.size() - first);
  return {all.begin() + static_cast<std::ptrdiff_t>(first),
          all.begin() + static_cast<std::ptrdiff_t>(first + count)};
}

void fleet::close_for_work(std::int64_t now, std::uint32_t number, std::uint32_t batch) {
  const auto& plan = what_.maintenance[number];
  const auto turn_comes = sum(plan.from.count(), std::int64_t{batch} * plan.lasts.count());
  auto chosen = hosts_of(plan, batch);
  if (chosen.empty())
    return;
  for (const auto which : chosen) {
    ++hosts_[which].closed;
    publish(now, which);
  }
  schedule(turn_comes, event_kind::work_begins, static_cast<std::uint32_t>(works_.size()));
  works_.push_back({number, std::move(chosen)});
  schedule(std::max(now, sum(turn_comes, plan.lasts.count() - plan.drain.count())),
           event_kind::work_closes, number, batch + 1);
}

void fleet::begin_work(std::int64_t now, std::uint32_t number) {
  for (const auto which : works_[number].hosts) {
    ++hosts_[which].works;
    take_down(now, which, by_work, result_.evicted);
  }
  schedule(sum(now, what_.maintenance[works_[number].plan].lasts.count()), event_kind::work_ends,
           number);
}

void fleet::end_work(std::int64_t now, std::uint32_t number) {
  for (const auto which : works_[number].hosts) {
    --hosts_[which].closed;
    if (--hosts_[which].works == 0)
      bring_back(now, which, by_work);
    publish(now, which);
  }
}

} // namespace berth::sim
