#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/command.hpp"
#include "model/event.hpp"
#include "model/failure.hpp"
#include "model/time.hpp"

namespace berth::api {

/// The answer that was given to an Idempotency-Key before.
struct remembered_answer {
  std::uint16_t http_status = 0;
  std::string body;
};

/// How the API reaches the cluster. Implemented by actors/ (a live cluster) and by tests.
/// Every callback is called exactly once, on any thread. None of the calls blocks.
class cluster_port {
public:
  using reply_handler = std::function<void(model::result<model::reply>)>;
  using answer_handler = std::function<void(model::result<model::answer>)>;
  virtual ~cluster_port() = default;

  /// Answered when the change is durable. Fails with errc::busy when too many requests are in
  /// flight.
  virtual void command(model::command what, reply_handler done) = 0;
  virtual void query(model::query what, answer_handler done) = 0;

  /// Claims an Idempotency-Key. The handler gets the remembered answer (same fingerprint), or
  /// nullopt: the caller goes on and must call `remember` or `forget`; or
  /// errc::idempotency_conflict (another fingerprint), or errc::busy (the same key is being worked
  /// on).
  virtual void
  claim_key(std::string key, std::uint64_t fingerprint,
            std::function<void(model::result<std::optional<remembered_answer>>)> done) = 0;
  /// Makes the answer durable, then calls done.
  virtual void remember_key(std::string key, std::uint64_t fingerprint, remembered_answer answer,
                            std::function<void(model::result<void>)> done) = 0;
  virtual void forget_key(std::string key) = 0;

  /// Durable events from sequence number `from` on, at most `limit`; errc::gone if compacted away.
  /// Empty when there are none yet: then `on_new_events` tells when to ask again.
  virtual void events(model::sequence_number from, std::size_t limit,
                      std::function<void(model::result<std::vector<model::log_record>>)> done) = 0;
  /// Calls `wake` (from any thread, cheaply) after new events became durable, until the returned
  /// handle dies.
  [[nodiscard]] virtual std::shared_ptr<void> on_new_events(std::function<void()> wake) = 0;

  /// True when the state is loaded and the store is writable.
  [[nodiscard]] virtual bool ready() const = 0;
};

} // namespace berth::api
