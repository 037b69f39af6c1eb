#include <algorithm>
#include <optional>

#include "scheduler/rules.hpp"

namespace berth::scheduler {

namespace {

/// The devices of a given plan, by position; `sound` false: one is unknown here or named twice.
struct given_devices {
  device_mask devices = 0;
  bool sound = true;
};

given_devices positions_of(const candidate& at) {
  given_devices found;
  for (const auto& id : *at.given) {
    const auto place = at.world.find_device(id);
    if (!place || place->host != at.slot || place->position >= device_slots_max ||
        (found.devices & device_bit(place->position)) != 0) {
      found.sound = false;
    } else {
      found.devices |= device_bit(place->position);
    }
  }
  return found;
}

const host_shape& shape_of(const candidate& at) {
  return at.world.shapes.at(at.host().shape);
}

device_mask described_matching(const candidate& at, const combination& choice) {
  device_mask all = 0;
  for (const auto& wish : wanted_on(at.world, at.asked, choice, at.host().shape)) {
    all |= wish.matching;
  }
  return all;
}

/// True if exactly the given devices serve the request, by count and kind.
bool given_devices_serve(const candidate& at) {
  const auto given = positions_of(at);
  const auto named = named_on(at.world, at.asked, at.slot).devices;
  const device_mask rest = given.devices & ~named;
  if (!given.sound || !includes(at.host().free, given.devices) || !includes(given.devices, named) ||
      count(rest) != at.asked.ask->described_count) {
    return false;
  }
  const auto& choices = at.asked.ask->combinations;
  return std::any_of(choices.begin(), choices.end(), [&](const combination& choice) {
    return distribute(rest, wanted_on(at.world, at.asked, choice, at.host().shape)).has_value();
  });
}

/// The combination that this host is nearest to serving by count.
struct nearest_supply {
  device_mask matching = 0;
  device_mask free = 0;
};

nearest_supply nearest_supply_of(const candidate& at) {
  const device_mask named = named_on(at.world, at.asked, at.slot).devices;
  std::optional<nearest_supply> best;
  for (const auto& choice : at.asked.ask->combinations) {
    const device_mask matching = described_matching(at, choice) & ~named;
    const nearest_supply supply{matching, matching & at.host().free};
    if (!best || count(supply.free) > count(best->free)) {
      best = supply;
    }
  }
  return best.value_or(nearest_supply{});
}

finding supply_finding(const candidate& at, bool passes) {
  const auto supply = nearest_supply_of(at);
  const int capacity = count(supply.matching);
  return {passes, capacity - count(supply.free), at.asked.ask->described_count, capacity};
}

std::string name_of(const model::device_selector& selector) {
  if (!selector.model.empty()) {
    return selector.model;
  }
  if (selector.type) {
    return std::string{to_string(*selector.type)};
  }
  if (selector.vendor_device) {
    return to_string(*selector.vendor_device);
  }
  return selector.vendor.empty() ? "devices" : selector.vendor;
}

/// What the described requests are called: `A100 or H100 and T4`, `devices`.
std::string wanted_name(const query& asked) {
  std::string all;
  for (const auto& wish : asked.ask->described) {
    std::string name;
    for (const auto& selector : asked.request.devices[wish.requests.front()].alternatives) {
      name += (name.empty() ? "" : " or ") + name_of(selector);
    }
    all += (all.empty() ? "" : " and ") + name;
  }
  return all;
}

std::string say_state(const host_slot& host, std::size_t position) {
  const auto& device = host.devices[position];
  const std::string name =
      "device " + to_string(host.device_ids[position]) + " at " + short_string(device.address);
  if (!device.present) {
    return name + " is missing from the host's inventory";
  }
  if (!device.usable) {
    return name + " can never be given away";
  }
  if (!device.enabled) {
    return name + " is disabled";
  }
  if (device.owned || device.state == model::device_state::free) {
    return name + " has an owner";
  }
  return name + " is " + std::string{to_string(device.state)};
}

} // namespace

finding named_devices(const candidate& at) {
  std::int64_t unfit = 0;
  for (const auto& id : at.asked.ask->named) {
    const auto place = at.world.find_device(id);
    const bool good = place && place->host == at.slot && place->position < device_slots_max &&
                      (at.host().free & device_bit(place->position)) != 0;
    unfit += good ? 0 : 1;
  }
  const auto wanted = static_cast<std::int64_t>(at.asked.ask->named.size());
  return {unfit == 0, unfit, wanted, wanted};
}
std::string say_named_devices(const candidate& at, const finding& /*found*/) {
  for (const auto& id : at.asked.ask->named) {
    const auto place = at.world.find_device(id);
    if (!place) {
      return "device " + to_string(id) + " is unknown";
    }
    if (place->host != at.slot) {
      return "device " + to_string(id) + " is on another host, " +
             at.world.hosts[place->host].record.name;
    }
    if (place->position >= device_slots_max) {
      return "device " + to_string(id) + " is past the first " + std::to_string(device_slots_max) +
             " devices of its host";
    }
    if ((at.host().free & device_bit(place->position)) == 0) {
      return say_state(at.host(), place->position);
    }
  }
  return "the named devices are free";
}

finding devices(const candidate& at) {
  if (at.given != nullptr) {
    return supply_finding(at, given_devices_serve(at));
  }
  if (at.asked.ask->described.empty()) {
    return {};
  }
  return supply_finding(at, choose_on(at.world, at.asked, at.slot, strictness::counts).has_value());
}
std::string say_devices(const candidate& at, const finding& found) {
  if (at.given != nullptr) {
    const auto given = positions_of(at);
    if (!given.sound) {
      return "the plan names a device that is not on the host, or one twice";
    }
    const device_mask taken = given.devices & ~at.host().free;
    if (taken != 0) {
      return say_state(at.host(), lowest(taken));
    }
    return "the plan's devices are not those of the request";
  }
  return std::to_string(found.capacity - found.used) + " of " + std::to_string(found.capacity) +
         " " + wanted_name(at.asked) + " free, " + std::to_string(found.requested) + " wanted";
}

finding units(const candidate& at) {
  if (at.given != nullptr) {
    const device_mask given = positions_of(at).devices;
    const device_mask named = named_on(at.world, at.asked, at.slot).devices;
    return supply_finding(at, keeps_units_whole(shape_of(at), given) &&
                                  keeps_partitions(shape_of(at), given & ~named));
  }
  if (!at.asked.holds_devices || (shape_of(at).units.empty() && shape_of(at).partitioned.empty())) {
    return {};
  }
  return supply_finding(at, choose_on(at.world, at.asked, at.slot, strictness::units).has_value());
}
std::string say_units(const candidate& at, const finding& found) {
  std::string text = std::to_string(found.capacity - found.used) + " " + wanted_name(at.asked) +
                     " free, but " + std::to_string(found.requested) + " of them ";
  if (at.asked.ask->described.empty()) {
    return "a named device can only be given away together with the rest of its unit";
  }
  return text + (shape_of(at).partitioned.empty() ? "would split an allocation unit"
                                                  : "are no free partition of the fabric");
}

finding topology(const candidate& at) {
  const auto& wishes = at.asked.request.topology;
  constexpr auto require = model::wish::require;
  if (!at.asked.holds_devices || (wishes.numa != require && wishes.pcie_root != require &&
                                  wishes.pcie_switch != require && wishes.fabric != require)) {
    return {};
  }
  if (at.given != nullptr) {
    return supply_finding(at,
                          meets_required_topology(shape_of(at), positions_of(at).devices, wishes));
  }
  return supply_finding(at,
                        choose_on(at.world, at.asked, at.slot, strictness::topology).has_value());
}
std::string say_topology(const candidate& at, const finding& /*found*/) {
  const auto& wishes = at.asked.request.topology;
  std::string text = "the wanted devices are not free on one ";
  std::string places;
  const auto add = [&places](model::wish wish, const char* place) {
    if (wish == model::wish::require) {
      places += (places.empty() ? "" : " and one ") + std::string{place};
    }
  };
  add(wishes.numa, "NUMA node");
  add(wishes.pcie_root, "PCIe root port");
  add(wishes.pcie_switch, "PCIe switch");
  add(wishes.fabric, "fabric");
  return text + places;
}

} // namespace berth::scheduler
