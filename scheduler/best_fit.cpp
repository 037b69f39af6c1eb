#include "scheduler/best_fit.hpp"

#include <algorithm>
#include <array>
#include <limits>

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
                 !asked.request.avoid_hosts.empty() || asked.group != 0),
        comparable_(asked.request.tags.prefer.empty() && asked.named.empty()) {}

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

  /// Ordinary servers: the most promising block of hosts first, then those that may hold a better
  /// one.
  void visit_all() {
    const auto& blocks = world_.fresh_blocks();
    std::size_t first = 0;
    double least = std::numeric_limits<double>::max();
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (may_fit(blocks[i]) && least_after(blocks[i]) < least) {
        least = least_after(blocks[i]);
        first = i;
      }
    }
    visit_block(first);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      if (i != first && may_fit(blocks[i]) && !cannot_win(blocks[i])) {
        visit_block(i);
      }
    }
  }

  void visit_block(std::size_t block) {
    const std::size_t end = std::min(world_.hot.size(), (block + 1) * host_block::size);
    for (std::size_t slot = block * host_block::size; slot < end; ++slot) {
      consider(static_cast<host_slot_id>(slot));
    }
  }

  [[nodiscard]] bool may_fit(const host_block& block) const {
    return block.any_open && has_room(asked_.request.amount, block.most);
  }

  /// No open host of the block has a smaller sum of CPUs and memory left, in thousandths.
  [[nodiscard]] double least_after(const host_block& block) const {
    const auto& amount = asked_.request.amount;
    return block.least_sum - static_cast<double>(amount.cpus) * block.cpu_scale -
           static_cast<double>(amount.memory_mib) * block.memory_scale;
  }

  [[nodiscard]] bool cannot_win(const host_block& block) const {
    if (!bounded_) {
      return false;
    }
    if (best_hot_.has_gpus && block.any_gpu_free) {
      return false;
    }
    return (!best_hot_.has_gpus && !block.any_gpu_free) || least_after(block) > losing_sum_;
  }

  void visit_buckets() {
    const auto& pool = world_.indexed_pool(choice_->pools.front());
    // With one described request and no preferred tags, the bucket is the first score that differs.
    const bool tightest_wins = asked_.described.size() == 1 && asked_.request.tags.prefer.empty();
    for (int free = asked_.described.front().count; free <= pool.most_free(); ++free) {
      in_one_bucket_ = tightest_wins;
      pool.with_free(free).for_each([this](host_slot_id slot) { consider(slot); });
      if (best_ && tightest_wins) {
        return;
      }
    }
  }

  void consider(host_slot_id slot) {
    const auto& hot = world_.hot[slot];
    const auto& free = asked_.holds_devices ? hot.gpu : hot.ordinary;
    if (!hot.open || !has_room(asked_.request.amount, free) || cannot_win(hot, free)) {
      return;
    }
    if (special_) {
      const candidate at{world_, asked_, slot};
      if (!reserved_host(at).passes || !tags(at).passes || !anti_affinity(at).passes) {
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

  /// True only for a host that loses to the best so far, found from the hot data alone: it is the
  /// best's twin with a higher id, or (where the scores before the fit of CPUs and memory are known
  /// to be no better than the best's) a bound on that fit decides.
  [[nodiscard]] bool cannot_win(const hot_host& hot, const model::resources& free) const {
    if (!best_ || !comparable_) {
      return false;
    }
    if (!asked_.holds_devices && hot.has_gpus != best_hot_.has_gpus) {
      return hot.has_gpus;
    }
    if (free == best_free_ && is_twin(hot)) {
      return best_hot_.id < hot.id;
    }
    const auto& amount = asked_.request.amount;
    return bounded_ && thousandths(free.cpus - amount.cpus, hot.cpu_scale) +
                               thousandths(free.memory_mib - amount.memory_mib, hot.memory_scale) >
                           losing_sum_;
  }

  /// Same capacity and, where they matter, the same devices: every score is the same.
  [[nodiscard]] bool is_twin(const hot_host& hot) const {
    return hot.capacity == best_hot_.capacity &&
           (!asked_.holds_devices || (hot.shape == best_hot_.shape && hot.free == best_hot_.free));
  }

  /// Prepares cannot_win() for a new best. A later host's first scores are equal or worse when they
  /// are the same for every host still to come, or already at their maximum.
  void set_bound() {
    const auto& ranked = best_->ranked;
    const bool same_fit = asked_.described_count == 0 || in_one_bucket_;
    bounded_ = comparable_ && same_fit && ranked[score::closeness] == closeness_points({}, 0, {});
    best_hot_ = world_.hot[best_->host];
    best_free_ = asked_.holds_devices ? best_hot_.gpu : best_hot_.ordinary;
    // resource_fit is 1000 - sum / 2, both per mille rounded down: a sum of 2 * (1000 - points) + 1
    // still ties, rounding takes less than 2 off, and the floating point errs by far less than 0.1.
    losing_sum_ = 2.0 * (1000 - ranked[score::resource_fit]) + 3.1;
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
    set_bound();
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
  const bool special_;    ///< kept hosts, tags or a group have to be looked at, host by host
  const bool comparable_; ///< nothing but amounts and free devices tells hosts apart
  const combination* choice_ = nullptr;
  choice_memo memo_;
  std::optional<best_place> best_;
  bool in_one_bucket_ = false; ///< all hosts that can win have the same device_fit
  // Of the best so far, for cannot_win().
  bool bounded_ = false;
  hot_host best_hot_;
  model::resources best_free_;
  double losing_sum_ = 0;
};

} // namespace

std::optional<best_place> find_best(const inventory::impl& world, const query& asked) {
  return best_fit{world, asked}.run();
}

} // namespace berth::scheduler
