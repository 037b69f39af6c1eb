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
  ranked[score::alternatives] = points_max - std::min(host.alternatives_rank, points_max);
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
  add(wishes.pcie_switch, cost[2]);
  return wished == 0 ? points_max : sum / wished;
}

ranking rank_on(const inventory::impl& world, const query& asked, const policy& how,
                host_slot_id host, const host_choice& chosen) {
  const auto& slot = world.hosts[host];
  const auto& request = asked.request;
  const auto& free = asked.holds_devices ? slot.amounts.gpu : slot.amounts.ordinary;
  const int matching = count(slot.free & matching_of(world, *chosen.choice, slot.shape));
  const auto& devices = chosen.devices;
  return rank(
      request, how,
      {chosen.choice->rank,
       request.preferred_host == slot.record.id,
       world.tags.at(slot.tags),
       closeness_points(devices.cost, count(devices.devices), request.topology),
       {request.amount, asked.ask->described_count, asked.ask->described_count > 0 ? matching : 0,
        asked.holds_devices ? count(slot.free) : 0, slot.has_gpus, slot.steps,
        levels_of(request.amount, slot.steps), levels_of(free, slot.steps)}});
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

std::vector<model::score_part> explain_scores(const inventory::impl& world, const query& asked,
                                              const policy& how, const place_found& found) {
  const auto& slot = world.hosts[found.host];
  const auto& request = asked.request;
  const auto& ranked = found.ranked;
  const auto& free = asked.holds_devices ? slot.amounts.gpu : slot.amounts.ordinary;
  const auto left = free - request.amount;
  const int devices = asked.ask->described_count + static_cast<int>(asked.ask->named.size());
  std::vector<model::score_part> parts;
  const auto add = [&](bool says_something, score which, std::string reason) {
    if (says_something) {
      parts.push_back({score_name(which, how), ranked[which], std::move(reason)});
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
  add(asked.ask->described_count > 0, score::first,
      std::to_string(count(slot.free & matching_of(world, *found.chosen.choice, slot.shape)) -
                     asked.ask->described_count) +
          " matching devices stay free");
  add(devices > 1, score::closeness, closeness_text(found.chosen.devices.cost, devices));
  add(true, score::second,
      std::to_string(left.cpus) + " of " + std::to_string(slot.amounts.capacity.cpus) +
          " CPUs and " + std::to_string(left.memory_mib) + " of " +
          std::to_string(slot.amounts.capacity.memory_mib) + " MiB stay free");
  return parts;
}

} // namespace berth::scheduler
