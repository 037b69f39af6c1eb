#include <algorithm>
#include <tuple>
#include <utility>

#include "scheduler/inventory_impl.hpp"

namespace berth::scheduler {

namespace {

/// The most selectors whose matches are remembered between decisions.
constexpr std::size_t pools_max = 64;

/// What a device adds to R: every GPU that can be given away or is, attached or not.
model::resources reserve_of(const model::device_record& device) {
  const bool counts = model::is_gpu(device.type) && device.info.unusable_reason.empty() &&
                      (device.present || device.owner);
  return counts ? device.reserve : model::resources{};
}

void set_entry(device_entry& entry, const model::device_record& device, kind_id kind) {
  entry.id = device.info.id;
  entry.address = device.info.address;
  entry.kind = kind;
  entry.state = device.state;
  entry.enabled = device.enabled;
  entry.present = device.present;
  entry.usable = device.info.unusable_reason.empty();
  entry.owned = device.owner.has_value();
  entry.gpu_reserve = reserve_of(device);
}

model::resources max(const model::resources& a, const model::resources& b) {
  return {std::max(a.cpus, b.cpus), std::max(a.memory_mib, b.memory_mib),
          std::max(a.storage_mib, b.storage_mib)};
}

double per_mille_of(std::int64_t whole) {
  return whole > 0 ? 1000.0 / static_cast<double>(whole) : 0.0;
}

void set_bit(device_mask& set, std::size_t position, bool on) {
  if (position >= device_slots_max) {
    return;
  }
  set = on ? set | device_bit(position) : set & ~device_bit(position);
}

void count_member(host_slot& host, group_id group, std::int32_t change) {
  if (group == 0) {
    return;
  }
  auto found = std::find_if(host.groups.begin(), host.groups.end(),
                            [group](const auto& member) { return member.first == group; });
  if (found == host.groups.end()) {
    found = host.groups.insert(host.groups.end(), {group, 0});
  }
  found->second += change;
  if (found->second == 0) {
    host.groups.erase(found);
  }
}

} // namespace

std::optional<host_slot_id> inventory::impl::find_host(const model::host_id& id) const {
  const auto found = host_by_id.find(id);
  return found == host_by_id.end() ? std::nullopt : std::optional{found->second};
}

std::optional<device_place> inventory::impl::find_device(const model::device_id& id) const {
  const auto found = device_by_id.find(id);
  return found == device_by_id.end() ? std::nullopt : std::optional{found->second};
}

std::optional<group_id> inventory::impl::find_group(const std::string& name) const {
  const auto found = group_by_name.find(name);
  return found == group_by_name.end() ? std::nullopt : std::optional{found->second};
}

void inventory::impl::begin_decision() const {
  if (pools_generation != kinds.generation() || pools.size() > pools_max) {
    pools.clear();
    pools_generation = kinds.generation();
  }
}

std::size_t inventory::impl::pool_of(const model::device_selector& selector) const {
  const auto found = std::find_if(pools.begin(), pools.end(), [&selector](const auto& pool) {
    return pool.selector() == selector;
  });
  if (found != pools.end()) {
    return static_cast<std::size_t>(found - pools.begin());
  }
  pools.emplace_back(selector, kinds.match(selector));
  return pools.size() - 1;
}

const device_pool& inventory::impl::indexed_pool(std::size_t pool) const {
  auto& indexed = pools[pool];
  if (!indexed.is_indexed()) {
    indexed.start_index();
    for (host_slot_id slot = 0; slot < hosts.size(); ++slot) {
      if (hot[slot].open) {
        indexed.set(slot, count(hosts[slot].free & indexed.matching(hosts[slot].shape, shapes)));
      }
    }
  }
  return indexed;
}

const std::vector<host_block>& inventory::impl::fresh_blocks() const {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    auto& block = blocks[i];
    if (!block.stale) {
      continue;
    }
    block = {};
    block.stale = false;
    block.least_sum = 2000;
    const std::size_t end = std::min(hot.size(), (i + 1) * host_block::size);
    for (std::size_t slot = i * host_block::size; slot < end; ++slot) {
      const auto& host = hot[slot];
      if (!host.open) {
        continue;
      }
      block.any_gpu_free = block.any_gpu_free || !host.has_gpus;
      block.most = block.any_open ? max(block.most, host.ordinary) : host.ordinary;
      block.any_open = true;
      block.least_sum =
          std::min(block.least_sum, thousandths(host.ordinary.cpus, host.cpu_scale) +
                                        thousandths(host.ordinary.memory_mib, host.memory_scale));
      block.cpu_scale = std::max(block.cpu_scale, host.cpu_scale);
      block.memory_scale = std::max(block.memory_scale, host.memory_scale);
    }
  }
  return blocks;
}

