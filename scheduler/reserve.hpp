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
  model::resources capacity; ///< with overcommit
  model::resources ordinary; ///< for servers without devices; negative when overdrawn
  model::resources gpu;      ///< for servers with devices
};

struct load {
  model::resources used;            ///< by all servers
  model::resources used_by_holders; ///< by those that hold any device
  model::resources gpu_reserve;     ///< R: over all GPUs, attached or not
};

[[nodiscard]] free_amounts free_of(const model::host_record& host, const load& load);

} // namespace berth::scheduler
