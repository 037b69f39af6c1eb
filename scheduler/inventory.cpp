#include <algorithm>
#include <tuple>
#include <utility>

#include "scheduler/capacity.hpp"
#include "scheduler/inventory_impl.hpp"

namespace berth::scheduler {

namespace {

/// The most selectors, and the most device requests, that are remembered between decisions.
constexpr std::size_t pools_max = 64;
constexpr std::size_t asks_max = 64;

void set_entry(device_entry& entry, const model::device_record& device, kind_id kind) {
  entry.address = device.info.address;
  entry.kind = kind;
  entry.state = device.state;
  entry.enabled = device.enabled;
  entry.present = device.present;
  entry.usable = device.info.unusable_reason.empty();
  entry.owned = device.owner.has_value();
  entry.is_gpu = model::is_gpu(device.type);
  entry.reserve = device.reserve;
}

flavour_view flavour_of(const server_allocated& update) {
  flavour_view wanted;
  wanted.count = static_cast<std::int64_t>(update.devices.size());
  wanted.cpus = update.amount.cpus;
  wanted.memory_mib = update.amount.memory_mib;
  for (const auto& request : update.asked) {
    if (!request.id) {
      wanted.devices = request.alternatives;
      break;
    }
  }
  return wanted;
}

void set_bit(device_mask& set, std::size_t position, bool on) {
  if (position >= device_slots_max) {
    return;
  }
  set = on ? set | device_bit(position) : set & ~device_bit(position);
}

void forget_repeats(std::vector<host_slot_id>& slots) {
  std::sort(slots.begin(), slots.end());
  slots.erase(std::unique(slots.begin(), slots.end()), slots.end());
}

} // namespace

inventory::impl::impl() = default;
inventory::impl::~impl() = default;

std::optional<host_slot_id> inventory::impl::find_host(const model::host_id& id) const {
  if (latest_ && latest_->first == id) {
    return latest_->second;
  }
  const auto found = host_by_id.find(id, [&](std::uint32_t slot) { return hosts[slot].id == id; });
  if (found == number_table::none) {
    return std::nullopt;
  }
  latest_.emplace(id, found);
  return found;
}

std::optional<device_place> inventory::impl::find_device(const model::device_id& id) const {
  std::optional<std::size_t> position;
  const auto host = device_by_id.find(id, [&](std::uint32_t slot) {
    position = hosts[slot].find(id);
    return position.has_value();
  });
  if (host == number_table::none) {
    return std::nullopt;
  }
  return device_place{host, static_cast<std::uint32_t>(*position)};
}

std::optional<group_id> inventory::impl::find_group(const std::string& name) const {
  const auto found = group_by_name.find(name);
  return found == group_by_name.end() ? std::nullopt : std::optional{found->second};
}

void inventory::impl::refresh(host_slot_id slot) {
  auto& host = hosts[slot];
  host.amounts = free_of(host.whole, host.load);
  touch(slot);
}

void inventory::impl::touch(host_slot_id slot) {
  devices_index.touch(slot);
  ordinary_index.touch(slot);
  if (!watched.empty()) {
    unwatched.push_back(slot);
    if (unwatched.size() > 2 * hosts.size() + 64) {
      forget_repeats(unwatched);
    }
  }
}

host_slot_id inventory::impl::slot_for(const model::host_id& id) {
  if (const auto known = find_host(id)) {
    return *known;
  }
  host_slot_id slot = static_cast<host_slot_id>(hosts.size());
  if (unused_slots.empty()) {
    hosts.emplace_back();
  } else {
    slot = unused_slots.back();
    unused_slots.pop_back();
  }
  hosts[slot].id = id;
  host_by_id.put(id, slot, [&](std::uint32_t number) { return hosts[number].id == id; });
  ++host_count;
  return slot;
}

void inventory::impl::set_shape(host_slot_id slot, host_shape shape) {
  auto& host = hosts[slot];
  const auto added = shapes.add(std::move(shape));
  if (added.is_new) {
    for (auto& pool : pools) {
      pool->forget_shape(added.id);
    }
    asks.clear(); // what they remember of a group may be about the former shape of this number
    outlooks.forget();
  }
  if (host.known) {
    shapes.remove(host.shape);
  }
  host.shape = added.id;
}

void inventory::impl::drop_devices(host_slot_id slot) {
  for (const auto& id : hosts[slot].device_ids) {
    const auto has = [&](std::uint32_t number) { return hosts[number].find(id).has_value(); };
    if (device_by_id.find(id, has) == slot) {
      device_by_id.erase(id, has);
    }
  }
  for (const auto& device : hosts[slot].devices) {
    kinds.remove(device.kind);
  }
}

void inventory::impl::apply(const host_changed& update) {
  const auto in_pci_order = [](const model::device_record& a, const model::device_record& b) {
    return std::tie(a.info.address, a.info.id) < std::tie(b.info.address, b.info.id);
  };
  if (!std::is_sorted(update.devices.begin(), update.devices.end(), in_pci_order)) {
    auto again = update;
    std::sort(again.devices.begin(), again.devices.end(), in_pci_order);
    return apply(again);
  }
  const auto& sorted = update.devices;
  const host_slot_id slot = slot_for(update.host.id);
  auto& host = hosts[slot];

  std::vector<device_entry> entries(sorted.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    set_entry(entries[i], sorted[i], kinds.add(sorted[i]));
  }
  drop_devices(slot); // after the new ones were added: a kind that stays is never without a device
  host.record = update.host;
  host.id = update.host.id;
  host.whole = amounts_of(update.host);
  host.steps = steps_of(host.whole.capacity);
  host.closed = closure_of(update.host);
  host.tags = tags.add(update.host.tags);
  host.devices = std::move(entries);
  const auto former_ids = std::exchange(host.device_ids, {});
  host.free = 0;
  host.load.gpu_reserve = {};
  host.has_gpus = false;
  std::vector<kind_id> shape_kinds;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const auto& id = sorted[i].info.id;
    device_by_id.put(id, slot,
                     [&](std::uint32_t number) { return hosts[number].find(id).has_value(); });
    host.device_ids.push_back(id);
    set_bit(host.free, i, model::is_offerable(sorted[i]));
    host.load.gpu_reserve += host.devices[i].gpu_reserve();
    host.has_gpus = host.has_gpus || host.devices[i].is_gpu;
    if (i < device_slots_max) {
      shape_kinds.push_back(host.devices[i].kind);
    }
  }
  if (!former_ids.empty() && former_ids != host.device_ids) {
    renumber(slot, former_ids);
  }
  const std::span placeable{sorted.data(), std::min(sorted.size(), device_slots_max)};
  set_shape(slot, make_shape(host.record, placeable, std::move(shape_kinds)));
  host.known = true;
  refresh(slot);
}

