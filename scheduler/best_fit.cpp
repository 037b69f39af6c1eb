#include "scheduler/best_fit.hpp"

#include <array>

#include "scheduler/rules.hpp"

namespace berth::scheduler {

namespace {

/// Remembers choices: hosts of one shape with the same devices free have the same best choice.
class choice_memo {
public:
  template <class Compute>
  const std::optional<device_choice>& get(shape_id shape, device_mask free, Compute compute) {
    const auto low = static_cast<std::uint64_t>(free);
    const std::uint64_t hash = (low ^ (low >> 17U) ^ shape) * 0x9e3779b97f4a7c15ULL;
    auto& known = entries_[hash >> 59U];
    if (!known.filled || known.shape != shape || known.free != free) {
      known = {true, shape, free, compute()};
    }
    return known.choice;
  }

private:
  struct entry {
    bool filled = false;
    shape_id shape = 0;
    device_mask free = 0;
    std::optional<device_choice> choice;
  };
  std::array<entry, 32> entries_;
};

class best_fit {
public:
  best_fit(const inventory::impl& world, const query& asked)
      : world_(world), asked_(asked),
        special_(!asked.request.tags.require.empty() || !asked.request.tags.avoid.empty() ||
                 asked.group != 0) {}

  std::optional<best_place> run() {
    for (const auto& choice : asked_.combinations) {
      visit(choice);
      if (best_) {
        break; // no later combination can win: alternatives are the first score
      }
    }
    return finished();
  }

private:
  void visit(const combination& choice) {
    choice_ = &choice;
    memo_ = {};
    const auto& request = asked_.request;
    if (request.host || !asked_.named.empty()) {
      if (const auto only = only_host()) {
        consider(*only);
      }
      return;
    }
    if (request.preferred_host) {
      if (const auto preferred = world_.find_host(*request.preferred_host)) {
        consider(*preferred);
      }
      if (best_) {
        return;
      }
    }
    if (asked_.described.empty()) {
      visit_all();
    } else {
      visit_buckets();
    }
  }

  [[nodiscard]] std::optional<host_slot_id> only_host() const {
    if (asked_.request.host) {
      return world_.find_host(*asked_.request.host);
    }
    const auto place = world_.find_device(asked_.named.front());
    return place ? std::optional{place->host} : std::nullopt;
  }

  void visit_all() {
    for (host_slot_id slot = 0; slot < world_.hot.size(); ++slot) {
      consider(slot);
    }
  }

  void visit_buckets() {
    const auto& pool = world_.indexed_pool(choice_->pools.front());
    // With one described request and no preferred tags, the bucket is the first score that differs.
    const bool tightest_wins = asked_.described.size() == 1 && asked_.request.tags.prefer.empty();
    for (int free = asked_.described.front().count; free <= pool.most_free(); ++free) {
      pool.with_free(free).for_each([this](host_slot_id slot) { consider(slot); });
      if (best_ && tightest_wins) {
        return;
      }
    }
  }

  void consider(host_slot_id slot) {
    const auto& hot = world_.hot[slot];
    const auto& free = asked_.holds_devices ? hot.gpu : hot.ordinary;
    if (!hot.open || !has_room(asked_.request.amount, free)) {
      return;
    }
    if (special_) {
      const candidate at{world_, asked_, slot};
      if (!tags(at).passes || !anti_affinity(at).passes) {
        return;
      }
    }
    if (asked_.request.host && *asked_.request.host != world_.hosts[slot].record.id) {
      return;
    }
    std::optional<device_choice> devices;
    if (!is_single_and_plain(slot)) {
      devices = choose(slot);
      if (!devices) {
        return;
      }
    } else if (!has_free_match(slot)) {
      return;
    }
    keep_if_better(slot, rank(slot, free, devices), devices);
  }

  /// One described device on a host without units and partitions: any free one will do, so the
  /// choice can wait until the host has won.
  [[nodiscard]] bool is_single_and_plain(host_slot_id slot) const {
    if (asked_.described_count != 1 || !asked_.named.empty()) {
      return !asked_.holds_devices;
    }
    const auto& shape = world_.shapes.at(world_.hosts[slot].shape);
    return shape.units.empty() && shape.partitioned.empty();
  }

  [[nodiscard]] bool has_free_match(host_slot_id slot) const {
    return !asked_.holds_devices || (world_.hosts[slot].free & matching(slot)) != 0;
  }

  [[nodiscard]] device_mask matching(host_slot_id slot) const {
    device_mask all = 0;
    for (const std::size_t pool : choice_->pools) {
      all |= world_.pools[pool].matching(world_.hosts[slot].shape, world_.shapes);
    }
    return all;
  }

  [[nodiscard]] std::optional<device_choice> choose(host_slot_id slot) {
    const auto named = named_on(world_, asked_, slot);
    if (!named.all_here) {
      return std::nullopt;
    }
    const auto& host = world_.hosts[slot];
    return memo_.get(host.shape, host.free, [&]() -> std::optional<device_choice> {
      const auto wanted = wanted_on(world_, asked_, *choice_, slot);
      return choose_devices(
          {world_.shapes.at(host.shape), host.free, named.devices, wanted, asked_.request.topology},
          strictness::topology);
    });
  }

  [[nodiscard]] ranking rank(host_slot_id slot, const model::resources& free,
                             const std::optional<device_choice>& devices) const {
    const auto& host = world_.hosts[slot];
    const auto& request = asked_.request;
    ranking ranked;
    ranked[score::alternatives] = alternatives_points(choice_->rank);
    ranked[score::preferred_host] = preferred_host_points(host, request);
    ranked[score::preferred_tags] = preferred_tags_points(host, request);
    ranked[score::gpu_free_host] =
        gpu_free_host_points(world_.hot[slot].has_gpus, asked_.holds_devices);
    ranked[score::device_fit] = device_fit_points(
        asked_.described_count == 0 ? 0
                                    : count(host.free & matching(slot)) - asked_.described_count);
    ranked[score::closeness] =
        devices ? closeness_points(devices->cost, count(devices->devices), request.topology) : 1000;
    ranked[score::resource_fit] = resource_fit_points(free - request.amount, host.amounts.capacity);
    return ranked;
  }

  void keep_if_better(host_slot_id slot, const ranking& ranked,
                      const std::optional<device_choice>& devices) {
    if (best_) {
      const auto order = ranked <=> best_->ranked;
      if (order < 0 ||
          (order == 0 && world_.hosts[best_->host].record.id <= world_.hosts[slot].record.id)) {
        return;
      }
    }
    best_ = best_place{slot, ranked, {devices.value_or(device_choice{}), choice_}};
  }

  std::optional<best_place> finished() {
    if (best_ && asked_.holds_devices && best_->chosen.devices.devices == 0) {
      choice_ = best_->chosen.choice;
      best_->chosen.devices = choose(best_->host).value_or(device_choice{});
    }
    return best_;
  }

  const inventory::impl& world_;
  const query& asked_;
  const bool special_; ///< tags or a group have to be looked at, host by host
  const combination* choice_ = nullptr;
  choice_memo memo_;
  std::optional<best_place> best_;
};

} // namespace

std::optional<best_place> find_best(const inventory::impl& world, const query& asked) {
  return best_fit{world, asked}.run();
}

} // namespace berth::scheduler
