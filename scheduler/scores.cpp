#include "scheduler/scores.hpp"

#include <algorithm>
#include <string_view>

#include "scheduler/inventory_impl.hpp"

namespace berth::scheduler {

namespace {

/// `one NUMA node, 2 PCIe switches, no common fabric`
std::string closeness_text(const choice_cost& cost, int devices) {
  std::string text;
  const auto add = [&](int groups, const std::string& one, const std::string& many) {
    if (groups > 0) {
      text += (text.empty() ? "" : ", ") + (groups == 1         ? "one " + one
                                            : groups == devices ? "no common " + one
                                                                : std::to_string(groups) + many);
    }
  };
  add(cost[0], "fabric", " fabrics");
  add(cost[1], "NUMA node", " NUMA nodes");
  add(cost[2], "PCIe switch", " PCIe switches");
  return std::to_string(devices) + " devices: " + text;
}

} // namespace

ranking rank(const model::placement_request& request, const policy& how, const ranked_host& host) {
  const auto& tags = request.tags.prefer;
  const bool stays_off = request.devices.empty() && host.view.has_gpus;
  ranking ranked;
  ranked[score::alternatives] = points_max - std::min(host.alternatives_order, points_max);
  ranked[score::preferred_host] = !request.preferred_host || host.preferred ? points_max : 0;
  ranked[score::preferred_tags] =
      tags.empty() ? points_max
                   : points_of(tags_met(host.tags, tags), static_cast<std::int64_t>(tags.size()));
  ranked[score::gpu_free_host] = stays_off ? 0 : points_max;
  ranked[score::first] = how.first(host.view);
  ranked[score::closeness] = host.closeness;
  ranked[score::second] = how.second(host.view);
  return ranked;
}

std::int32_t closeness_points(const choice_cost& cost, int devices,
                              const model::topology_wishes& wishes) {
  constexpr auto none = model::wish::none;
  if (devices < 2) {
    return points_max;
  }
  std::int32_t sum = 0;
  std::int32_t wished = 0;
  const auto add = [&](model::wish wish, int groups) {
    if (wish != none) {
      sum += points_of(devices - groups, devices - 1);
      ++wished;
    }
  };
  add(wishes.fabric, cost[0]);
  add(wishes.numa, cost[1]);
  add(wishes.pcie_root, cost[2]);
  add(wishes.pcie_switch, cost[3]);
  return wished == 0 ? points_max : sum / wished;
}

namespace {

largest_host largest_of(const inventory::impl& world, bool holds_devices) {
  largest_host found;
  const auto& index = world.index(holds_devices);
  index.filled().for_each([&](group_number number) {
    const auto& key = index.groups().at(number).key;
    const auto devices =
        holds_devices ? static_cast<int>(world.shapes.at(key.shape).kinds.size()) : 0;
    if (devices > 0 || !holds_devices) {
      found.devices = std::max(found.devices, devices);
      found.steps.cpus = std::max(found.steps.cpus, key.steps.cpus);
      found.steps.memory_mib = std::max(found.steps.memory_mib, key.steps.memory_mib);
    }
  });
  return found;
}

} // namespace

policy_sight::policy_sight(const inventory::impl& world, const query& asked, const policy& how)
    : world_(world), how_(how), holds_devices_(asked.holds_devices) {
  const auto& request = asked.request;
  if (how.sees_mix && asked.holds_devices) {
    expected_ = &world.outlooks.look(world);
  }
  if (how.sees_largest) {
    largest_ = largest_of(world, asked.holds_devices);
  }
  if (how.sees_stays) {
    now_ = request.now.time_since_epoch().count();
    ends_ = rounded_end(request.now, request.ends_at);
  }
}

void policy_sight::look(policy_view& view, const group_key& key, device_mask taken) {
  view.all_devices =
      holds_devices_ ? static_cast<int>(world_.shapes.at(key.shape).kinds.size()) : 0;
  view.largest = largest_;
  if (how_.sees_stays) {
    view.stay = key.stay;
    view.now = now_;
    view.ends = ends_;
  }
  if (expected_ != nullptr) {
    world_.outlooks.count_matching(world_, key.shape, key.free, before_);
    world_.outlooks.count_matching(world_, key.shape, key.free & ~taken, after_);
    view.expected = expected_;
    view.matching_before = before_;
    view.matching_after = after_;
  }
}

namespace {

policy_view view_on(const inventory::impl& world, const query& asked, host_slot_id host,
                    const host_choice& chosen) {
  const auto& slot = world.hosts[host];
  const auto& amount = asked.request.amount;
  const auto& free = asked.holds_devices ? slot.amounts.gpu : slot.amounts.ordinary;
  const int described = asked.ask->described_count;
  policy_view view{amount};
  view.devices = described;
  view.matching_free =
      described > 0 ? count(slot.free & matching_of(world, *chosen.choice, slot.shape)) : 0;
  view.free_devices = asked.holds_devices ? count(slot.free) : 0;
  view.has_gpus = slot.has_gpus;
  view.steps = slot.steps;
  view.wanted = levels_of(amount, slot.steps);
  view.free = levels_of(free, slot.steps);
  view.lot = lot_of(asked.request.server, slot.id);
  return view;
}

group_key key_of(const query& asked, const policy& how, const host_slot& host) {
  return asked.holds_devices ? device_group_of(host, how.sees_stays) : ordinary_group_of(host);
}

} // namespace

ranking rank_on(const inventory::impl& world, const query& asked, const policy& how,
                host_slot_id host, const host_choice& chosen) {
  const auto& slot = world.hosts[host];
  const auto& request = asked.request;
  const auto& devices = chosen.devices;
  policy_sight sight{world, asked, how};
  ranked_host ranked{chosen.choice->order, request.preferred_host == slot.id,
                     world.tags.at(slot.tags),
                     closeness_points(devices.cost, count(devices.devices), request.topology),
                     view_on(world, asked, host, chosen)};
  sight.look(ranked.view, key_of(asked, how, slot), devices.devices);
  return rank(request, how, ranked);
}

std::string score_name(score which, const policy& how) {
  switch (which) {
  case score::alternatives:
    return "alternatives";
  case score::preferred_host:
    return "preferred_host";
  case score::preferred_tags:
    return "preferred_tags";
  case score::gpu_free_host:
    return "gpu_free_host";
  case score::first:
    return std::string{how.scores[0]};
  case score::closeness:
    return "closeness";
  case score::second:
    return std::string{how.scores[1]};
  }
  return {};
}

namespace {

/// A score of the policy's own, for a person.
told tell(const inventory::impl& world, const query& asked, const policy& how,
          const place_found& found, score which) {
  policy_view view = view_on(world, asked, found.host, found.chosen);
  const auto tell_it = which == score::first ? how.tell_first : how.tell_second;
  if (tell_it != nullptr) {
    policy_sight sight{world, asked, how};
    sight.look(view, key_of(asked, how, world.hosts[found.host]), found.chosen.devices.devices);
    return tell_it(view);
  }
  const auto points =
      static_cast<std::int32_t>(std::clamp<std::int64_t>(found.ranked[which], 0, points_max));
  if (which == score::first) {
    return {points,
            std::to_string(view.matching_free - view.devices) + " matching devices stay free"};
  }
  const auto& amounts = world.hosts[found.host].amounts;
  const auto& whole = world.hosts[found.host].whole;
  const auto left = (asked.holds_devices ? amounts.gpu : amounts.ordinary) - asked.request.amount;
  return {points, std::to_string(left.cpus) + " of " + std::to_string(whole.capacity.cpus) +
                      " CPUs and " + std::to_string(left.memory_mib) + " of " +
                      std::to_string(whole.capacity.memory_mib) + " MiB stay free"};
}

} // namespace

std::int32_t shown_points(const inventory::impl& world, const query& asked, const policy& how,
                          const place_found& found, score which) {
  return which == score::first || which == score::second
             ? tell(world, asked, how, found, which).points
             : static_cast<std::int32_t>(found.ranked[which]);
}

std::vector<model::score_part> explain_scores(const inventory::impl& world, const query& asked,
                                              const policy& how, const place_found& found) {
  const auto& request = asked.request;
  const auto& ranked = found.ranked;
  const int devices = asked.ask->described_count + static_cast<int>(asked.ask->named.size());
  std::vector<model::score_part> parts;
  const auto add = [&](bool says_something, score which, std::string reason) {
    if (says_something) {
      parts.push_back(
          {score_name(which, how), static_cast<std::int32_t>(ranked[which]), std::move(reason)});
    }
  };
  const auto add_own = [&](bool says_something, score which) {
    if (says_something) {
      auto own = tell(world, asked, how, found, which);
      parts.push_back({score_name(which, how), own.points, std::move(own.reason)});
    }
  };
  const int rank = found.chosen.choice->rank;
  add(asked.ask->combinations.size() > 1, score::alternatives,
      rank == 0 ? "every first choice" : std::to_string(rank) + " steps down the alternatives");
  add(request.preferred_host.has_value(), score::preferred_host,
      ranked[score::preferred_host] > 0 ? "the preferred host" : "not the preferred host");
  add(!request.tags.prefer.empty(), score::preferred_tags,
      std::to_string(ranked[score::preferred_tags]) + " of 1000 of the preferred tags");
  add(!asked.holds_devices, score::gpu_free_host,
      ranked[score::gpu_free_host] > 0 ? "a host without GPUs" : "no host without GPUs fits");
  add_own(asked.ask->described_count > 0 || how.draws_lots, score::first);
  add(devices > 1, score::closeness, closeness_text(found.chosen.devices.cost, devices));
  add_own(true, score::second);
  return parts;
}

} // namespace berth::scheduler
