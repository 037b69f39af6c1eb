#include <algorithm>
#include <tuple>

#include "scheduler/pipeline.hpp"

namespace berth::scheduler {

namespace {

/// How many hosts a rule excluded, and which of them missed it by least.
struct tally {
  std::int64_t hosts = 0;
  std::int64_t missing = 0;
  model::host_id nearest_id;
  host_slot_id nearest = 0;

  /// True if a host that misses by so much may be the nearest.
  [[nodiscard]] bool may_be_nearest(std::int64_t by) const { return hosts == 0 || by <= missing; }
  void add(std::int64_t count, std::int64_t by, const model::host_id& id, host_slot_id slot) {
    if (hosts == 0 || std::tie(by, id) < std::tie(missing, nearest_id)) {
      missing = by;
      nearest_id = id;
      nearest = slot;
    }
    hosts += count;
  }
};

/// The position of a rule in the pipeline.
constexpr std::size_t rule_named(std::string_view name) {
  std::size_t at = 0;
  while (pipeline[at].name != name) {
    ++at;
  }
  return at;
}

/// Counts who excluded how many without testing every host: closed hosts by reason, open ones by
/// group, by cell, by block of a cell, and only the rest one by one.
class refusal_count {
public:
  refusal_count(const inventory::impl& world, const query& asked)
      : world_(world), asked_(asked), index_(world.index(asked.holds_devices)) {}

  model::refusal run() {
    count_closed();
    count_singled();
    index_.filled().for_each([this](group_number group) { count_group(group); });
    return told();
  }

private:
  void count_closed() {
    constexpr std::array reasons{closure::disabled, closure::offline, closure::unsettled,
                                 closure::maintenance};
    constexpr std::array rules{rule_named("host_enabled"), rule_named("host_online"),
                               rule_named("host_settled"), rule_named("maintenance")};
    for (std::size_t i = 0; i < reasons.size(); ++i) {
      const auto& hosts = index_.closed(reasons[i]);
      if (!hosts.empty()) {
        const auto& [id, slot] = *hosts.begin();
        tallies_[rules[i]].add(static_cast<std::int64_t>(hosts.size()), 0, id, slot);
      }
    }
  }

  /// Open hosts about which the request says something of their own.
  void count_singled() {
    const auto single_out = [this](host_slot_id slot) {
      if (world_.hosts[slot].is_open()) {
        singled_.push_back(slot);
      }
    };
    if (const auto& pinned = asked_.request.host) {
      if (const auto slot = world_.find_host(*pinned)) {
        single_out(*slot);
      }
    }
    for (const auto& avoided : asked_.request.avoid_hosts) {
      if (const auto slot = world_.find_host(avoided)) {
        single_out(*slot);
      }
    }
    for (const auto& id : asked_.ask->named) {
      if (const auto place = world_.find_device(id)) {
        single_out(place->host);
      }
    }
    if (const auto members = world_.group_hosts.find(asked_.group);
        members != world_.group_hosts.end()) {
      std::for_each(members->second.begin(), members->second.end(), single_out);
    }
    std::sort(singled_.begin(), singled_.end());
    singled_.erase(std::unique(singled_.begin(), singled_.end()), singled_.end());
    for (const host_slot_id slot : singled_) {
      count_host(slot);
    }
  }

  void count_host(host_slot_id slot) {
    if (const auto failure = first_failure({world_, asked_, slot})) {
      tally_of(*failure->rule).add(1, failure->found.missing(), world_.hosts[slot].record.id, slot);
    }
  }

  tally& tally_of(const hard_rule& rule) {
    return tallies_[static_cast<std::size_t>(&rule - pipeline.data())];
  }

  [[nodiscard]] bool is_singled(host_slot_id slot) const {
    return std::binary_search(singled_.begin(), singled_.end(), slot);
  }

