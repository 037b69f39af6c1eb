#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "model/event.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::sim {

/// How requests are planned in a leadership, as far as the log tells.
struct planning {
  scheduler::options how;       ///< the default policy where `known` is false
  std::uint32_t schedulers = 0; ///< that planned side by side; 0 = not known
  bool known = false;           ///< the log names the policy, and this program has it
};

/// The planning in force, by project.
class policies {
public:
  void begin(const model::controller_started& leadership);
  /// The pool that plans a project's requests: its name, or empty for the common one.
  [[nodiscard]] std::string pool_of(const std::string& project) const;
  [[nodiscard]] const planning& of_pool(const std::string& pool) const;
  [[nodiscard]] const planning& of(const std::string& project) const {
    return of_pool(pool_of(project));
  }
  /// By project; the common one is not among them.
  [[nodiscard]] const std::map<std::string, planning>& pools() const { return pools_; }

private:
  planning common_;
  std::map<std::string, planning> pools_;
};

} // namespace berth::sim
