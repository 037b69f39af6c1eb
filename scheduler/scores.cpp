#include "scheduler/scores.hpp"

#include <algorithm>

namespace berth::scheduler {

namespace {

constexpr std::int32_t best_points = 1000;

/// So many of a thousand, for 0 <= part <= whole.
std::int32_t per_mille(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) {
    return 0;
  }
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(part, 0, whole) * best_points / whole);
}

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

std::int32_t alternatives_points(int rank) {
  return best_points - std::min<std::int32_t>(rank, best_points);
}

std::int32_t preferred_host_points(const host_slot& host, const model::placement_request& request) {
  return !request.preferred_host || *request.preferred_host == host.record.id ? best_points : 0;
}

std::int32_t preferred_tags_points(const host_slot& host, const model::placement_request& request) {
  const auto& wanted = request.tags.prefer;
  if (wanted.empty()) {
    return best_points;
  }
  const auto& has = host.record.tags;
  const auto met = std::count_if(wanted.begin(), wanted.end(), [&has](const std::string& tag) {
    return std::find(has.begin(), has.end(), tag) != has.end();
  });
  return per_mille(met, static_cast<std::int64_t>(wanted.size()));
}

std::int32_t gpu_free_host_points(bool host_has_gpus, bool request_holds_devices) {
  return request_holds_devices || !host_has_gpus ? best_points : 0;
}

std::int32_t device_fit_points(int left_over) {
  // 7 points each keep all of device_slots_max apart.
  return best_points - 7 * left_over;
}

std::int32_t closeness_points(const choice_cost& cost, int devices,
                              const model::topology_wishes& wishes) {
  constexpr auto none = model::wish::none;
  if (devices < 2) {
    return best_points;
  }
  std::int32_t sum = 0;
  std::int32_t wished = 0;
  const auto add = [&](model::wish wish, int groups) {
    if (wish != none) {
      sum += per_mille(devices - groups, devices - 1);
      ++wished;
    }
  };
  add(wishes.fabric, cost[0]);
  add(wishes.numa, cost[1]);
  add(wishes.pcie_switch, cost[2]);
  return wished == 0 ? best_points : sum / wished;
}

std::int32_t resource_fit_points(const model::resources& left_over,
                                 const model::resources& capacity) {
  return best_points - (per_mille(left_over.cpus, capacity.cpus) +
                        per_mille(left_over.memory_mib, capacity.memory_mib)) /
                           2;
}

std::vector<model::score_part> explain_scores(const inventory::impl& world, const query& asked,
                                              host_slot_id host, const ranking& ranked,
                                              const choice_cost& cost) {
  const auto& slot = world.hosts[host];
  const auto& request = asked.request;
  const auto& free = asked.holds_devices ? slot.amounts.gpu : slot.amounts.ordinary;
  const auto left = free - request.amount;
  const int devices = asked.described_count + static_cast<int>(asked.named.size());
  std::vector<model::score_part> parts;
  const auto add = [&](bool says_something, score which, std::string reason) {
    if (says_something) {
      parts.push_back({std::string{score_names[static_cast<std::size_t>(which)]}, ranked[which],
                       std::move(reason)});
    }
  };
  const int rank = best_points - ranked[score::alternatives];
  add(asked.combinations.size() > 1, score::alternatives,
      rank == 0 ? "every first choice" : std::to_string(rank) + " steps down the alternatives");
  add(request.preferred_host.has_value(), score::preferred_host,
      ranked[score::preferred_host] > 0 ? "the preferred host" : "not the preferred host");
  add(!request.tags.prefer.empty(), score::preferred_tags,
      std::to_string(ranked[score::preferred_tags]) + " of 1000 of the preferred tags");
  add(!asked.holds_devices, score::gpu_free_host,
      ranked[score::gpu_free_host] > 0 ? "a host without GPUs" : "no host without GPUs fits");
  add(asked.described_count > 0, score::device_fit,
      std::to_string((best_points - ranked[score::device_fit]) / 7) +
          " matching devices stay free");
  add(devices > 1, score::closeness, closeness_text(cost, devices));
  add(true, score::resource_fit,
      std::to_string(left.cpus) + " of " + std::to_string(slot.amounts.capacity.cpus) +
          " CPUs and " + std::to_string(left.memory_mib) + " of " +
          std::to_string(slot.amounts.capacity.memory_mib) + " MiB stay free");
  return parts;
}

} // namespace berth::scheduler
