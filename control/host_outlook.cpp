#include "control/host_outlook.hpp"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "model/text.hpp"

namespace berth::control {

using model::device_record;
using model::device_state;

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

namespace {

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

/// Of two that leave, which is the first.
constexpr auto leaves_before = [](const auto& a, const auto& b) {
  return std::tuple{!a.ends, a.ends, a.created} < std::tuple{!b.ends, b.ends, b.created};
};

/// Sorts those who leave; one that is past its end leaves now.
template <class Leaving> void sort_by_end(std::vector<Leaving>& all, model::timestamp now) {
  for (auto& each : all) {
    if (each.ends) {
      each.ends = std::max(*each.ends, now);
    }
  }
  std::ranges::sort(all, leaves_before);
}

bool covers(const host_supply& there, const model::placement_request& wanted) {
  const auto enough = [](std::int64_t want, std::int64_t have) {
    return want == 0 || want <= have; // as the scheduler has it: none is never too much
  };
  return enough(wanted.amount.cpus, there.free.cpus) &&
         enough(wanted.amount.memory_mib, there.free.memory_mib) &&
         enough(wanted.amount.storage_mib, there.free.storage_mib) &&
         devices_of(wanted) <= there.devices;
}

} // namespace

bool outlook::is_better_than(const outlook& other) const {
  const auto rank = [](const outlook& it) {
    return std::tuple{it.starts_at ? it.starts_at->time_since_epoch()
                                   : model::duration{std::numeric_limits<std::int64_t>::max()},
                      it.in_doubt};
  };
  return rank(*this) < rank(other);
}

std::optional<outlook> best_outlook(host_supply supply, const model::placement_request& request,
                                    model::timestamp now) {
  outlook seen{now, 0};
  if (covers(supply, request)) {
    return seen;
  }
  sort_by_end(supply.servers, now);
  for (const auto& each : supply.servers) {
    supply.free = supply.free + each.amount;
    supply.devices += each.usable;
    seen.starts_at = each.ends;
    seen.in_doubt += each.ends ? 0 : each.held;
    if (covers(supply, request)) {
      return seen;
    }
  }
  return std::nullopt;
}

departing_host::departing_host(host_tenancy of, model::timestamp now,
                               std::span<const std::string> models)
    : host_{of.host.host.id}, now_{now}, leaving_{std::move(of.tenants)} {
  if (!models.empty()) {
    world_.apply(show_case(models));
  }
  devices_ = of.host.devices;
  for (auto& device : of.host.devices) {
    if (comes_back(device)) {
      device.state = device_state::free;
    }
  }
  world_.apply(of.host);
  sort_by_end(leaving_, now);
  for (const auto& each : leaving_) {
    world_.apply(each.holds);
  }
}

void departing_host::let_go(const host_tenancy::tenant& tenant) {
  world_.apply(scheduler::server_released{tenant.holds.server});
  for (const auto& held : tenant.holds.devices) {
    const auto device =
        std::ranges::find(devices_, held, [](const device_record& each) { return each.info.id; });
    if (device != devices_.end() && is_usable(*device)) {
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
  const auto left = [&seen](const host_tenancy::tenant& tenant) {
    seen.starts_at = tenant.ends;
    seen.in_doubt += tenant.ends ? 0 : static_cast<std::int64_t>(tenant.holds.devices.size());
  };
  for (std::size_t i = 0; i < gone_; ++i) {
    left(leaving_[i]);
  }
  while (!fits(request)) {
    if (gone_ == leaving_.size()) {
      return std::nullopt;
    }
    const auto& next = leaving_[gone_++];
    let_go(next);
    left(next);
  }
  return seen;
}

void departing_host::put(const model::placement_request& request, const model::placement& where) {
  world_.apply(scheduler::server_allocated{request.server, host_, request.amount, where.devices,
                                           request.anti_affinity_group, request.ends_at,
                                           request.now, request.devices});
}

} // namespace berth::control
