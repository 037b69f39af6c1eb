#include <algorithm>

#include "scheduler/rules.hpp"

namespace berth::scheduler {

namespace {

finding yes_or_no(bool passes) {
  return {passes, 0, 0, 0};
}

/// Room for `requested` when `free` of `capacity` is left for this kind of server.
finding room(std::int64_t requested, std::int64_t free, std::int64_t capacity) {
  return {has_room(requested, free), capacity - free, requested, capacity};
}

const model::resources& free_for(const candidate& at) {
  return at.asked.holds_devices ? at.host().amounts.gpu : at.host().amounts.ordinary;
}

/// `needs 16 CPUs, 4 of 64 free`, and what the GPUs keep if that is why.
std::string say_room(const candidate& at, const finding& found, const std::string& unit,
                     std::int64_t kept) {
  const std::int64_t free = std::max<std::int64_t>(0, found.capacity - found.used);
  std::string text = std::to_string(free) + " of " + std::to_string(found.capacity) + " " + unit +
                     " free, " + std::to_string(found.requested) + " wanted";
  if (!at.asked.holds_devices && kept > 0) {
    text += " (" + std::to_string(kept) + " kept for servers with GPUs)";
  }
  return text;
}

model::resources kept_for_gpus(const candidate& at) {
  return at.host().amounts.gpu - at.host().amounts.ordinary;
}

} // namespace

finding host_enabled(const candidate& at) {
  return yes_or_no(at.host().record.enabled);
}
std::string say_host_enabled(const candidate& /*at*/, const finding& /*found*/) {
  return "the host is disabled";
}

finding host_online(const candidate& at) {
  return yes_or_no(at.host().record.status == model::host_status::online);
}
std::string say_host_online(const candidate& /*at*/, const finding& /*found*/) {
  return "the host is offline";
}

finding host_settled(const candidate& at) {
  return yes_or_no(at.host().record.settled);
}
std::string say_host_settled(const candidate& /*at*/, const finding& /*found*/) {
  return "the host has not reported its devices since its agent started";
}

finding maintenance(const candidate& at) {
  return yes_or_no(!at.host().record.maintenance);
}
std::string say_maintenance(const candidate& /*at*/, const finding& /*found*/) {
  return "the host is in maintenance";
}

finding pinned_host(const candidate& at) {
  const auto& wanted = at.asked.request.host;
  return yes_or_no(!wanted || *wanted == at.host().id);
}
std::string say_pinned_host(const candidate& at, const finding& /*found*/) {
  const auto& wanted = at.asked.request.host;
  return "the request names another host" + (wanted ? ", " + to_string(*wanted) : std::string{});
}

finding reserved_host(const candidate& at) {
  const auto& avoided = at.asked.request.avoid_hosts;
  return yes_or_no(!std::binary_search(avoided.begin(), avoided.end(), at.host().id));
}
std::string say_reserved_host(const candidate& /*at*/, const finding& /*found*/) {
  return "the host is kept for a server that waits for it";
}

finding tags(const candidate& at) {
  const auto broken = tags_broken(at.world.tags.at(at.host().tags), at.asked.request.tags);
  return {broken == 0, 0, broken, 0};
}
std::string say_tags(const candidate& at, const finding& /*found*/) {
  const auto& has = at.world.tags.at(at.host().tags);
  std::string text;
  const auto add = [&](bool broken, const std::string& part) {
    text += broken ? (text.empty() ? "the host " : " and ") + part : "";
  };
  for (const auto& tag : at.asked.request.tags.require) {
    add(tags_met(has, {tag}) == 0, "lacks the tag " + tag);
  }
  for (const auto& tag : at.asked.request.tags.avoid) {
    add(tags_met(has, {tag}) > 0, "has the avoided tag " + tag);
  }
  return text;
}

finding anti_affinity(const candidate& at) {
  const auto& groups = at.host().groups;
  const bool member_here =
      at.asked.group != 0 && std::any_of(groups.begin(), groups.end(), [&at](const auto& member) {
        return member.first == at.asked.group;
      });
  return yes_or_no(!member_here);
}
std::string say_anti_affinity(const candidate& at, const finding& /*found*/) {
  return "the host already holds a server of the group " + at.asked.request.anti_affinity_group;
}

finding cpu(const candidate& at) {
  return room(at.asked.request.amount.cpus, free_for(at).cpus, at.host().whole.capacity.cpus);
}
std::string say_cpu(const candidate& at, const finding& found) {
  return say_room(at, found, "CPUs", kept_for_gpus(at).cpus);
}

finding memory(const candidate& at) {
  return room(at.asked.request.amount.memory_mib, free_for(at).memory_mib,
              at.host().whole.capacity.memory_mib);
}
std::string say_memory(const candidate& at, const finding& found) {
  return say_room(at, found, "MiB of memory", kept_for_gpus(at).memory_mib);
}

finding storage(const candidate& at) {
  return room(at.asked.request.amount.storage_mib, free_for(at).storage_mib,
              at.host().whole.capacity.storage_mib);
}
std::string say_storage(const candidate& at, const finding& found) {
  return say_room(at, found, "MiB of storage", kept_for_gpus(at).storage_mib);
}

} // namespace berth::scheduler
