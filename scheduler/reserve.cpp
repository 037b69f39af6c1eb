#include "scheduler/reserve.hpp"

namespace berth::scheduler {

namespace {

__extension__ typedef __int128 wide;

/// `amount` times `milli` / 1000, without overflow on the way.
std::int64_t scaled(std::int64_t amount, std::int32_t milli) {
  return static_cast<std::int64_t>(wide{amount} * milli / 1000);
}

} // namespace

host_amounts amounts_of(const model::host_record& host) {
  return {{scaled(host.capacity.cpus, host.cpu_overcommit_milli),
           scaled(host.capacity.memory_mib, host.memory_overcommit_milli),
           host.capacity.storage_mib},
          host.reserve};
}

free_amounts free_of(const host_amounts& host, const load& load) {
  free_amounts amounts;
  const model::resources reserve_used = model::min(load.gpu_reserve, load.used_by_holders);
  amounts.ordinary = host.capacity - load.used + reserve_used - load.gpu_reserve - host.reserve;
  amounts.gpu = amounts.ordinary + (load.gpu_reserve - reserve_used);
  return amounts;
}

} // namespace berth::scheduler
