#include "scheduler/device_selection.hpp"

#include <algorithm>
#include <numeric>

namespace berth::scheduler {

namespace {

/// Steps that one host may cost. C(16, 8) is 12,870.
constexpr int steps_max = 50'000;

int touched(const std::vector<device_mask>& groups, device_mask devices) {
  return static_cast<int>(std::count_if(groups.begin(), groups.end(), [devices](device_mask group) {
    return (group & devices) != 0;
  }));
}

int left_behind(const std::vector<device_mask>& groups, device_mask free, device_mask devices) {
  int left = 0;
  for (const device_mask group : groups) {
    if ((group & devices) != 0) {
      left += count(group & free & ~devices);
    }
  }
  return left;
}

/// What the topology wishes ask for, in the order of choice_cost.
std::array<int, 4> closeness_cost(const device_choice_problem& problem, device_mask devices) {
  const auto& shape = problem.shape;
  const auto& wishes = problem.wishes;
  constexpr auto none = model::wish::none;
  return {wishes.fabric == none ? 0 : touched(shape.fabrics, devices),
          wishes.numa == none ? 0 : touched(shape.nodes, devices),
          wishes.pcie_root == none ? 0 : touched(shape.roots, devices),
          wishes.pcie_switch == none ? 0 : touched(shape.switches, devices)};
}

int partitions_broken(const host_shape& shape, device_mask free, device_mask devices) {
  int broken = 0;
  for (const auto& fabric : shape.partitioned) {
    for (const device_mask partition : fabric.partitions) {
      broken += includes(free, partition) && (partition & devices) != 0 ? 1 : 0;
    }
  }
  return broken;
}

device_mask partitioned_devices(const host_shape& shape) {
  device_mask all = 0;
  for (const auto& fabric : shape.partitioned) {
    all |= fabric.devices;
  }
  return all;
}

/// Devices that are taken together, or as many as wanted from the lowest up.
struct atom {
  device_mask devices = 0;
  bool whole = false;
};

/// Depth-first over atoms, most devices of the lowest atom first, cutting what cannot win.
class search {
public:
  search(const device_choice_problem& problem, strictness how)
      : problem_(problem), how_(how), partitioned_(partitioned_devices(problem.shape)) {
    for (const auto& wish : problem.wanted) {
      matching_ |= wish.matching;
      needed_ += wish.count;
    }
    candidates_ = problem.free & matching_ & ~problem.named;
  }

  std::optional<device_choice> run() {
    if (count(candidates_) < needed_) {
      return std::nullopt;
    }
    make_atoms();
    choose_partitions(0, 0);
    return best_;
  }

private:
  /// Interchangeable devices make one atom, each allocation unit another.
  void make_atoms() {
    device_mask left = candidates_ & ~partitioned_;
    for (const device_mask unit : problem_.shape.units) {
      const device_mask rest = unit & ~problem_.named & ~partitioned_;
      if (rest != 0 && includes(problem_.free, unit) && includes(candidates_, rest)) {
        atoms_.push_back({rest, true});
      }
      left &= ~unit; // a unit that is not wholly free is out of reach
    }
    for (; left != 0; left &= ~atoms_.back().devices) {
      const device_mask like_first = interchangeable(lowest(left)) & left;
      atoms_.push_back({like_first, false});
    }
    std::sort(atoms_.begin(), atoms_.end(),
              [](const atom& a, const atom& b) { return lowest(a.devices) < lowest(b.devices); });
    reach_.assign(atoms_.size() + 1, 0);
    for (std::size_t i = atoms_.size(); i-- > 0;) {
      reach_[i] = reach_[i + 1] + count(atoms_[i].devices);
    }
  }

