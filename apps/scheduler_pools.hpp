#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "model/failure.hpp"

namespace berth::apps {

struct scheduler_pool {
  std::string policy;
  std::int64_t schedulers = 1; ///< 1..64

  friend bool operator==(const scheduler_pool&, const scheduler_pool&) = default;
};

/// Understands the key scheduler.pools: `ml=spread:4,batch=best-fit`, by project. A count that is
/// left out is 1.
[[nodiscard]] model::result<std::map<std::string, scheduler_pool, std::less<>>>
parse_pools(std::string_view text);

} // namespace berth::apps
