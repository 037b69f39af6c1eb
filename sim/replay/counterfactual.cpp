#include "sim/replay/counterfactual.hpp"

#include <algorithm>
#include <utility>

#include "control/cluster_state_fold.hpp"
#include "control/queue_hosts.hpp"

namespace berth::sim {

using model::device_state;

std::string_view to_string(fate what) {
  switch (what) {
  case fate::same:
    return "same";
  case fate::other_devices:
    return "other_devices";
  case fate::elsewhere:
    return "elsewhere";
  case fate::only_happened:
    return "only_happened";
  case fate::only_would:
    return "only_would";
  case fate::nowhere:
    return "nowhere";
  }
  return "same";
}

namespace {

fate fate_of(const server_course& happened, const server_course& would) {
  if (!happened.where || !would.where)
    return happened.where ? fate::only_happened : would.where ? fate::only_would : fate::nowhere;
  if (happened.where->host != would.where->host)
    return fate::elsewhere;
  return happened.where->devices == would.where->devices ? fate::same : fate::other_devices;
}

} // namespace

counterfactual::counterfactual(const control::cluster_state& truth, counterfactual_options options)
    : truth_{truth}, options_{options} {}

// --- The frame

void counterfactual::before(const model::log_record& record) {
  if (is_over_ || record.sequence < options_.from || record.sequence > options_.to) {
    is_over_ = is_over_ || (runs_ && record.sequence > options_.to);
    return;
  }
  if (!runs_) {
    now_ = record.at;
    begin();
  }
  pass_time(record.at);
  std::visit([this](const auto& event) { on(event); }, record.what);
}

void counterfactual::after(const model::log_record& record,
                           const std::vector<scheduler::inventory_update>& updates) {
  if (!runs_ || is_over_)
    return;
  for (const auto& update : updates)
    take(update);
  if (const auto* created = std::get_if<model::server_created>(&record.what)) {
    const auto known = courses_.find(created->server.id);
    if (known != courses_.end() && known->second.record.created == record.sequence)
      arrive(known->second);
  }
  let_settle();
}

/// The other course begins where the truth is.
void counterfactual::begin() {
  runs_ = true;
  keeper_.begin(now_);
  truth_.devices().walk(true, [&](const model::device_record& device) {
    const bool turns = device.state == device_state::releasing ||
                       device.state == device_state::resetting ||
                       device.state == device_state::verifying;
    if (device.owner)
      holders_.emplace(device.info.id, *device.owner);
    else if (turns)
      clean_with({device.info.id}, {device.info.id});
    return true;
  });
  truth_.hosts().walk(true, [&](const control::host_entry& host) {
    take(control::host_update(host, truth_));
    return true;
  });
  truth_.servers().walk(true, [&](const control::server_entry& entry) {
    const auto& server = entry.record;
    const auto number = enter(server);
    if (server.host) {
      tenants_[*server.host].insert(server.id);
      world_.apply(control::allocation_update(server));
      would_.gpus += gpus_among(devices_of(server.attachments));
      outcomes_[number].would = outcomes_[number].happened;
    } else if (is_waiting(server)) {
      waiting_.add(server);
    }
    courses_.emplace(server.id, course{server, server.deleting, number});
    return true;
  });
  keeper_.offer_everywhere();
}

std::size_t counterfactual::enter(const model::server_record& server) {
  outcome all{server.created, server.created_at, server.id, server.spec->name, 0, {}, {}};
  for (const auto& wish : server.spec->devices)
    all.devices += wish.count;
  if (server.host) {
    all.happened = {location{*server.host, devices_of(server.attachments)}, name_of(*server.host),
                    server.created_at};
    happened_.gpus += gpus_among(all.happened.where->devices);
  }
  outcomes_.push_back(std::move(all));
  return outcomes_.size() - 1;
}

/// Up to `now` nothing happened but the passing of time.
void counterfactual::pass_time(model::timestamp now) {
  using hours = std::chrono::duration<double, std::ratio<3600>>;
  while (true) {
    auto next = std::max(now, now_);
    const auto& deadlines = waiting_.deadlines();
    const bool gives_up = !deadlines.empty() && deadlines.begin()->first <= next;
    if (gives_up)
      next = std::max(deadlines.begin()->first, now_);
    const bool ends = !ends_.empty() && ends_.begin()->first <= next;
    if (ends)
      next = std::max(ends_.begin()->first, now_);
    const hours passed{next - now_};
    happened_.hours += static_cast<double>(happened_.gpus) * passed.count();
    would_.hours += static_cast<double>(would_.gpus) * passed.count();
    now_ = next;
    if (ends) { // what comes free at a deadline is still in time
      const auto server = ends_.begin()->second;
      ends_.erase(ends_.begin());
      leave(server, {});
    } else if (gives_up) {
      stop_waiting(courses_.at(deadlines.begin()->second));
    } else {
      break;
    }
    let_settle();
  }
}

/// The queue's turn, as at the end of a step of the cluster's machine.
void counterfactual::let_settle() {
  if (waiting_.empty())
    return;
  do
    keeper_.serve(now_);
  while (keeper_.has_work() && !waiting_.empty());
  keeper_.keep_reservations(now_);
  // The machine does it tick by tick; here the ticks until the next event come at once.
  constexpr int ticks_max = 1000;
  for (int tick = 0; keeper_.is_searching() && tick < ticks_max; ++tick) {
    keeper_.search_on(now_);
    keeper_.serve(now_);
    keeper_.keep_reservations(now_);
  }
}

counterfactual_report counterfactual::report() const {
  counterfactual_report report;
  report.policy = std::string{scheduler::name_of(*options_.how.policy)};
  report.gpu_hours_happened = happened_.hours;
  report.gpu_hours_would = would_.hours;
  report.changes_left_out = changes_left_out_;
  report.lost_with_hosts = lost_with_hosts_;
  for (const auto& each : outcomes_) {
    const auto what = fate_of(each.happened, each.would);
    ++report.servers[what];
    if (what != fate::same && what != fate::nowhere && report.listed.size() < options_.listed_max)
      report.listed.push_back({each.sequence, each.at, each.server, each.name, each.devices, what,
                               each.happened, each.would});
  }
  return report;
}

// --- What the queue's keeper wants to know

const model::server_record* counterfactual::waiting_server(model::server_id id) const {
  const auto known = courses_.find(id);
  return known != courses_.end() && is_waiting(known->second.record) ? &known->second.record
                                                                     : nullptr;
}

bool counterfactual::has_model(std::string_view name) const {
  return control::has_model(truth_, name);
}

bool counterfactual::may_be_kept(model::host_id host) const {
  return control::may_be_kept(truth_, host);
}

void counterfactual::walk_hosts(
    std::uint64_t after, const std::function<bool(std::uint64_t, model::host_id)>& visit) const {
  control::walk_hosts(truth_, after, visit);
}

control::host_tenancy counterfactual::tenancy_of(model::host_id host) const {
  control::host_tenancy all{control::host_update(*truth_.find_host(host), truth_), {}};
  for (auto& device : all.host.devices)
    device = seen(std::move(device));
  const auto here = tenants_.find(host);
  if (here == tenants_.end())
    return all;
  for (const auto& id : here->second) {
    const auto& who = courses_.at(id);
    all.tenants.push_back({control::allocation_update(who.record),
                           who.is_leaving ? std::optional{now_} : who.record.ends_at,
                           who.record.created});
  }
  return all;
}

std::optional<control::host_supply>
counterfactual::supply_of(model::host_id host, const model::placement_request& request) const {
  const auto* entry = truth_.find_host(host);
  const auto totals = world_.totals(host);
  if (entry == nullptr || !totals || !may_be_kept(host) || !entry->record.settled ||
      entry->record.status != model::host_status::online)
    return std::nullopt;
  const auto there = tenancy_of(host);
  control::host_supply supply;
  supply.free = request.devices.empty() ? totals->free : totals->free_for_gpu;
  for (const auto& device : there.host.devices)
    supply.devices += control::comes_back(device) && control::may_match(device, request) ? 1 : 0;
  for (const auto& tenant : there.tenants) {
    control::host_supply::leaving leaving{tenant.ends, tenant.created, tenant.holds.amount, 0,
                                          static_cast<std::int64_t>(tenant.holds.devices.size())};
    for (const auto& held : tenant.holds.devices) {
      const auto* device = truth_.find_device(held);
      leaving.usable +=
          device != nullptr && control::is_usable(*device) && control::may_match(*device, request);
    }
    supply.servers.push_back(std::move(leaving));
  }
  return supply;
}

} // namespace berth::sim
