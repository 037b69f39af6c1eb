#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "model/ids.hpp"
#include "scheduler/number_table.hpp"

namespace berth::scheduler {

/// What servers take, by server: allocations stay in one array, found through a number_table.
template <class Allocation> class allocation_table {
public:
  /// nullptr = unknown. Good until the next change.
  [[nodiscard]] Allocation* find(const model::server_id& server) {
    const auto number = numbers_.find(server, has(server));
    return number == number_table::none ? nullptr : &entries_[number].what;
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
    entries_[number] = {server, what};
    numbers_.put(server, number, has(server));
  }
  /// Takes it out; nullopt = unknown.
  std::optional<Allocation> take(const model::server_id& server) {
    const auto number = numbers_.find(server, has(server));
    if (number == number_table::none) {
      return std::nullopt;
    }
    numbers_.erase(server, has(server));
    unused_.push_back(number);
    entries_[number].server = {};
    return entries_[number].what;
  }
  /// Calls `visit(server, allocation)` for each, in an order that means nothing.
  template <class Visit> void for_each(Visit visit) {
    for (auto& each : entries_) {
      if (!each.server.is_nil()) {
        visit(std::as_const(each.server), each.what);
      }
    }
  }
  template <class Visit> void for_each(Visit visit) const {
    for (const auto& each : entries_) {
      if (!each.server.is_nil()) {
        visit(each.server, each.what);
      }
    }
  }

private:
  struct entry {
    model::server_id server; ///< nil: unused
    Allocation what;
  };

  [[nodiscard]] auto has(const model::server_id& server) const {
    return [this, &server](std::uint32_t number) { return entries_[number].server == server; };
  }

  number_table numbers_;
  std::vector<entry> entries_;
  std::vector<std::uint32_t> unused_;
};

} // namespace berth::scheduler
