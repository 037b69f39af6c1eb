#include <algorithm>
#include <utility>

#include "sim/fleet/fleet.hpp"
#include "sim/fleet/names.hpp"

namespace berth::sim {

// Servers: how they come to their place, and how they leave it.

void fleet::arrive(std::int64_t now, const arrival& wanted) {
  const auto number = result_.arrived++;
  result_.gpus_asked += wanted.gpus;
  ++size_of(wanted).arrived;
  const auto asked = shape_for(wanted);
  auto& request = shapes_[asked].request;
  request.server = server_name(number);
  request.now = as_time(now);
  request.ends_at.reset();
  if (what_.tell_lifetimes && wanted.lifetime != endless)
    request.ends_at = as_time(sum(now, wanted.lifetime.count()));
  auto decided = decide(request);
  if (auto* where = std::get_if<model::placement>(&decided)) {
    settle(now, request, asked, wanted.lifetime, std::move(*where));
    return count_placed(wanted, {});
  }
  const auto patience = wanted.patience == unstated ? what_.patience : wanted.patience;
  if (patience.count() > 0)
    return wait(now, number, wanted, asked, patience);
  refuse(now, number, wanted, deciding_rule(std::get<model::refusal>(decided)));
}

/// As the controller does with a request: beside hosts that are kept for others, if need be.
model::decision fleet::decide(model::placement_request& request) {
  if (waiting_.reserved().empty()) {
    request.avoid_hosts.clear();
    return scheduler::plan(world_, request, policy_);
  }
  auto decided = queue_.decide(request, policy_);
  const auto* where = std::get_if<model::placement>(&decided);
  if (where == nullptr || queue_.leaves_room(request, *where))
    return decided;
  return in_the_way();
}

model::refusal fleet::in_the_way() {
  model::refusal why;
  why.rules.emplace_back().rule = "reserved_host";
  return why;
}

size_figures& fleet::size_of(const arrival& wanted) {
  if (wanted.gpus >= sizes_.size())
    sizes_.resize(std::size_t{wanted.gpus} + 1);
  return sizes_[wanted.gpus];
}

void fleet::count_placed(const arrival& wanted, model::duration waited) {
  ++result_.placed;
  result_.waits.add(waited);
  auto& size = size_of(wanted);
  ++size.placed;
  size.waits.add(waited);
  waits_.add(wanted.gpus, waited);
}

void fleet::refuse(std::int64_t now, std::uint64_t number, const arrival& wanted,
                   const std::string& rule) {
  if (watching_ != nullptr)
    watching_->refused(model::duration{now}, number, rule);
  ++result_.refused;
  ++result_.refused_by[rule];
  result_.gpus_refused += wanted.gpus;
}

std::uint32_t fleet::shape_for(const arrival& wanted) {
  const std::uint64_t wishes = std::uint64_t{wanted.topology.bits()} << 8U | wanted.priority;
  const auto hash =
      (wishes << 48U | std::uint64_t{wanted.model} << 16U | wanted.gpus) * 0x9e37'79b9'7f4a'7c15U ^
      (static_cast<std::uint64_t>(wanted.vcpus) << 32U | wanted.memory_mib);
  auto& alike = like_[hash];
  const model::resources amount{wanted.vcpus, wanted.memory_mib, 0};
  for (const auto number : alike) {
    const auto& one = shapes_[number];
    if (one.model == wanted.model && one.gpus == wanted.gpus && one.wishes == wishes &&
        one.request.amount == amount)
      return number;
  }
  model::placement_request made;
  made.amount = amount;
  made.devices = devices_of(wanted, names_);
  made.topology = wanted.topology.wishes();
  alike.push_back(add_shape(wanted.model, wanted.gpus, std::move(made)));
  auto& kept = shapes_[alike.back()];
  kept.wishes = static_cast<std::uint16_t>(wishes);
  kept.spec.edit([&](model::server_spec& spec) {
    spec.project.clear();
    spec.vcpus = amount.cpus;
    spec.memory_mib = amount.memory_mib;
    spec.devices = kept.request.devices;
    spec.topology = kept.request.topology;
    spec.priority = wanted.priority;
  });
  return alike.back();
}

std::uint32_t fleet::add_shape(std::uint32_t model, std::uint16_t gpus,
                               model::placement_request request) {
  auto& made = shapes_.emplace_back();
  made.model = model;
  made.gpus = gpus;
  auto& taken = std::get<scheduler::server_allocated>(made.taken);
  taken.amount = request.amount;
  taken.asked = request.devices;
  made.request = std::move(request);
  return static_cast<std::uint32_t>(shapes_.size() - 1);
}

void fleet::settle(std::int64_t now, const model::placement_request& request, std::uint32_t asked,
                   model::duration lifetime, model::placement&& where) {
  const auto slot = take_slot();
  auto& made = servers_[slot];
  made.number = request.server.value.low;
  made.asked = asked;
  made.ends = request.ends_at ? request.ends_at->time_since_epoch().count() : 0;
  enter(slot, number_of(where.host.value));
  for (const auto& id : where.devices) {
    const auto number = number_of(id.value);
    devices_[number].server = slot;
    devices_[number].next = std::exchange(made.first_device, number);
    use(now, number, device_use::held);
  }
  if (watching_ != nullptr)
    tell_placed(now, made, where);
  auto& taken = std::get<scheduler::server_allocated>(shapes_[asked].taken);
  taken.server = request.server;
  taken.host = where.host;
  taken.devices = std::move(where.devices);
  taken.ends_at = request.ends_at;
  taken.placed_at = request.now;
  world_.apply(shapes_[asked].taken);
  ++result_.living;
  if (lifetime != endless)
    schedule(sum(now, lifetime.count()), event_kind::server_ends, slot, made.life);
}

void fleet::tell_placed(std::int64_t now, const server& made, const model::placement& where) {
  std::vector<std::uint32_t> devices;
  for (const auto& id : where.devices)
    devices.push_back(number_of(id.value) - hosts_[made.host].first_device);
  watching_->placed(model::duration{now}, made.number, made.host, devices);
}

/// The scenario was checked: the host and its devices exist, and nobody else has them.
void fleet::stand(const standing_server& one) {
  model::placement_request request;
  request.server = server_name(standing_numbers + result_.standing);
  request.amount = one.amount;
  if (what_.tell_lifetimes && one.ends)
    request.ends_at = as_time(one.ends->count());
  model::placement where;
  where.host = host_name(one.host);
  for (const auto nth : one.devices)
    where.devices.push_back(device_name(hosts_[one.host].first_device + nth));
  const auto asked = add_shape(0, static_cast<std::uint16_t>(one.devices.size()), request);
  ++result_.standing;
  settle(0, request, asked, one.ends.value_or(endless), std::move(where));
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

void fleet::enter(std::uint32_t slot, std::uint32_t which) {
  auto& made = servers_[slot];
  made.host = which;
  made.before = nobody;
  made.next = std::exchange(hosts_[which].first_server, slot);
  if (made.next != nobody)
    servers_[made.next].before = slot;
}

void fleet::leave(std::uint32_t slot) {
  auto& gone = servers_[slot];
  (gone.before == nobody ? hosts_[gone.host].first_server : servers_[gone.before].next) = gone.next;
  if (gone.next != nobody)
    servers_[gone.next].before = gone.before;
  gone.host = nobody;
  ++gone.life;
  free_slots_.push_back(slot);
}

/// The server takes nothing any more; its devices are cleaned.
void fleet::release(std::int64_t now, std::uint32_t slot) {
  auto& gone = servers_[slot];
  const auto at = gone.host;
  world_.apply(scheduler::server_released{server_name(gone.number)});
  std::uint64_t nth = 0;
  for (auto number = std::exchange(gone.first_device, nobody); number != nobody;) {
    const auto next = std::exchange(devices_[number].next, nobody);
    devices_[number].server = nobody;
    clean(now, number, {luck::turnover, gone.number, nth++});
    number = next;
  }
  leave(slot);
  --result_.living;
  free_up(at);
}

void fleet::lose(std::int64_t now, std::uint32_t slot, std::uint64_t& counter) {
  if (watching_ != nullptr)
    watching_->failed(model::duration{now}, servers_[slot].number);
  release(now, slot);
  ++counter;
}

} // namespace berth::sim