  [[nodiscard]] std::int64_t singled_in(group_number group) const {
    return std::count_if(singled_.begin(), singled_.end(),
                         [&](host_slot_id slot) { return index_.place(slot).group == group; });
  }

  void count_group(group_number number) {
    const auto& group = index_.groups().at(number);
    const auto singled = singled_in(number);
    const auto hosts = static_cast<std::int64_t>(group.hosts) - singled;
    if (hosts == 0) {
      return;
    }
    // Every host of the group would say the same, so one is asked.
    const auto& first = group.cells.front().hosts->front();
    const auto& verdict = verdict_on(number, first.slot);
    if (verdict.broken == nullptr) {
      for (const auto& cell : group.cells) {
        singled > 0 ? count_one_by_one(*cell.hosts) : count_cell(*cell.hosts);
      }
      return;
    }
    auto& counted = tally_of(*verdict.broken);
    const auto missing = verdict.found.missing();
    if (!counted.may_be_nearest(missing)) {
      counted.hosts += hosts;
      return;
    }
    const auto lowest = lowest_of_group(group);
    counted.add(hosts, missing, lowest.id, lowest.slot);
  }

  /// The lowest host of the group that was not counted yet; there is one.
  [[nodiscard]] listed_host lowest_of_group(const host_group& group) const {
    const listed_host* lowest = nullptr;
    for (const auto& cell : group.cells) {
      const auto* found =
          cell.hosts->first({}, [this](const listed_host& each) { return !is_singled(each.slot); });
      if (found != nullptr && (lowest == nullptr || found->id < lowest->id)) {
        lowest = found;
      }
    }
    return *lowest;
  }

  /// The first rule broken among those that are the same for a whole group.
  const device_ask::group_verdict& verdict_on(group_number number, host_slot_id slot) {
    const auto& request = asked_.request;
    const candidate at{world_, asked_, slot};
    if (request.host || !asked_.ask->named.empty() || has_tag_wishes(request.tags)) {
      own_ = {};
      test(own_, at, pinned_rule);
      return own_;
    }
    auto& known = asked_.ask->verdicts;
    if (number >= known.size()) {
      known.resize(index_.groups().size());
    }
    if (!known[number].known) {
      test(known[number], at, first_device_rule);
      known[number].known = true;
    }
    return known[number];
  }

  static bool has_tag_wishes(const model::tag_wishes& tags) {
    return !tags.require.empty() || !tags.avoid.empty();
  }

  /// Tests the rules from `from` to the last about devices.
  void test(device_ask::group_verdict& verdict, const candidate& at, std::size_t from) const {
    for (std::size_t i = from; i < first_amount_rule; ++i) {
      const finding found = find(pipeline[i], at);
      if (!found.passes) {
        verdict.broken = &pipeline[i];
        verdict.found = found;
        return;
      }
    }
  }

  /// What a rule finds on a host that is not singled out: not the pinned one, not kept for another
  /// server, without a named device and without a member of the anti-affinity group. The one that
  /// is asked may be singled out, so those rules are not asked.
  [[nodiscard]] finding find(const hard_rule& rule, const candidate& at) const {
    if (rule.test == pinned_host) {
      return {!asked_.request.host.has_value(), 0, 0, 0};
    }
    if (rule.test == anti_affinity || rule.test == reserved_host) {
      return {};
    }
    const auto named = static_cast<std::int64_t>(asked_.ask->named.size());
    if (rule.test == named_devices && named > 0) {
      return {false, named, named, named};
    }
    return rule.test(at);
  }

  void count_one_by_one(const host_set& hosts) {
    hosts.for_each_block([](const auto&, const auto&) { return false; },
                         [this](const listed_host& host) {
                           if (!is_singled(host.slot)) {
                             count_amounts(host);
                           }
                         });
  }

