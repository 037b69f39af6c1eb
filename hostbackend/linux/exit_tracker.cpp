#include "hostbackend/linux/exit_tracker.hpp"

#include <utility>

namespace berth::hostbackend::host_linux {

void exit_tracker::ours(const model::server_id& server) {
  ours_.insert(server);
}

void exit_tracker::forget(const model::server_id& server) {
  ours_.erase(server);
  running_.erase(server);
  stopping_.erase(server);
}

bool exit_tracker::is_ours(const model::server_id& server) const {
  return ours_.contains(server);
}

void exit_tracker::started(const model::server_id& server) {
  if (!is_ours(server))
    return;
  running_.insert(server);
  stopping_.erase(server);
}

void exit_tracker::stopping(const model::server_id& server) {
  stopping_.insert(server);
}

void exit_tracker::not_stopping(const model::server_id& server) {
  stopping_.erase(server);
}

bool exit_tracker::stopped(const model::server_id& server) {
  return running_.erase(server) > 0 && !stopping_.contains(server);
}

std::vector<model::server_id> exit_tracker::observed(std::set<model::server_id> running) {
  std::vector<model::server_id> ended;
  for (const auto& server : running_)
    if (!running.contains(server) && !stopping_.contains(server))
      ended.push_back(server);
  ours_.insert(running.begin(), running.end());
  running_ = std::move(running);
  return ended;
}

} // namespace berth::hostbackend::host_linux
