#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "model/time.hpp"

namespace berth::sim {

/// Is told of every decision of a run, in the order in which they are made. Arrivals are numbered
/// in the order of the demand, hosts in the order in which they came (group by group), devices in
/// the order of their host's machine; all from 0. What it is handed is valid during the call.
class observer {
public:
  virtual ~observer() = default;

  /// The server that arrived has its place. One that stands from the start has a number from 2^40
  /// on.
  virtual void placed(model::duration now, std::uint64_t arrival, std::uint32_t host,
                      std::span<const std::uint32_t> devices) = 0;
  /// The server fits nowhere, and waits no longer; `rule` decided it.
  virtual void refused(model::duration now, std::uint64_t arrival, std::string_view rule) = 0;
  /// The server's time was over; it had a place.
  virtual void ended(model::duration now, std::uint64_t arrival) = 0;
  /// The server went down with its host or one of its devices; it had a place.
  virtual void failed(model::duration now, std::uint64_t arrival) = 0;
};

} // namespace berth::sim
