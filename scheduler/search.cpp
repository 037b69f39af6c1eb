#include "scheduler/search.hpp"

#include <algorithm>

#include "scheduler/rules.hpp"

namespace berth::scheduler {

namespace {

/// Choices of so many combinations are remembered by group; a request rarely has more.
constexpr std::size_t remembered_combinations = 4;

class search {
public:
  search(const inventory::impl& world, const query& asked, const policy& how,
         std::optional<host_slot_id> without)
      : world_(world), asked_(asked), ask_(*asked.ask), how_(how), without_(without),
        tagged_(!asked.request.tags.require.empty() || !asked.request.tags.avoid.empty()),
        sight_(world, asked, how) {}

  std::optional<place_found> run() {
    for (std::size_t i = 0; i < ask_.combinations.size() && !best_; ++i) {
      visit(i); // no later combination can win: alternatives are the first score
    }
    return finished();
  }

private:
  void visit(std::size_t number) {
    number_ = number;
    choice_ = &ask_.combinations[number];
    const auto& request = asked_.request;
    if (request.host || !ask_.named.empty()) {
      if (const auto only = only_host()) {
        consider_host(*only);
      }
      return;
    }
    if (request.preferred_host) {
      if (const auto preferred = world_.find_host(*request.preferred_host)) {
        consider_host(*preferred);
      }
      if (best_) {
        return;
      }
    }
    if (ask_.described.empty()) {
      world_.ordinary_index.filled().for_each([this](group_number group) { consider(group, 0); });
    } else {
      visit_pool();
    }
  }

  [[nodiscard]] std::optional<host_slot_id> only_host() const {
    if (asked_.request.host) {
      return world_.find_host(*asked_.request.host);
    }
    const auto place = world_.find_device(ask_.named.front());
    return place ? std::optional{place->host} : std::nullopt;
  }

  /// Groups by their number of matching free devices, the policy's favourites first.
  void visit_pool() {
    auto& pool = *choice_->pools.front();
    world_.index_pool(pool);
    number_decides_ = how_.first_by != policy::order::by_cell && ask_.described.size() == 1 &&
                      asked_.request.tags.prefer.empty();
    const int fewest = ask_.described.front().count;
    const int most = pool.most_free();
    for (int i = 0; i <= most - fewest && !(best_ && number_decides_); ++i) {
      const int free = how_.first_by == policy::order::most_free ? most - i : fewest + i;
      pool.with_free(free).for_each([this, free](group_number group) { consider(group, free); });
    }
  }

  /// `pool_free`: free devices that the first part of the request matches.
  void consider(group_number number, int pool_free) {
    const auto& group = world_.index(asked_.holds_devices).groups().at(number);
    if (tagged_ && tags_broken(world_.tags.at(group.key.tags), asked_.request.tags) > 0) {
      return;
    }
    const device_ask::group_choice* known = nullptr;
    if (asked_.holds_devices) {
      known = &choice_of(number, group.key);
      // Closeness is next where the number of free devices comes first.
      if (!known->possible ||
          (number_decides_ && best_ && known->closeness < best_->ranked[score::closeness])) {
        return;
      }
    }
    const auto& amount = asked_.request.amount;
    ranked_host host{choice_->order,
                     false,
                     world_.tags.at(group.key.tags),
                     points_max,
                     {amount,
                      ask_.described_count,
                      pool_free,
                      group.free_devices,
                      group.key.has_gpus,
                      group.key.steps,
                      levels_of(amount, group.key.steps),
                      {}}};
    const device_choice* devices = nullptr;
    if (known != nullptr) {
      devices = &known->best;
      host.closeness = known->closeness;
      if (ask_.described.size() > 1) {
        host.view.matching_free =
            count(group.key.free & matching_of(world_, *choice_, group.key.shape));
      }
    }
    sight_.look(host.view, group.key, devices != nullptr ? devices->devices : 0);
    consider_cells(group, host, devices);
  }

  void consider_cells(const host_group& group, const ranked_host& host,
                      const device_choice* devices) {
    policy_view view = host.view;
    ranking ranked = rank(asked_.request, how_, host);
    if (best_ && how_.first_by != policy::order::by_cell && cannot_win(ranked)) {
      return;
    }
    for (const auto& cell : group.cells) {
      if (cell.levels.cpus < view.wanted.cpus || cell.levels.memory < view.wanted.memory) {
        continue;
      }
      view.free = cell.levels;
      rank_cell(ranked, view);
      if (how_.draws_lots) {
        draw_lots(cell, view, ranked, devices);
        continue;
      }
      if (best_ && (ranked < best_->ranked ||
                    (ranked == best_->ranked && best_id() <= cell.hosts->front().id))) {
        continue;
      }
      const auto* found = cell.hosts->first(
          view.amount, [this](const listed_host& each) { return may_take(each.slot); });
      if (found != nullptr) {
        keep_if_better(found->slot, ranked, devices);
      }
    }
  }