void inventory::impl::renumber(host_slot_id slot, const std::vector<model::device_id>& former_ids) {
  servers.for_each([&](const model::server_id&, allocation& each) {
    if (each.host != slot) {
      return;
    }
    for_each(std::exchange(each.devices, 0), [&](std::size_t former) {
      if (const auto now = hosts[slot].find(former_ids[former])) {
        set_bit(each.devices, *now, true);
      }
    });
  });
}

void inventory::impl::apply(const host_gone& update) {
  const auto slot = find_host(update.host);
  if (!slot) {
    return;
  }
  drop_devices(*slot);
  std::vector<model::server_id> gone;
  servers.for_each([&](const model::server_id& id, const allocation& each) {
    if (each.host == *slot) {
      gone.push_back(id);
    }
  });
  for (const auto& id : gone) {
    const auto old = servers.take(id);
    if (old->holds_devices) {
      mix.count(old->kind_of_server, -1);
    }
    mix.drop(old->kind_of_server);
  }
  for (const auto& member : std::vector{hosts[*slot].groups}) {
    count_member(*slot, member.first, -member.second);
  }
  shapes.remove(hosts[*slot].shape);
  host_by_id.erase(update.host,
                   [&](std::uint32_t number) { return hosts[number].id == update.host; });
  hosts[*slot] = {};
  touch(*slot);
  latest_.reset();
  unused_slots.push_back(*slot);
  --host_count;
}

void inventory::impl::apply(const device_changed& update) {
  const auto place = find_device(update.device.info.id);
  if (!place || hosts[place->host].id != update.device.host) {
    return;
  }
  auto& host = hosts[place->host];
  auto& entry = host.devices[place->position];
  const kind_id kind = kinds.add(update.device);
  if (kind != entry.kind && place->position < device_slots_max) {
    host_shape shape = shapes.at(host.shape);
    shape.kinds[place->position] = kind;
    set_shape(place->host, std::move(shape));
  }
  kinds.remove(entry.kind);
  host.load.gpu_reserve -= entry.gpu_reserve();
  set_entry(entry, update.device, kind);
  host.load.gpu_reserve += entry.gpu_reserve();
  host.has_gpus = std::any_of(host.devices.begin(), host.devices.end(),
                              [](const auto& device) { return device.is_gpu; });
  set_bit(host.free, place->position, entry.is_offerable());
  refresh(place->host);
}

