#include "scheduler/host_groups.hpp"

#include <algorithm>
#include <tuple>

namespace berth::scheduler {

namespace {

bool comes_first(const cell_levels& a, const cell_levels& b) {
  return std::tie(a.cpus, a.memory) < std::tie(b.cpus, b.memory);
}

auto place_of(std::vector<host_cell>& cells, const cell_levels& levels) {
  return std::lower_bound(cells.begin(), cells.end(), levels,
                          [](const host_cell& cell, const cell_levels& wanted) {
                            return comes_first(cell.levels, wanted);
                          });
}

} // namespace

const listed_host& host_group::lowest() const {
  const auto found =
      std::min_element(cells.begin(), cells.end(), [](const host_cell& a, const host_cell& b) {
        return a.hosts->front().id < b.hosts->front().id;
      });
  return found->hosts->front();
}

void group_set::insert(group_number group) {
  if (group / 64 >= words_.size()) {
    words_.resize(group / 64 + 1);
  }
  words_[group / 64] |= std::uint64_t{1} << (group % 64);
}

void group_set::erase(group_number group) {
  if (group / 64 < words_.size()) {
    words_[group / 64] &= ~(std::uint64_t{1} << (group % 64));
  }
}

std::size_t group_table::key_hash::operator()(const group_key& key) const noexcept {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const auto mix = [&hash](std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 29U;
  };
  mix(static_cast<std::uint64_t>(key.free));
  mix(static_cast<std::uint64_t>(key.free >> 64U));
  mix((std::uint64_t{key.shape} << 32U) | key.tags);
  mix(static_cast<std::uint64_t>(key.steps.cpus) << 32U ^
      static_cast<std::uint64_t>(key.steps.memory_mib));
  mix(static_cast<std::uint64_t>(key.stay.until) * 8U +
      static_cast<std::uint64_t>(key.stay.servers));
  mix((key.has_gpus ? 2U : 0U) | (key.any_free ? 1U : 0U));
  return static_cast<std::size_t>(hash);
}

group_number group_table::number_of(const group_key& key) {
  const auto [found, is_new] = numbers_.try_emplace(key, static_cast<group_number>(groups_.size()));
  if (is_new) {
    auto& made = groups_.emplace_back();
    made.key = key;
    made.free_devices = count(key.free);
  }
  return found->second;
}

std::unique_ptr<host_set> group_table::empty_set() {
  if (spare_.empty()) {
    return std::make_unique<host_set>();
  }
  auto set = std::move(spare_.back());
  spare_.pop_back();
  return set;
}

group_place group_table::put(const group_place& was, const group_key& key,
                             const listed_host& host) {
  const bool stays = was.group != group_place::nowhere && groups_[was.group].key == key;
  const group_place now{stays ? was.group : number_of(key), levels_of(host.free, key.steps)};
  auto& group = groups_[now.group];
  if (now == was) {
    place_of(group.cells, now.levels)->hosts->update(host);
    return now;
  }
  if (was.group != group_place::nowhere) {
    take_out(was, host.id);
  }
  auto cell = place_of(group.cells, now.levels);
  if (cell == group.cells.end() || !(cell->levels == now.levels)) {
    cell = group.cells.insert(cell, {now.levels, empty_set()});
  }
  cell->hosts->insert(host);
  ++group.changes;
  if (++group.hosts == 1) {
    ++filled_;
    changed_.push_back(now.group);
  }
  return now;
}

void group_table::take_out(const group_place& was, const model::host_id& id) {
  auto& group = groups_[was.group];
  const auto cell = place_of(group.cells, was.levels);
  cell->hosts->erase(id);
  ++group.changes;
  if (cell->hosts->empty()) {
    spare_.push_back(std::move(cell->hosts));
    group.cells.erase(cell);
  }
  if (--group.hosts == 0) {
    --filled_;
    changed_.push_back(was.group);
  }
}

} // namespace berth::scheduler