  /// Every host of a cell on its own.
  void draw_lots(const host_cell& cell, policy_view view, ranking ranked,
                 const device_choice* devices) {
    static_cast<void>(cell.hosts->first(view.amount, [&](const listed_host& each) {
      view.lot = lot_of(asked_.request.server, each.id);
      ranked[score::first] = how_.first(view);
      if ((!best_ || best_->ranked <= ranked) && may_take(each.slot)) {
        keep_if_better(each.slot, ranked, devices);
      }
      return false; // on to the next
    }));
  }

  /// True if even the fullest marks in what the cell decides would not do.
  [[nodiscard]] bool cannot_win(ranking hopeful) const {
    hopeful[score::second] = points_max;
    return hopeful < best_->ranked;
  }

  /// A single host, with all its rules.
  void consider_host(host_slot_id slot) {
    const auto& host = world_.hosts[slot];
    const auto& free = asked_.holds_devices ? host.amounts.gpu : host.amounts.ordinary;
    const candidate at{world_, asked_, slot};
    if (!host.is_open() || !pinned_host(at).passes || !tags(at).passes || !may_take(slot) ||
        !has_room(asked_.request.amount, free)) {
      return;
    }
    const auto named = named_on(world_, asked_, slot);
    if (!named.all_here) {
      return;
    }
    const auto devices = choose(host.shape, host.free, named.devices);
    if (devices) {
      keep_if_better(slot, rank_on(world_, asked_, how_, slot, {*devices, choice_}), &*devices);
    }
  }

  /// The rules that look at single hosts.
  [[nodiscard]] bool may_take(host_slot_id slot) const {
    const candidate at{world_, asked_, slot};
    return slot != without_ && (asked_.request.avoid_hosts.empty() || reserved_host(at).passes) &&
           (asked_.group == 0 || anti_affinity(at).passes);
  }

  [[nodiscard]] std::optional<device_choice> choose(shape_id shape, device_mask free,
                                                    device_mask named) const {
    const auto wanted = wanted_on(world_, asked_, *choice_, shape);
    return choose_devices({world_.shapes.at(shape), free, named, wanted, asked_.request.topology},
                          strictness::topology);
  }

  const device_ask::group_choice& choice_of(group_number number, const group_key& key) {
    if (number_ >= remembered_combinations) {
      unremembered_ = {};
      return fill(unremembered_, key);
    }
    auto& lists = ask_.choices;
    lists.resize(std::max(lists.size(), number_ + 1));
    auto& list = lists[number_];
    if (number >= list.size()) {
      list.resize(world_.devices_index.groups().size());
    }
    return list[number].known ? list[number] : fill(list[number], key);
  }

  const device_ask::group_choice& fill(device_ask::group_choice& entry,
                                       const group_key& key) const {
    const auto chosen = choose(key.shape, key.free, 0);
    entry.known = true;
    entry.possible = chosen.has_value();
    if (chosen) {
      entry.best = *chosen;
      entry.closeness =
          closeness_points(chosen->cost, count(chosen->devices), asked_.request.topology);
    }
    return entry;
  }

  void rank_cell(ranking& ranked, const policy_view& view) const {
    if (how_.first_by == policy::order::by_cell) {
      ranked[score::first] = how_.first(view);
    }
    ranked[score::second] = how_.second(view);
  }

  [[nodiscard]] const model::host_id& best_id() const { return world_.hosts[best_->host].id; }

  void keep_if_better(host_slot_id slot, const ranking& ranked, const device_choice* devices) {
    if (best_) {
      const auto order = ranked <=> best_->ranked;
      if (order < 0 || (order == 0 && best_id() <= world_.hosts[slot].id)) {
        return;
      }
    }
    best_ = place_found{slot, ranked, {devices != nullptr ? *devices : device_choice{}, choice_}};
  }

  std::optional<place_found> finished() { return std::move(best_); }

  const inventory::impl& world_;
  const query& asked_;
  const device_ask& ask_;
  const policy& how_;
  const std::optional<host_slot_id> without_;
  const bool tagged_;
  policy_sight sight_;
  std::size_t number_ = 0;
  /// With one described request and no preferred tags the number of free devices is the first
  /// score that differs: all that are compared with the best have as many as it.
  bool number_decides_ = false;
  const combination* choice_ = nullptr;
  device_ask::group_choice unremembered_;
  std::optional<place_found> best_;
};

} // namespace

std::optional<place_found> find_best(const inventory::impl& world, const query& asked,
                                     const policy& how, std::optional<host_slot_id> without) {
  if (how.sees_stays) {
    world.see_stays();
  }
  return search{world, asked, how, without}.run();
}

} // namespace berth::scheduler
