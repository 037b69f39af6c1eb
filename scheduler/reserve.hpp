#pragma once

#include <cstdint>

#include "model/host.hpp"
#include "model/resources.hpp"

namespace berth::scheduler {

/// The reserve formula, CLOUDPODS.md section 2.2, per component and pooled per host:
///   U             = min(R, total of the servers that hold any device)
///   ordinary free = capacity * overcommit - used + U - R - host reserve
///   GPU free      = ordinary free + (R - U)
/// So a server with devices spends the reserve first and the common pool after; others never touch
/// the reserve. Storage has no overcommit.
struct free_amounts {
  model::resources ordinary; ///< for servers without devices; negative when overdrawn
  model::resources gpu;      ///< for servers with devices
};

struct load {
  model::resources used;            ///< by all servers
  model::resources used_by_holders; ///< by those that hold any device
  model::resources gpu_reserve;     ///< R: over all GPUs, attached or not
};

/// True if `wanted` fits into `free`. Where nothing is wanted nothing is missing, even if the host
/// is overdrawn there.
[[nodiscard]] inline bool has_room(std::int64_t wanted, std::int64_t free) {
  return wanted <= 0 || wanted <= free;
}
[[nodiscard]] inline bool has_room(const model::resources& wanted, const model::resources& free) {
  return has_room(wanted.cpus, free.cpus) && has_room(wanted.memory_mib, free.memory_mib) &&
         has_room(wanted.storage_mib, free.storage_mib);
}

/// Of a host's record: the same for as long as that does not change.
struct host_amounts {
  model::resources capacity; ///< with overcommit
  model::resources reserve;  ///< kept for the host itself
};
[[nodiscard]] host_amounts amounts_of(const model::host_record& host);

[[nodiscard]] free_amounts free_of(const host_amounts& host, const load& load);

} // namespace berth::scheduler
