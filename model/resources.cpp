#include "model/resources.hpp"

#include <algorithm>

namespace berth::model {

resources min(const resources& a, const resources& b) {
  return {std::min(a.cpus, b.cpus), std::min(a.memory_mib, b.memory_mib),
          std::min(a.storage_mib, b.storage_mib)};
}

} // namespace berth::model
