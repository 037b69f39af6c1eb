#include "scheduler/pipeline.hpp"

#include <tuple>

namespace berth::scheduler {

namespace {

struct tally {
  std::int64_t hosts = 0;
  host_slot_id nearest = 0;
  finding nearest_finding;
};

bool is_nearer(const inventory::impl& world, host_slot_id slot, const finding& found,
               const tally& so_far) {
  return so_far.hosts == 0 || std::forward_as_tuple(found.missing(), world.hosts[slot].record.id) <
                                  std::forward_as_tuple(so_far.nearest_finding.missing(),
                                                        world.hosts[so_far.nearest].record.id);
}

} // namespace

std::optional<rule_failure> first_failure(const candidate& at) {
  for (const auto& rule : pipeline) {
    const finding found = rule.test(at);
    if (!found.passes) {
      return rule_failure{&rule, found};
    }
  }
  return std::nullopt;
}

model::refusal why_nowhere(const inventory::impl& world, const query& asked) {
  model::refusal why;
  std::array<tally, pipeline.size()> tallies;
  for (host_slot_id slot = 0; slot < world.hosts.size(); ++slot) {
    if (!world.hosts[slot].known) {
      continue;
    }
    ++why.hosts_considered;
    const auto failure = first_failure({world, asked, slot});
    if (!failure) {
      continue;
    }
    auto& so_far = tallies[static_cast<std::size_t>(failure->rule - pipeline.data())];
    if (is_nearer(world, slot, failure->found, so_far)) {
      so_far.nearest = slot;
      so_far.nearest_finding = failure->found;
    }
    ++so_far.hosts;
  }
  for (std::size_t i = 0; i < pipeline.size(); ++i) {
    const auto& counted = tallies[i];
    if (counted.hosts == 0) {
      continue;
    }
    const auto& nearest = world.hosts[counted.nearest].record;
    const auto& found = counted.nearest_finding;
    why.rules.push_back({std::string{pipeline[i].name},
                         counted.hosts,
                         nearest.id,
                         nearest.name,
                         {found.used, found.requested, found.capacity,
                          pipeline[i].say({world, asked, counted.nearest}, found)}});
  }
  return why;
}

} // namespace berth::scheduler
