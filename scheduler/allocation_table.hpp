#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "model/ids.hpp"
#include "scheduler/id_table.hpp"

namespace berth::scheduler {

/// What servers take, by server: allocations stay in one array, found through an id_table.
template <class Allocation> class allocation_table {
public:
  /// nullptr = unknown. Good until the next change.
  [[nodiscard]] Allocation* find(const model::server_id& server) {
    const auto* number = numbers_.find(server);
    return number == nullptr ? nullptr : &entries_[*number].what;
  }
  /// The server must not be there.
  void add(const model::server_id& server, const Allocation& what) {
    auto number = static_cast<std::uint32_t>(entries_.size());
    if (unused_.empty()) {
      entries_.emplace_back();
    } else {
      number = unused_.back();
      unused_.pop_back();
    }
    entries_[number] = {true, server, what};
    numbers_.put(server, number);
  }
  /// Takes it out; nullopt = unknown.
  std::optional<Allocation> take(const model::server_id& server) {
    const auto* const found = numbers_.find(server);
    if (found == nullptr) {
      return std::nullopt;
    }
    const auto number = *found;
    numbers_.erase(server);
    unused_.push_back(number);
    entries_[number].used = false;
    return entries_[number].what;
  }
  /// Calls `visit(server, allocation)` for each, in an order that means nothing.
  template <class Visit> void for_each(Visit visit) {
    for (auto& each : entries_) {
      if (each.used) {
        visit(std::as_const(each.server), each.what);
      }
    }
  }
  template <class Visit> void for_each(Visit visit) const {
    for (const auto& each : entries_) {
      if (each.used) {
        visit(each.server, each.what);
      }
    }
  }

private:
  struct entry {
    bool used = false;
    model::server_id server;
    Allocation what;
  };
  id_table<model::server_id, std::uint32_t> numbers_;
  std::vector<entry> entries_;
  std::vector<std::uint32_t> unused_;
};

} // namespace berth::scheduler
