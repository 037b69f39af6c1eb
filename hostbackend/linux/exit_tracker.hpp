#pragma once

#include <set>
#include <vector>

#include "model/ids.hpp"

namespace berth::hostbackend::host_linux {

/// Tells which ends of servers nobody asked for. Fed with libvirt's events in their order and with
/// what a listing shows; pure, and not guarded.
class exit_tracker {
public:
  /// The server is one of ours; events of other domains are nobody's business.
  void ours(const model::server_id& server);
  void forget(const model::server_id& server);
  [[nodiscard]] bool is_ours(const model::server_id& server) const;

  void started(const model::server_id& server);
  /// From now on its end is asked for, until it starts anew.
  void stopping(const model::server_id& server);
  /// It was not stopped after all.
  void not_stopping(const model::server_id& server);
  /// True if nobody asked for it.
  [[nodiscard]] bool stopped(const model::server_id& server);
  /// After a time without events: exactly these run. Gives those whose end was missed and not asked
  /// for, ascending.
  [[nodiscard]] std::vector<model::server_id> observed(std::set<model::server_id> running);

private:
  std::set<model::server_id> ours_;
  std::set<model::server_id> running_;
  std::set<model::server_id> stopping_;
};

} // namespace berth::hostbackend::host_linux
