#include <algorithm>
#include <utility>

#include "model/text.hpp"
#include "sim/fleet/fleet.hpp"
#include "sim/fleet/names.hpp"

namespace berth::sim {

// Servers that wait, as the production queue's keeper sees and serves them.

void fleet::wait(std::int64_t now, std::uint64_t number, const arrival& wanted, std::uint32_t asked,
                 model::duration patience) {
  model::server_record record;
  record.id = server_name(number);
  record.spec = shapes_[asked].spec;
  record.status = model::server_status::scheduling;
  record.created_at = record.updated_at = as_time(now);
  record.created = number + 1;
  if (what_.tell_lifetimes && wanted.lifetime != endless)
    record.spec.edit([&](model::server_spec& spec) { spec.lifetime = wanted.lifetime; });
  waiting_.add(record);
  waiters_.emplace(record.id, waiter{record, wanted, asked});
  gpus_waiting_ += wanted.gpus;
  result_.longest_queue = std::max<std::uint64_t>(result_.longest_queue, waiting_.size());
  if (patience != endless)
    schedule(sum(now, patience.count()), event_kind::wait_ends, static_cast<std::uint32_t>(number),
             static_cast<std::uint32_t>(number >> 32U));
}

/// Its time is over: it is planned once more, and then refused.
bool fleet::end_wait(std::int64_t now, std::uint64_t number) {
  const auto id = server_name(number);
  if (!waiters_.contains(id))
    return false; // it has its place
  serve(now);     // what came free in this moment
  const auto found = waiters_.find(id);
  if (found == waiters_.end())
    return true;
  auto request = to_placement_request(id, found->second.record.spec, as_time(now));
  const auto decided = decide(request);
  const auto* where = std::get_if<model::placement>(&decided);
  serving_ = now;
  if (where != nullptr && place(found->second.record, request, *where))
    return true;
  const auto why = where != nullptr ? in_the_way() : std::get<model::refusal>(decided);
  ++result_.gave_up;
  refuse(now, number, found->second.wanted, deciding_rule(why));
  stop_waiting(id);
  return true;
}

void fleet::stop_waiting(model::server_id id) {
  auto gone = waiters_.extract(id);
  const auto& record = gone.mapped().record;
  gpus_waiting_ -= gone.mapped().wanted.gpus;
  waiting_.remove(record);
  if (record.reserved) {
    queue_.kept_host_given_up();
    free_up(number_of(record.reserved->host.value));
  }
}

void fleet::free_up(std::uint32_t which) {
  if (!waiting_.empty())
    queue_.free_up(host_name(which));
}

void fleet::serve(std::int64_t now) {
  if (waiting_.empty())
    return;
  serving_ = now;
  const auto time = as_time(now);
  for (;;) {
    while (queue_.has_work())
      queue_.serve(time);
    queue_.keep_reservations(time);
    if (!queue_.is_searching())
      break;
    queue_.search_on(time);
  }
  if (!queue_.due())
    return;
  const auto due = std::max(queue_.due()->time_since_epoch().count(), now + 1);
  if (look_due_ != 0 && look_due_ <= due)
    return;
  look_due_ = due;
  schedule(due, event_kind::queue_look, 0);
}

// --- What the keeper asks

const model::server_record* fleet::waiting_server(model::server_id id) const {
  const auto found = waiters_.find(id);
  return found == waiters_.end() ? nullptr : &found->second.record;
}

bool fleet::has_model(std::string_view name) const {
  return std::ranges::any_of(models_, [name](const levels& one) {
    return one.gpus.value() > 0 && model::equals_ignoring_case(one.name, name);
  });
}

bool fleet::may_be_kept(model::host_id id) const {
  return hosts_[number_of(id.value)].closed == 0;
}

void fleet::walk_hosts(std::uint64_t after,
                       const std::function<bool(std::uint64_t, model::host_id)>& visit) const {
  for (auto number = static_cast<std::uint32_t>(after); number < hosts_.size(); ++number)
    if (!visit(number + 1, host_name(number)))
      return;
}

/// By model: whether the request asks for it. Of a simulated fleet's devices only the model counts.
std::vector<bool> fleet::models_wanted(const model::placement_request& request) const {
  std::vector<bool> wanted(models_.size());
  model::device_record record;
  for (std::size_t i = 0; i < models_.size(); ++i) {
    record.info.model = models_[i].name;
    wanted[i] = control::may_match(record, request);
  }
  return wanted;
}

std::optional<control::host_supply>
fleet::supply_of(model::host_id id, const model::placement_request& request) const {
  const auto& at = hosts_[number_of(id.value)];
  const auto totals = world_.totals(id);
  if (at.down != 0 || at.closed > 0 || !totals)
    return std::nullopt;
  control::host_supply supply;
  supply.free = request.devices.empty() ? totals->free : totals->free_for_gpu;
  const auto wanted = models_wanted(request);
  const auto matches = [&](std::uint32_t number) { return wanted[devices_[number].model]; };
  for (auto number = at.first_device; number < end_of(at); ++number) {
    const auto use = devices_[number].use;
    if ((use == device_use::free || use == device_use::cleaned) && matches(number))
      ++supply.devices;
  }
  for (auto slot = at.first_server; slot != nobody; slot = servers_[slot].next) {
    const auto& one = servers_[slot];
    auto& leaving = supply.servers.emplace_back();
    if (one.ends != 0)
      leaving.ends = as_time(one.ends);
    leaving.created = age_of(one.number);
    leaving.amount = shapes_[one.asked].request.amount;
    for (auto number = one.first_device; number != nobody; number = devices_[number].next) {
      ++leaving.held;
      leaving.usable += matches(number) ? 1 : 0;
    }
  }
  return supply;
}

control::host_tenancy fleet::tenancy_of(model::host_id id) const {
  const auto which = number_of(id.value);
  control::host_tenancy all{std::get<scheduler::host_changed>(tell(which)), {}};
  for (auto slot = hosts_[which].first_server; slot != nobody; slot = servers_[slot].next) {
    const auto& one = servers_[slot];
    const auto& asked = shapes_[one.asked].request;
    auto& tenant = all.tenants.emplace_back();
    tenant.created = age_of(one.number);
    if (one.ends != 0)
      tenant.ends = as_time(one.ends);
    tenant.holds.server = server_name(one.number);
    tenant.holds.host = id;
    tenant.holds.amount = asked.amount;
    tenant.holds.ends_at = tenant.ends;
    tenant.holds.asked = asked.devices;
    for (auto number = one.first_device; number != nobody; number = devices_[number].next)
      tenant.holds.devices.push_back(device_name(number));
  }
  return all;
}

bool fleet::place(const model::server_record& record, const model::placement_request& request,
                  const model::placement& where) {
  if (!queue_.leaves_room(request, where))
    return false;
  const auto& it = waiters_.at(record.id);
  const auto wanted = it.wanted;
  const auto asked = it.asked;
  const auto waited = as_time(serving_) - record.created_at;
  stop_waiting(record.id); // `record` is gone
  settle(serving_, request, asked, wanted.lifetime, model::placement{where});
  count_placed(wanted, waited);
  return true;
}

void fleet::reserve(model::server_id id, std::optional<model::reservation> where) {
  auto& record = waiters_.at(id).record;
  const auto before = record.reserved;
  waiting_.remove(record);
  record.reserved = std::move(where);
  waiting_.add(record);
  if (!before)
    return;
  free_up(number_of(before->host.value));
  if (!record.reserved)
    queue_.kept_host_given_up();
}

} // namespace berth::sim
