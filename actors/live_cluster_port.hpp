#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "actors/admission.hpp"
#include "actors/cluster_door.hpp"
#include "actors/event_feed.hpp"
#include "actors/log_archive.hpp"
#include "api/cluster_port.hpp"

namespace berth::actors {

/// Bounds of what the API may have under way in the cluster.
struct port_limits {
  std::int64_t commands_max = 16'384; ///< a batch of 1,000 servers counts as 16
  std::int64_t queries_max = 16'384;
};

/// The API's way to the live cluster. Every call ends at once: with errc::busy at the door, or with
/// work left in the cluster's inbox. Thread-safe.
class live_cluster_port final : public api::cluster_port {
public:
  struct parts {
    std::shared_ptr<cluster_door> door;
    std::shared_ptr<event_feed> feed;
    std::shared_ptr<log_archive> older; ///< reads what the feed has no more; null: gone
    std::shared_ptr<std::atomic<bool>> ready;
  };
  live_cluster_port(parts with, port_limits limits);

  void command(model::command what, reply_handler done) override;
  void query(model::query what, answer_handler done) override;
  void claim_key(std::string key, std::uint64_t fingerprint, claim_handler done) override;
  void remember_key(std::string key, std::uint64_t fingerprint, api::remembered_answer answer,
                    remember_handler done) override;
  void forget_key(std::string key) override;
  void events(model::sequence_number from, std::size_t limit,
              std::function<void(model::result<std::vector<model::log_record>>)> done) override;
  [[nodiscard]] std::shared_ptr<void> on_new_events(std::function<void()> wake) override;
  [[nodiscard]] bool ready() const override;

  [[nodiscard]] const gate& commands() const { return commands_; }
  [[nodiscard]] const gate& queries() const { return queries_; }

private:
  parts parts_;
  gate commands_;
  gate queries_;
};

} // namespace berth::actors