void inventory::impl::apply(const device_turned& update) {
  const auto slot = find_host(update.host);
  const auto position = slot ? hosts[*slot].find(update.device) : std::nullopt;
  if (!position) {
    return;
  }
  auto& host = hosts[*slot];
  auto& entry = host.devices[*position];
  const auto free_before = host.free;
  const auto reserve_before = entry.gpu_reserve();
  entry.state = update.state;
  entry.owned = update.owned;
  const auto reserve_now = entry.gpu_reserve();
  set_bit(host.free, *position, entry.is_offerable());
  if (host.free == free_before && reserve_now == reserve_before) {
    return; // most steps of a turnover change nothing for placement
  }
  if (reserve_now == reserve_before) {
    return touch(*slot);
  }
  host.load.gpu_reserve -= reserve_before;
  host.load.gpu_reserve += reserve_now;
  refresh(*slot);
}

void inventory::impl::count_member(host_slot_id slot, group_id group, std::int32_t change) {
  if (group == 0 || change == 0) {
    return;
  }
  auto& members = hosts[slot].groups;
  auto found = std::find_if(members.begin(), members.end(),
                            [group](const auto& member) { return member.first == group; });
  if (found == members.end()) {
    found = members.insert(members.end(), {group, 0});
    group_hosts[group].push_back(slot);
  }
  found->second += change;
  if (found->second == 0) {
    members.erase(found);
    std::erase(group_hosts[group], slot);
  }
}

void inventory::impl::put_on(const allocation& added) {
  auto& host = hosts[added.host];
  host.load.used += added.amount;
  if (added.holds_devices) {
    host.load.used_by_holders += added.amount;
  }
  ++host.servers;
  count_member(added.host, added.group, +1);
  if (added.holds_devices) {
    mix.count(added.kind_of_server, +1);
    host.ends.push_back(added.ends);
  }
  refresh(added.host);
}

void inventory::impl::take_off(const allocation& old) {
  auto& host = hosts[old.host];
  host.load.used -= old.amount;
  if (old.holds_devices) {
    host.load.used_by_holders -= old.amount;
  }
  --host.servers;
  count_member(old.host, old.group, -1);
  if (old.holds_devices) {
    mix.count(old.kind_of_server, -1);
    host.ends.erase(std::find(host.ends.begin(), host.ends.end(), old.ends));
  }
  refresh(old.host);
}

void inventory::impl::apply(const server_allocated& update) {
  const auto slot = find_host(update.host);
  if (!slot) {
    return;
  }
  group_id group = 0;
  if (!update.anti_affinity_group.empty()) {
    const auto next = static_cast<group_id>(group_by_name.size() + 1);
    group = group_by_name.try_emplace(update.anti_affinity_group, next).first->second;
  }
  auto& host = hosts[*slot];
  const auto free_before = host.free;
  allocation wanted;
  wanted.host = *slot;
  wanted.group = group;
  wanted.holds_devices = !update.devices.empty();
  wanted.amount = update.amount;
  for (const auto& device : update.devices) {
    if (const auto position = host.find(device)) {
      set_bit(host.free, *position, false);
      set_bit(wanted.devices, *position, true);
    }
  }
  if (wanted.holds_devices) {
    wanted.kind_of_server = mix.hold(flavour_of(update));
    wanted.ends = rounded_end(update.placed_at, update.ends_at);
  }
  auto* const known = servers.find(update.server);
  if (known != nullptr && *known == wanted) {
    mix.drop(wanted.kind_of_server);
    // What a replica has decided itself comes back as the truth.
    if (host.free != free_before) {
      touch(*slot);
    }
    return;
  }
  if (known != nullptr) {
    const auto old = std::exchange(*known, wanted);
    take_off(old);
    mix.drop(old.kind_of_server);
  } else {
    servers.add(update.server, wanted);
  }
  put_on(wanted);
}

void inventory::impl::apply(const server_released& update) {
  if (const auto old = servers.take(update.server)) {
    take_off(*old);
    mix.drop(old->kind_of_server);
  }
}

inventory::impl::lifted inventory::impl::lift(const model::server_id& server) {
  const allocation was = *servers.take(server);
  auto& host = hosts[was.host];
  lifted gone{server, was, host.free, host.devices};
  for_each(was.devices, [&host](std::size_t position) {
    auto& entry = host.devices[position];
    host.load.gpu_reserve -= entry.gpu_reserve();
    entry.owned = false;
    entry.state = model::device_state::free;
    host.load.gpu_reserve += entry.gpu_reserve();
    set_bit(host.free, position, entry.is_offerable());
  });
  take_off(was);
  return gone;
}