  /// Devices that sit in the same places as this one and serve the same wishes.
  [[nodiscard]] device_mask interchangeable(std::size_t position) const {
    const device_mask self = device_bit(position);
    device_mask same = ~device_mask{0};
    const auto narrow = [&same, self](const std::vector<device_mask>& groups) {
      for (const device_mask group : groups) {
        same &= (group & self) != 0 ? group : ~group;
      }
    };
    narrow(problem_.shape.nodes);
    narrow(problem_.shape.roots);
    narrow(problem_.shape.switches);
    narrow(problem_.shape.fabrics);
    for (const auto& wish : problem_.wanted) {
      same &= (wish.matching & self) != 0 ? wish.matching : ~wish.matching;
    }
    return same;
  }

  /// For every partitioned fabric: nothing of it, or one of its partitions that is wholly free.
  void choose_partitions(std::size_t fabric, device_mask taken) {
    if (fabric == problem_.shape.partitioned.size()) {
      choose_atoms(0, taken);
      return;
    }
    for (const device_mask partition : problem_.shape.partitioned[fabric].partitions) {
      if (includes(candidates_, partition) && count(taken | partition) <= needed_) {
        choose_partitions(fabric + 1, taken | partition);
      }
    }
    choose_partitions(fabric + 1, taken);
  }

  void choose_atoms(std::size_t next, device_mask taken) {
    const int missing = needed_ - count(taken);
    if (++steps_ > steps_max || missing > reach_[next] || cannot_win(taken)) {
      return;
    }
    if (missing == 0) {
      consider(taken);
      return;
    }
    const atom& here = atoms_[next];
    const int size = count(here.devices);
    if (here.whole) {
      if (size <= missing) {
        choose_atoms(next + 1, taken | here.devices);
      }
      choose_atoms(next + 1, taken);
      return;
    }
    for (int wanted = std::min(size, missing); wanted >= 0; --wanted) {
      choose_atoms(next + 1, taken | lowest_of(here.devices, wanted));
    }
  }

  /// True if adding devices to this set can only be worse than the best, or breaks a requirement.
  [[nodiscard]] bool cannot_win(device_mask taken) const {
    const device_mask all = taken | problem_.named;
    if (how_ == strictness::topology &&
        !meets_required_topology(problem_.shape, all, problem_.wishes)) {
      return true;
    }
    if (!best_) {
      return false;
    }
    const auto cost = closeness_cost(problem_, all);
    return std::lexicographical_compare(best_->cost.begin(), best_->cost.begin() + cost.size(),
                                        cost.begin(), cost.end());
  }

  void consider(device_mask taken) {
    const device_mask all = taken | problem_.named;
    if (!keeps_units_whole(problem_.shape, all) ||
        (problem_.wanted.size() > 1 && !distribute(taken, problem_.wanted))) {
      return;
    }
    const device_choice found{all, cost_of(problem_, all)};
    if (!best_ || found.cost < best_->cost ||
        (found.cost == best_->cost && comes_before(found.devices, best_->devices))) {
      best_ = found;
    }
  }

