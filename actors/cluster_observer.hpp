#pragma once

#include <cstddef>

#include "control/cluster.hpp"
#include "model/failure.hpp"
#include "model/time.hpp"
#include "scheduler/capacity_watch.hpp"

namespace berth::actors {

/// Hears what metrics and logs want to know of the cluster. Called on the cluster's thread: quick,
/// no waiting, no throwing. The defaults do nothing.
class cluster_observer {
public:
  virtual ~cluster_observer() = default;
  virtual void noted(const control::note&) {}
  virtual void settled(const control::placement_settled&) {}
  /// One append returned; `records` of it became durable, or none with a failure.
  virtual void committed(std::size_t /*records*/, model::duration /*took*/,
                         const model::result<void>& /*outcome*/) {}
  /// A turn of the scheduler returned.
  virtual void planned(std::size_t /*plans*/, model::duration /*took*/) {}
  /// How much more fits, every few seconds: as the scheduler that was asked sees it.
  virtual void counted(const scheduler::capacity_report&) {}
  /// At most once per `snapshot_interval`, between two steps: the state, to copy figures from.
  virtual void looked(model::timestamp /*now*/, const control::cluster&) {}
};

} // namespace berth::actors