void inventory::impl::put_back(const lifted& gone) {
  auto& host = hosts[gone.was.host];
  for_each(gone.was.devices, [&](std::size_t position) {
    host.load.gpu_reserve -= host.devices[position].gpu_reserve();
    host.devices[position] = gone.devices[position];
    host.load.gpu_reserve += host.devices[position].gpu_reserve();
  });
  host.free = gone.free;
  servers.add(gone.server, gone.was);
  put_on(gone.was);
}

inventory::inventory() : impl_(std::make_unique<impl>()) {}
inventory::~inventory() = default;
inventory::inventory(inventory&&) noexcept = default;
inventory& inventory::operator=(inventory&&) noexcept = default;

// --- What decisions use

void inventory::impl::begin_decision(bool holds_devices) const {
  if (pools_generation != kinds.generation() || pools.size() > pools_max) {
    pools.clear();
    asks.clear();
    pools_generation = kinds.generation();
  }
  if (asks.size() > asks_max) {
    asks.clear();
  }
  if (!holds_devices) {
    if (ordinary_index.has_outgrown()) {
      ordinary_index.start_anew();
    }
    ordinary_index.freshen(hosts);
    return;
  }
  if (devices_index.has_outgrown()) {
    // Numbers of groups are given anew, so nothing that is kept by number stays.
    devices_index.start_anew();
    pools.clear();
    asks.clear();
    outlooks.forget();
  }
  devices_index.freshen(hosts);
  for (const group_number group : devices_index.take_changed()) {
    for (auto& pool : pools) {
      if (pool->is_indexed()) {
        count_group(*pool, group);
      }
    }
  }
}

void inventory::impl::see_stays() const {
  if (!devices_index.sees_stays()) {
    devices_index.see_stays();
    begin_decision(true);
  }
}

void inventory::impl::count_group(device_pool& pool, group_number number) const {
  const auto& group = devices_index.groups().at(number);
  const device_mask free = group.key.free & pool.matching(group.key.shape, shapes);
  pool.set(number, group.hosts > 0 ? count(free) : -1);
}

std::shared_ptr<device_pool>
inventory::impl::pool_of(const model::device_selector& selector) const {
  const auto found = std::find_if(pools.begin(), pools.end(), [&selector](const auto& pool) {
    return pool->selector() == selector;
  });
  return found != pools.end()
             ? *found
             : pools.emplace_back(std::make_shared<device_pool>(selector, kinds.match(selector)));
}

void inventory::impl::index_pool(device_pool& pool) const {
  if (!pool.is_indexed()) {
    pool.start_index();
    devices_index.filled().for_each([&](group_number group) { count_group(pool, group); });
  }
}

void inventory::apply(const inventory_update& update) {
  std::visit([this](const auto& what) { impl_->apply(what); }, update);
}

std::optional<inventory::host_totals> inventory::totals(model::host_id host) const {
  const auto slot = impl_->find_host(host);
  if (!slot) {
    return std::nullopt;
  }
  const auto& known = impl_->hosts[*slot];
  host_totals totals;
  totals.used = known.load.used;
  totals.gpu_reserved = known.load.gpu_reserve;
  totals.free = known.amounts.ordinary;
  totals.free_for_gpu = known.amounts.gpu;
  totals.devices = static_cast<std::int32_t>(known.devices.size());
  totals.devices_free = count(known.free);
  totals.servers = known.servers;
  return totals;
}

void inventory::watch(const std::vector<model::placement_request>& shapes) {
  impl_->watched.clear();
  impl_->unwatched.clear();
  for (const auto& shape : shapes) {
    impl_->watched.emplace_back(shape).recount(*impl_);
  }
  impl_->watched_generation = impl_->kinds.generation();
}

std::vector<std::int64_t> inventory::watched_capacities() {
  auto& changed = impl_->unwatched;
  forget_repeats(changed);
  // Another kind of device may mean other matches everywhere.
  const bool anew = impl_->watched_generation != impl_->kinds.generation();
  std::vector<std::int64_t> totals;
  for (auto& shape : impl_->watched) {
    anew ? shape.recount(*impl_) : shape.recount(*impl_, changed);
    totals.push_back(shape.total());
  }
  impl_->watched_generation = impl_->kinds.generation();
  changed.clear();
  return totals;
}

std::size_t inventory::host_count() const {
  return impl_->host_count;
}

} // namespace berth::scheduler