void inventory::impl::refresh(host_slot_id slot) {
  auto& host = hosts[slot];
  host.amounts = free_of(host.record, host.load);
  const auto& record = host.record;
  const bool open = host.known && record.enabled && !record.maintenance && record.settled &&
                    record.status == model::host_status::online;
  const auto& capacity = host.amounts.capacity;
  hot[slot] = {open,
               host.has_gpus,
               host.shape,
               host.amounts.ordinary,
               per_mille_of(capacity.cpus),
               per_mille_of(capacity.memory_mib),
               host.amounts.gpu,
               capacity,
               host.free,
               record.id};
  blocks[slot / host_block::size].stale = true;
  for (auto& pool : pools) {
    if (pool.is_indexed()) {
      pool.set(slot, open ? count(host.free & pool.matching(host.shape, shapes)) : -1);
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
    hot.emplace_back();
    blocks.resize(hosts.size() / host_block::size + 1);
  } else {
    slot = unused_slots.back();
    unused_slots.pop_back();
  }
  host_by_id.emplace(id, slot);
  ++host_count;
  return slot;
}

void inventory::impl::set_shape(host_slot_id slot, host_shape shape) {
  auto& host = hosts[slot];
  const auto added = shapes.add(std::move(shape));
  if (added.is_new) {
    for (auto& pool : pools) {
      pool.forget_shape(added.id);
    }
  }
  if (host.known) {
    shapes.remove(host.shape);
  }
  host.shape = added.id;
}

void inventory::impl::drop_devices(host_slot_id slot) {
  for (const auto& device : hosts[slot].devices) {
    const auto found = device_by_id.find(device.id);
    if (found != device_by_id.end() && found->second.host == slot) {
      device_by_id.erase(found);
    }
    kinds.remove(device.kind);
  }
}

void inventory::impl::apply(const host_changed& update) {
  std::vector<model::device_record> sorted = update.devices;
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::tie(a.info.address, a.info.id) < std::tie(b.info.address, b.info.id);
  });
  const host_slot_id slot = slot_for(update.host.id);
  auto& host = hosts[slot];

  std::vector<device_entry> entries(sorted.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    set_entry(entries[i], sorted[i], kinds.add(sorted[i]));
  }
  drop_devices(slot); // after the new ones were added: a kind that stays is never without a device
  host.record = update.host;
  host.devices = std::move(entries);
  host.free = 0;
  host.load.gpu_reserve = {};
  host.has_gpus = false;
  std::vector<kind_id> shape_kinds;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    device_by_id[sorted[i].info.id] = {slot, static_cast<std::uint32_t>(i)};
    set_bit(host.free, i, model::is_offerable(sorted[i]));
    host.load.gpu_reserve += host.devices[i].gpu_reserve;
    host.has_gpus = host.has_gpus || model::is_gpu(sorted[i].type);
    if (i < device_slots_max) {
      shape_kinds.push_back(host.devices[i].kind);
    }
  }
  const std::span placeable{sorted.data(), std::min(sorted.size(), device_slots_max)};
  set_shape(slot, make_shape(host.record, placeable, std::move(shape_kinds)));
  host.known = true;
  refresh(slot);
}

void inventory::impl::apply(const host_gone& update) {
  const auto slot = find_host(update.host);
  if (!slot) {
    return;
  }
  drop_devices(*slot);
  shapes.remove(hosts[*slot].shape);
  std::erase_if(servers, [&slot](const auto& server) { return server.second.host == *slot; });
  hosts[*slot] = {};
  refresh(*slot);
  host_by_id.erase(update.host);
  unused_slots.push_back(*slot);
  --host_count;
}

void inventory::impl::apply(const device_changed& update) {
  const auto place = find_device(update.device.info.id);
  if (!place || hosts[place->host].record.id != update.device.host) {
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
  host.load.gpu_reserve -= entry.gpu_reserve;
  set_entry(entry, update.device, kind);
  host.load.gpu_reserve += entry.gpu_reserve;
  host.has_gpus = std::any_of(host.devices.begin(), host.devices.end(), [this](const auto& device) {
    return model::is_gpu(kinds.at(device.kind).type);
  });
  set_bit(host.free, place->position, model::is_offerable(update.device));
  refresh(place->host);
}

void inventory::impl::take_off(const allocation& old) {
  auto& host = hosts[old.host];
  host.load.used -= old.amount;
  if (old.holds_devices) {
    host.load.used_by_holders -= old.amount;
  }
  --host.servers;
  count_member(host, old.group, -1);
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
  for (const auto& device : update.devices) {
    const auto place = find_device(device);
    if (place && place->host == *slot) {
      set_bit(host.free, place->position, false);
    }
  }
  const allocation wanted{*slot, update.amount, !update.devices.empty(), group};
  const auto [known, is_new] = servers.try_emplace(update.server, wanted);
  if (!is_new && known->second == wanted) {
    // What a replica has decided itself comes back as the truth.
    if (host.free != free_before) {
      refresh(*slot);
    }
    return;
  }
  if (!is_new) {
    const auto old = std::exchange(known->second, wanted);
    take_off(old);
    if (old.host != *slot) {
      refresh(old.host);
    }
  }
  host.load.used += wanted.amount;
  if (wanted.holds_devices) {
    host.load.used_by_holders += wanted.amount;
  }
  ++host.servers;
  count_member(host, group, +1);
  refresh(*slot);
}

void inventory::impl::apply(const server_released& update) {
  const auto found = servers.find(update.server);
  if (found == servers.end()) {
    return;
  }
  const allocation old = found->second;
  servers.erase(found);
  take_off(old);
  refresh(old.host);
}

inventory::inventory() : impl_(std::make_unique<impl>()) {}
inventory::~inventory() = default;
inventory::inventory(inventory&&) noexcept = default;
inventory& inventory::operator=(inventory&&) noexcept = default;

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

std::size_t inventory::host_count() const {
  return impl_->host_count;
}

} // namespace berth::scheduler
