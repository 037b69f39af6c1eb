#include "scheduler/host_set.hpp"

#include <algorithm>

namespace berth::scheduler {

namespace {

void widen(amount_bounds& bounds, const model::resources& most, const model::resources& least) {
  bounds.most = model::max(bounds.most, most);
  bounds.least = model::min(bounds.least, least);
}

auto place_of(std::vector<listed_host>& hosts, const model::host_id& id) {
  return std::lower_bound(
      hosts.begin(), hosts.end(), id,
      [](const listed_host& host, const model::host_id& wanted) { return host.id < wanted; });
}

} // namespace

const amount_bounds& host_set::bounds_of(const block& which) {
  if (which.stale) {
    const auto& first = which.hosts.front().free;
    which.bounds = {first, first};
    for (const auto& host : which.hosts) {
      widen(which.bounds, host.free, host.free);
    }
    which.stale = false;
  }
  return which.bounds;
}

const amount_bounds& host_set::bounds() const {
  if (stale_) {
    bounds_ = bounds_of(blocks_.front());
    for (const auto& each : blocks_) {
      const auto& part = bounds_of(each);
      widen(bounds_, part.most, part.least);
    }
    stale_ = false;
  }
  return bounds_;
}

std::size_t host_set::block_for(const model::host_id& id) const {
  const auto after = std::upper_bound(firsts_.begin(), firsts_.end(), id);
  return after == firsts_.begin() ? 0 : static_cast<std::size_t>(after - firsts_.begin()) - 1;
}

void host_set::touch(std::size_t which) {
  firsts_[which] = blocks_[which].hosts.front().id;
  blocks_[which].stale = true;
  stale_ = true;
}

void host_set::split(std::size_t which) {
  block upper;
  auto& hosts = blocks_[which].hosts;
  const auto middle = hosts.begin() + static_cast<std::ptrdiff_t>(hosts.size() / 2);
  upper.hosts.assign(middle, hosts.end());
  hosts.erase(middle, hosts.end());
  const auto next = static_cast<std::ptrdiff_t>(which) + 1;
  firsts_.insert(firsts_.begin() + next, upper.hosts.front().id);
  blocks_.insert(blocks_.begin() + next, std::move(upper));
}

void host_set::insert(const listed_host& host) {
  const std::size_t which = block_for(host.id);
  if (blocks_.empty()) {
    blocks_.emplace_back();
    firsts_.emplace_back();
  }
  auto& hosts = blocks_[which].hosts;
  hosts.insert(place_of(hosts, host.id), host);
  touch(which);
  ++size_;
  if (hosts.size() > block_size) {
    split(which);
  }
}

void host_set::erase(const model::host_id& id) {
  const std::size_t which = block_for(id);
  auto& hosts = blocks_[which].hosts;
  hosts.erase(place_of(hosts, id));
  if (--size_ == 0) { // the block stays, and so does its memory
    blocks_[which].bounds = {};
    blocks_[which].stale = false;
    return;
  }
  if (!hosts.empty()) {
    touch(which);
    return;
  }
  const auto gone = static_cast<std::ptrdiff_t>(which);
  blocks_.erase(blocks_.begin() + gone);
  firsts_.erase(firsts_.begin() + gone);
  stale_ = true;
}

void host_set::update(const listed_host& host) {
  const std::size_t which = block_for(host.id);
  *place_of(blocks_[which].hosts, host.id) = host;
  touch(which);
}

} // namespace berth::scheduler
