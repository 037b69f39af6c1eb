#include "control/host_outlook.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

#include "control/cluster_state_fold.hpp"
#include "model/text.hpp"

namespace berth::control {

using model::device_record;
using model::device_state;

namespace {

/// On its way back to being free, and in nobody's hands.
bool comes_back(const device_record& device) {
  switch (device.state) {
  case device_state::discovered:
  case device_state::binding:
  case device_state::releasing:
  case device_state::resetting:
  case device_state::verifying:
  case device_state::free:
    return device.present && device.enabled && !device.owner;
  default:
    return false;
  }
}

/// Could be given away one day, whoever has it now.
bool is_usable(const device_record& device) {
  switch (device.state) {
  case device_state::lost:
  case device_state::quarantined:
  case device_state::unusable:
    return false;
  default:
    return device.present && device.enabled;
  }
}

/// False only for a device that the request surely does not ask for.
bool may_match(const device_record& device, const model::placement_request& request) {
  return std::ranges::any_of(request.devices, [&](const model::device_request& wish) {
    if (wish.id) {
      return *wish.id == device.info.id;
    }
    return std::ranges::any_of(wish.alternatives, [&](const model::device_selector& each) {
      return (!each.type || *each.type == device.type) &&
             model::contains_ignoring_case(device.info.model, each.model);
    });
  });
}

std::int64_t devices_of(const model::placement_request& request) {
  std::int64_t count = 0;
  for (const auto& wish : request.devices) {
    count += wish.count;
  }
  return count;
}

/// A closed host that only shows which models there are.
scheduler::host_changed show_case(std::span<const std::string> models) {
  scheduler::host_changed shown;
  shown.host.id.value = model::uuid::derive({}, "models that there are");
  shown.host.enabled = false;
  for (const auto& name : models) {
    device_record device;
    device.info.id.value = model::uuid::derive(shown.host.id.value, name);
    device.info.model = name;
    device.host = shown.host.id;
    shown.devices.push_back(std::move(device));
  }
  return shown;
}

/// What is wanted of a host, or there, of the kind that the request asks for.
struct supply {
  model::resources amount;
  std::int64_t devices = 0;

  [[nodiscard]] bool covers(const supply& wanted) const {
    const auto enough = [](std::int64_t want, std::int64_t have) {
      return want == 0 || want <= have; // as the scheduler has it: none is never too much
    };
    return enough(wanted.amount.cpus, amount.cpus) &&
           enough(wanted.amount.memory_mib, amount.memory_mib) &&
           enough(wanted.amount.storage_mib, amount.storage_mib) && wanted.devices <= devices;
  }
};

} // namespace

bool outlook::is_better_than(const outlook& other) const {
  const auto rank = [](const outlook& it) {
    return std::tuple{it.starts_at ? it.starts_at->time_since_epoch()
                                   : model::duration{std::numeric_limits<std::int64_t>::max()},
                      it.in_doubt};
  };
  return rank(*this) < rank(other);
}

std::vector<departing_host::departure> departing_host::departures(const cluster_state& state,
                                                                  const host_entry& host,
                                                                  model::timestamp now) {
  std::vector<departure> all;
  all.reserve(host.servers.size());
  for (const auto& id : host.servers) {
    const auto& server = state.find_server(id)->record;
    const auto end = server.deleting ? std::optional{now} : server.ends_at;
    all.push_back({&server, end ? std::optional{std::max(*end, now)} : std::nullopt});
  }
  std::ranges::sort(all, [](const departure& a, const departure& b) {
    return std::tuple{!a.at, a.at, a.server->created} < std::tuple{!b.at, b.at, b.server->created};
  });
  return all;
}

departing_host::departing_host(const cluster_state& state, model::host_id host,
                               model::timestamp now, std::span<const std::string> models)
    : state_{state}, host_{host}, now_{now} {
  if (!models.empty()) {
    world_.apply(show_case(models));
  }
  const auto& entry = *state.find_host(host);
  scheduler::host_changed all{entry.record, {}};
  for (const auto& id : entry.devices) {
    auto device = *state.find_device(id);
    if (comes_back(device)) {
      device.state = device_state::free;
    }
    all.devices.push_back(std::move(device));
  }
  world_.apply(all);
  leaving_ = departures(state, entry, now);
  for (const auto& each : leaving_) {
    world_.apply(allocation_update(*each.server));
  }
}

void departing_host::let_go(const model::server_record& server) {
  world_.apply(scheduler::server_released{server.id});
  for (const auto& held : server.attachments) {
    const auto* device = state_.find_device(held.device);
    if (device != nullptr && is_usable(*device)) {
      auto freed = *device;
      freed.owner.reset();
      freed.state = device_state::free;
      world_.apply(scheduler::device_changed{std::move(freed)});
    }
  }
}

bool departing_host::fits(const model::placement_request& request) const {
  return !scheduler::why_not_on(world_, request, host_);
}

std::optional<outlook> departing_host::make_room_for(const model::placement_request& request) {
  outlook seen{now_, 0};
  for (std::size_t i = 0; i < gone_; ++i) {
    const auto& left = leaving_[i];
    seen.starts_at = left.at;
    seen.in_doubt += left.at ? 0 : static_cast<std::int64_t>(left.server->attachments.size());
  }
  while (!fits(request)) {
    if (gone_ == leaving_.size()) {
      return std::nullopt;
    }
    const auto& next = leaving_[gone_++];
    let_go(*next.server);
    seen.starts_at = next.at;
    seen.in_doubt += next.at ? 0 : static_cast<std::int64_t>(next.server->attachments.size());
  }
  return seen;
}

void departing_host::put(const model::placement_request& request, const model::placement& where) {
  world_.apply(scheduler::server_allocated{request.server, host_, request.amount, where.devices,
                                           request.anti_affinity_group, request.ends_at,
                                           request.now, request.devices});
}

std::optional<outlook> departing_host::bound(const cluster_state& state, const host_entry& host,
                                             const model::placement_request& request,
                                             model::timestamp now) {
  const auto totals = state.inventory().totals(host.record.id);
  if (!totals) {
    return std::nullopt;
  }
  const bool with_devices = !request.devices.empty();
  const supply wanted{request.amount, devices_of(request)};
  supply there{with_devices ? totals->free_for_gpu : totals->free, 0};
  for (const auto& id : host.devices) {
    const auto& device = *state.find_device(id);
    there.devices += comes_back(device) && may_match(device, request) ? 1 : 0;
  }
  if (there.covers(wanted)) {
    return outlook{now, 0};
  }
  outlook seen{now, 0};
  for (const auto& each : departures(state, host, now)) {
    there.amount = there.amount + model::amount_of(each.server->spec);
    for (const auto& held : each.server->attachments) {
      const auto* device = state.find_device(held.device);
      there.devices += device != nullptr && is_usable(*device) && may_match(*device, request);
    }
    seen.starts_at = each.at;
    seen.in_doubt += each.at ? 0 : static_cast<std::int64_t>(each.server->attachments.size());
    if (there.covers(wanted)) {
      return seen;
    }
  }
  return std::nullopt;
}

} // namespace berth::control
