#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "model/plan.hpp"
#include "scheduler/rules.hpp"

namespace berth::scheduler {

struct hard_rule {
  std::string_view name; ///< as in rule_verdict::rule
  finding (*test)(const candidate& at);
  std::string (*say)(const candidate& at, const finding& found);
};

/// Every hard rule in the order in which a host is tested. What is the same for a whole group of
/// hosts comes before what depends on how much each has free, so that hosts are counted by the
/// group.
inline constexpr std::array pipeline{
    hard_rule{"host_enabled", host_enabled, say_host_enabled},
    hard_rule{"host_online", host_online, say_host_online},
    hard_rule{"host_settled", host_settled, say_host_settled},
    hard_rule{"maintenance", maintenance, say_maintenance},
    hard_rule{"pinned_host", pinned_host, say_pinned_host},
    hard_rule{"reserved_host", reserved_host, say_reserved_host},
    hard_rule{"tags", tags, say_tags},
    hard_rule{"anti_affinity", anti_affinity, say_anti_affinity},
    hard_rule{"named_devices", named_devices, say_named_devices},
    hard_rule{"devices", devices, say_devices},
    hard_rule{"units", units, say_units},
    hard_rule{"topology", topology, say_topology},
    hard_rule{"cpu", cpu, say_cpu},
    hard_rule{"memory", memory, say_memory},
    hard_rule{"storage", storage, say_storage},
};

struct rule_failure {
  const hard_rule* rule = nullptr;
  finding found;
};

/// The first rule that says no; nullopt = the host can take the request.
[[nodiscard]] std::optional<rule_failure> first_failure(const candidate& at);

/// A no of one rule in full: what a host misses, and (in a refusal) how many it excluded.
[[nodiscard]] model::rule_verdict written(const hard_rule& rule, const candidate& at,
                                          const finding& found, std::int64_t hosts_excluded = 1);

/// Counts, over all hosts, which rule excluded each, and which host missed it by least.
[[nodiscard]] model::refusal why_nowhere(const inventory::impl& world, const query& asked);

} // namespace berth::scheduler
