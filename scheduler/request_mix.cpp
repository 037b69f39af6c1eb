#include "scheduler/request_mix.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace berth::scheduler {

namespace {

auto order_of(const model::device_selector& selector) {
  const auto number = selector.vendor_device ? std::int64_t{selector.vendor_device->vendor} << 16U |
                                                   selector.vendor_device->device
                                             : std::int64_t{-1};
  const auto type = selector.type ? static_cast<int>(*selector.type) : -1;
  return std::tuple{std::string_view{selector.model}, std::string_view{selector.vendor}, type,
                    number};
}

} // namespace

bool precedes(const flavour& a, const flavour& b) {
  const auto numbers = [](const flavour& of) {
    return std::tuple{of.count, of.cpus, of.memory_mib};
  };
  if (numbers(a) != numbers(b)) {
    return numbers(a) < numbers(b);
  }
  return std::lexicographical_compare(
      a.devices.begin(), a.devices.end(), b.devices.begin(), b.devices.end(),
      [](const auto& left, const auto& right) { return order_of(left) < order_of(right); });
}

std::size_t request_mix::key_hash::operator()(const flavour_view& key) const noexcept {
  // Flavours that differ in nothing but their selectors are few.
  auto hash = static_cast<std::uint64_t>(key.count);
  for (const std::int64_t part : {key.cpus, key.memory_mib}) {
    hash = (hash ^ static_cast<std::uint64_t>(part)) * 0x9e3779b97f4a7c15ULL;
    hash ^= hash >> 32U;
  }
  return static_cast<std::size_t>(hash);
}

bool request_mix::same_key::operator()(const flavour_view& a,
                                       const flavour_view& b) const noexcept {
  return a.count == b.count && a.cpus == b.cpus && a.memory_mib == b.memory_mib &&
         std::ranges::equal(a.devices, b.devices);
}

flavour_id request_mix::hold(const flavour_view& wanted) {
  const auto found = numbers_.find(wanted);
  if (found != numbers_.end()) {
    ++entries_[found->second].holders;
    return found->second;
  }
  auto number = static_cast<flavour_id>(entries_.size());
  if (unused_.empty()) {
    entries_.emplace_back();
  } else {
    number = unused_.back();
    unused_.pop_back();
  }
  flavour kept{
      {wanted.devices.begin(), wanted.devices.end()}, wanted.count, wanted.cpus, wanted.memory_mib};
  numbers_.emplace(kept, number);
  entries_[number] = {std::move(kept), 1, 0};
  return number;
}

void request_mix::drop(flavour_id which) {
  if (which == none || --entries_[which].holders > 0) {
    return;
  }
  numbers_.erase(entries_[which].wanted);
  entries_[which] = {};
  unused_.push_back(which);
}

void request_mix::count(flavour_id which, std::int64_t more) {
  if (which != none) {
    entries_[which].servers += more;
    ++changes_;
  }
}

std::vector<const request_mix::entry*> request_mix::greatest(std::size_t most) const {
  std::vector<const entry*> chosen;
  for (const auto& each : entries_) {
    if (each.servers > 0) {
      chosen.push_back(&each);
    }
  }
  const auto end = chosen.begin() + static_cast<std::ptrdiff_t>(std::min(most, chosen.size()));
  std::partial_sort(chosen.begin(), end, chosen.end(), [](const entry* a, const entry* b) {
    const auto held = [](const entry* of) { return of->servers * of->wanted.count; };
    return held(a) != held(b) ? held(a) > held(b) : precedes(a->wanted, b->wanted);
  });
  chosen.erase(end, chosen.end());
  return chosen;
}

} // namespace berth::scheduler
