#include "bench/packing_games/games.hpp"

#include <algorithm>
#include <array>
#include <queue>
#include <utility>

namespace berth::packing {

namespace {

constexpr int eight = 8;

double percent(double part, double whole) {
  return whole > 0 ? 100 * part / whole : 0;
}

struct departure {
  double at = 0;
  std::size_t who = 0;
  seat where;

  friend bool operator>(const departure& a, const departure& b) {
    return a.at != b.at ? a.at > b.at : a.who > b.who;
  }
};
using departures = std::priority_queue<departure, std::vector<departure>, std::greater<>>;

/// What was asked for and refused.
class tally {
public:
  void ask(int gpus) {
    gpus_ += gpus;
    eights_ += gpus == eight ? 1 : 0;
  }
  void refuse(int gpus) {
    refused_gpus_ += gpus;
    refused_eights_ += gpus == eight ? 1 : 0;
  }
  [[nodiscard]] refused shares() const {
    return {percent(refused_gpus_, gpus_), percent(refused_eights_, eights_)};
  }

private:
  double gpus_ = 0;
  double eights_ = 0;
  double refused_gpus_ = 0;
  double refused_eights_ = 0;
};

/// True if every stay found a host.
bool holds_all(const std::vector<stay>& stays, packer& player) {
  departures gone;
  for (std::size_t i = 0; i < stays.size(); ++i) {
    const auto& each = stays[i];
    while (!gone.empty() && gone.top().at <= each.arrives) {
      player.leave(gone.top().where, stays[gone.top().who].wants);
      gone.pop();
    }
    const auto where = player.place(each.wants, each.arrives, std::nullopt);
    if (!where) {
      return false;
    }
    gone.push({each.leaves, i, *where});
  }
  return true;
}

using counts = std::array<std::int64_t, eight + 1>; ///< servers there, by GPUs

/// How far a filling is.
struct progress {
  std::int64_t arrived = 0; ///< GPUs that were asked for
  std::int64_t given = 0;
  bool placed = false; ///< the latest
};

template <class After>
void fill(const std::vector<demand>& arrivals, packer& player, After after_each) {
  progress so_far;
  for (const auto& wanted : arrivals) {
    so_far.arrived += wanted.gpus;
    so_far.placed = player.place(wanted, 0, std::nullopt).has_value();
    so_far.given += so_far.placed ? wanted.gpus : 0;
    after_each(so_far);
  }
}

/// Whatever else: each host has eight GPUs, and two servers of more than half of that cannot share.
std::int64_t least_hosts(const counts& there) {
  std::int64_t gpus = 0;
  std::int64_t more_than_half = 0;
  for (int size = 1; size <= eight; ++size) {
    gpus += size * there[static_cast<std::size_t>(size)];
    more_than_half += size > eight / 2 ? there[static_cast<std::size_t>(size)] : 0;
  }
  // A half fits beside another half, but beside nothing larger.
  const std::int64_t halves = (there[eight / 2] + 1) / 2;
  return std::max((gpus + eight - 1) / eight, more_than_half + halves);
}

} // namespace

unallocated play_filling(const std::vector<machine>& hosts, const std::vector<demand>& arrivals,
                         packer& player) {
  const std::int64_t all = gpus_of(hosts);
  const auto left = [all](std::int64_t given) {
    return percent(static_cast<double>(all - given), static_cast<double>(all));
  };
  unallocated result;
  bool refused_any = false;
  bool full_asked = false;
  fill(arrivals, player, [&](const progress& now) {
    if (!now.placed && !refused_any) {
      refused_any = true;
      result.at_first_refusal = left(now.given);
    }
    if (!full_asked && now.arrived >= all) {
      full_asked = true;
      result.at_100 = left(now.given);
    }
    result.at_130 = left(now.given);
  });
  return result;
}

std::vector<double> allocated_at(const std::vector<int>& marks, const std::vector<machine>& hosts,
                                 const std::vector<demand>& arrivals, packer& player) {
  const std::int64_t all = gpus_of(hosts);
  std::vector<double> given;
  double latest = 0;
  fill(arrivals, player, [&](const progress& now) {
    latest = percent(static_cast<double>(now.given), static_cast<double>(all));
    while (given.size() < marks.size() && now.arrived * 100 >= marks[given.size()] * all) {
      given.push_back(latest);
    }
  });
  given.resize(marks.size(), latest);
  return given;
}

refused play_churn(const std::vector<stay>& stays, packer& player, bool hints) {
  departures gone;
  tally counted;
  for (std::size_t i = 0; i < stays.size(); ++i) {
    const auto& each = stays[i];
    while (!gone.empty() && gone.top().at <= each.arrives) {
      player.leave(gone.top().where, stays[gone.top().who].wants);
      gone.pop();
    }
    const auto where =
        player.place(each.wants, each.arrives, hints ? std::optional{each.leaves} : std::nullopt);
    if (where) {
      gone.push({each.leaves, i, *where});
    }
    if (i >= stays.size() / 2) {
      counted.ask(each.wants.gpus);
      if (!where) {
        counted.refuse(each.wants.gpus);
      }
    }
  }
  return counted.shares();
}

refused pooled_bound(const std::vector<stay>& stays, std::int64_t gpus) {
  departures gone;
  tally counted;
  std::int64_t free = gpus;
  for (std::size_t i = 0; i < stays.size(); ++i) {
    const auto& each = stays[i];
    while (!gone.empty() && gone.top().at <= each.arrives) {
      free += stays[gone.top().who].wants.gpus;
      gone.pop();
    }
    const bool fits = each.wants.gpus <= free;
    if (fits) {
      free -= each.wants.gpus;
      gone.push({each.leaves, i, {}});
    }
    if (i >= stays.size() / 2) {
      counted.ask(each.wants.gpus);
      if (!fits) {
        counted.refuse(each.wants.gpus);
      }
    }
  }
  return counted.shares();
}

std::size_t hosts_needed(const std::vector<stay>& stays, std::size_t at_least,
                         const player_of& make) {
  const auto enough = [&](std::size_t count) {
    return holds_all(stays, *make(hosts_of_eight(count)));
  };
  std::size_t low = std::max<std::size_t>(at_least, 1);
  if (enough(low)) {
    return low;
  }
  std::size_t step = std::max<std::size_t>(1, low / 500);
  std::size_t high = low + step;
  while (!enough(high)) {
    low = high;
    step *= 2;
    high += step;
  }
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    (enough(middle) ? high : low) = middle;
  }
  return high;
}

std::size_t hosts_bound(const std::vector<stay>& stays) {
  departures gone;
  counts there{};
  std::int64_t most = 0;
  for (std::size_t i = 0; i < stays.size(); ++i) {
    const auto& each = stays[i];
    while (!gone.empty() && gone.top().at <= each.arrives) {
      --there[static_cast<std::size_t>(stays[gone.top().who].wants.gpus)];
      gone.pop();
    }
    ++there[static_cast<std::size_t>(each.wants.gpus)];
    gone.push({each.leaves, i, {}});
    most = std::max(most, least_hosts(there));
  }
  return static_cast<std::size_t>(most);
}

std::vector<machine> hosts_of_eight(std::size_t count) {
  return std::vector<machine>(count, machine{eight, 1, 1, {}});
}

} // namespace berth::packing