  void count_cell(const host_set& hosts) {
    if (const auto* all_lack = short_of_all(hosts.bounds())) {
      const auto has_most = [&](std::int64_t most) {
        return hosts.first(
            {}, [&](const listed_host& host) { return host.free.*all_lack->part == most; });
      };
      count_lacking(*all_lack, hosts.bounds(), hosts.size(), has_most);
      return;
    }
    hosts.for_each_block(
        [this](const amount_bounds& bounds, const std::vector<listed_host>& block) {
          const auto* all_lack = short_of_all(bounds);
          if (all_lack != nullptr) {
            const auto has_most = [&](std::int64_t most) {
              return &*std::find_if(block.begin(), block.end(), [&](const listed_host& host) {
                return host.free.*all_lack->part == most;
              });
            };
            count_lacking(*all_lack, bounds, block.size(), has_most);
          }
          return all_lack != nullptr;
        },
        [this](const listed_host& host) { count_amounts(host); });
  }

  struct amount_rule {
    std::size_t rule;
    std::int64_t model::resources::*part;
  };
  static constexpr std::array amounts{
      amount_rule{rule_named("cpu"), &model::resources::cpus},
      amount_rule{rule_named("memory"), &model::resources::memory_mib},
      amount_rule{rule_named("storage"), &model::resources::storage_mib}};

  /// The amount rule that is the first one broken for every host within the bounds; nullptr = it is
  /// not the same for all.
  [[nodiscard]] const amount_rule* short_of_all(const amount_bounds& bounds) const {
    const auto& wanted = asked_.request.amount;
    for (const auto& each : amounts) {
      if (!has_room(wanted.*each.part, bounds.most.*each.part)) {
        return &each;
      }
      if (!has_room(wanted.*each.part, bounds.least.*each.part)) {
        return nullptr;
      }
    }
    return nullptr;
  }

  /// Hosts that all break one amount rule; `has_most(amount)` finds the lowest with that amount.
  template <class HasMost>
  void count_lacking(const amount_rule& lacking, const amount_bounds& bounds, std::size_t hosts,
                     HasMost has_most) {
    auto& counted = tallies_[lacking.rule];
    const auto most = bounds.most.*lacking.part;
    const auto missing = asked_.request.amount.*lacking.part - most;
    if (!counted.may_be_nearest(missing)) {
      counted.hosts += static_cast<std::int64_t>(hosts);
      return;
    }
    const listed_host* const richest = has_most(most);
    counted.add(static_cast<std::int64_t>(hosts), missing, richest->id, richest->slot);
  }

  void count_amounts(const listed_host& host) {
    const auto& wanted = asked_.request.amount;
    for (const auto& each : amounts) {
      if (!has_room(wanted.*each.part, host.free.*each.part)) {
        tallies_[each.rule].add(1, wanted.*each.part - host.free.*each.part, host.id, host.slot);
        return;
      }
    }
  }

  [[nodiscard]] model::refusal told() const {
    model::refusal why;
    why.hosts_considered = static_cast<std::int64_t>(world_.host_count);
    for (std::size_t i = 0; i < pipeline.size(); ++i) {
      const auto& counted = tallies_[i];
      if (counted.hosts == 0) {
        continue;
      }
      const candidate nearest{world_, asked_, counted.nearest};
      const finding found = pipeline[i].test(nearest);
      why.rules.push_back(written(pipeline[i], nearest, found, counted.hosts));
    }
    return why;
  }

  static constexpr std::size_t pinned_rule = rule_named("pinned_host");
  static constexpr std::size_t first_device_rule = rule_named("named_devices");
  static constexpr std::size_t first_amount_rule = rule_named("cpu");

  const inventory::impl& world_;
  const query& asked_;
  const host_index& index_;
  std::vector<host_slot_id> singled_;
  device_ask::group_verdict own_;
  std::array<tally, pipeline.size()> tallies_;
};

} // namespace

model::refusal why_nowhere(const inventory::impl& world, const query& asked) {
  return refusal_count{world, asked}.run();
}

} // namespace berth::scheduler