  const device_choice_problem& problem_;
  strictness how_;
  device_mask partitioned_;
  device_mask matching_ = 0;
  device_mask candidates_ = 0;
  int needed_ = 0;
  int steps_ = 0;
  std::vector<atom> atoms_;
  std::vector<int> reach_; ///< devices in this atom and all after it
  std::optional<device_choice> best_;
};

/// One device, nothing to keep whole: the commonest case, without a search.
std::optional<device_choice> choose_one(const device_choice_problem& problem) {
  std::optional<device_choice> best;
  for_each(problem.free & problem.wanted.front().matching, [&](std::size_t position) {
    const device_mask device = device_bit(position);
    const choice_cost cost = cost_of(problem, device);
    if (!best || cost < best->cost) {
      best = {device, cost};
    }
  });
  return best;
}

bool is_shared(const std::vector<device_mask>& groups, device_mask devices) {
  return std::any_of(groups.begin(), groups.end(),
                     [devices](device_mask group) { return includes(group, devices); });
}

} // namespace

bool keeps_units_whole(const host_shape& shape, device_mask devices) {
  return std::all_of(shape.units.begin(), shape.units.end(), [devices](device_mask unit) {
    return (unit & devices) == 0 || includes(devices, unit);
  });
}

bool keeps_partitions(const host_shape& shape, device_mask described) {
  return std::all_of(
      shape.partitioned.begin(), shape.partitioned.end(), [described](const auto& fabric) {
        const device_mask part = fabric.devices & described;
        return part == 0 || std::find(fabric.partitions.begin(), fabric.partitions.end(), part) !=
                                fabric.partitions.end();
      });
}

bool meets_required_topology(const host_shape& shape, device_mask devices,
                             const model::topology_wishes& wishes) {
  constexpr auto require = model::wish::require;
  return devices == 0 || ((wishes.numa != require || is_shared(shape.nodes, devices)) &&
                          (wishes.pcie_root != require || is_shared(shape.roots, devices)) &&
                          (wishes.pcie_switch != require || is_shared(shape.switches, devices)) &&
                          (wishes.fabric != require || is_shared(shape.fabrics, devices)));
}

choice_cost cost_of(const device_choice_problem& problem, device_mask devices) {
  const auto& shape = problem.shape;
  const auto close = closeness_cost(problem, devices);
  return {close[0],
          close[1],
          close[2],
          close[3],
          partitions_broken(shape, problem.free, devices),
          left_behind(shape.nodes, problem.free, devices),
          left_behind(shape.roots, problem.free, devices),
          left_behind(shape.switches, problem.free, devices)};
}

std::optional<std::vector<device_mask>> distribute(device_mask devices,
                                                   std::span<const wanted_devices> wanted) {
  // Augmenting paths: each seat of a wish takes the lowest device it can, moving others if needed.
  std::vector<std::size_t> seats;
  for (std::size_t wish = 0; wish < wanted.size(); ++wish) {
    seats.insert(seats.end(), static_cast<std::size_t>(wanted[wish].count), wish);
  }
  constexpr std::size_t nobody = ~std::size_t{0};
  std::array<std::size_t, device_slots_max> holder{};
  holder.fill(nobody);
  device_mask tried = 0;
  const auto seat_at = [&](auto&& self, std::size_t seat) -> bool {
    bool seated = false;
    for (device_mask left = devices & wanted[seats[seat]].matching & ~tried; left != 0 && !seated;
         left = devices & wanted[seats[seat]].matching & ~tried) {
      const std::size_t device = lowest(left);
      tried |= device_bit(device);
      if (holder[device] == nobody || self(self, holder[device])) {
        holder[device] = seat;
        seated = true;
      }
    }
    return seated;
  };
  for (std::size_t seat = 0; seat < seats.size(); ++seat) {
    tried = 0;
    if (!seat_at(seat_at, seat)) {
      return std::nullopt;
    }
  }
  std::vector<device_mask> shares(wanted.size());
  for_each(devices, [&](std::size_t device) {
    if (holder[device] != nobody) {
      shares[seats[holder[device]]] |= device_bit(device);
    }
  });
  return shares;
}

std::optional<device_choice> choose_devices(const device_choice_problem& problem, strictness how) {
  if (!includes(problem.free, problem.named)) {
    return std::nullopt;
  }
  if (how == strictness::counts) {
    const auto shares = distribute(problem.free & ~problem.named, problem.wanted);
    if (!shares) {
      return std::nullopt;
    }
    return device_choice{
        std::accumulate(shares->begin(), shares->end(), problem.named,
                        [](device_mask all, device_mask share) { return all | share; }),
        {}};
  }
  const bool plain = problem.shape.units.empty() && problem.shape.partitioned.empty();
  if (plain && problem.named == 0 && problem.wanted.size() == 1 &&
      problem.wanted.front().count == 1) {
    return choose_one(problem);
  }
  return search{problem, how}.run();
}

} // namespace berth::scheduler
