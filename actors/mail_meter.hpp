#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <vector>

#include "metrics/registry.hpp"
#include "model/time.hpp"

namespace berth::actors {

/// Measures how much mail waits for one kind of actor, and for how long. A default-made one
/// measures nothing. Thread-safe.
class mail_meter {
public:
  mail_meter() = default;
  /// `live` outlives it; `actor` is the value of the label. `clock` is asked on any thread.
  mail_meter(metrics::registry& live, std::string_view actor,
             std::function<model::timestamp()> clock);

  [[nodiscard]] bool measures() const { return static_cast<bool>(clock_); }
  /// One more waits; gives when it came, for taken().
  [[nodiscard]] model::timestamp came() const;
  void taken(const std::vector<model::timestamp>& arrivals) const;
  /// Mail that nobody will read.
  void lost(std::size_t count) const;

private:
  std::function<model::timestamp()> clock_;
  metrics::gauge waiting_;
  metrics::histogram wait_;
};

} // namespace berth::actors
