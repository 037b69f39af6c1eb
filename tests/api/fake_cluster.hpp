#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/cluster_port.hpp"
#include "api/router.hpp"
#include "model/command.hpp"

namespace berth::api::testing {

/// A cluster that answers from fixed values, at once, and remembers what it was asked.
class fake_cluster final : public cluster_port {
public:
  void command(model::command what, reply_handler done) override;
  void query(model::query what, answer_handler done) override;
  void
  claim_key(std::string key, std::uint64_t fingerprint,
            std::function<void(model::result<std::optional<remembered_answer>>)> done) override;
  void remember_key(std::string key, std::uint64_t fingerprint, remembered_answer answer,
                    std::function<void(model::result<void>)> done) override;
  void forget_key(std::string key) override { keys.erase(key); }
  void events(model::sequence_number from, std::size_t limit,
              std::function<void(model::result<std::vector<model::log_record>>)> done) override;
  [[nodiscard]] std::shared_ptr<void> on_new_events(std::function<void()> wake) override;
  [[nodiscard]] bool ready() const override { return is_ready; }

  /// Set: every command, query and read of events is refused with it.
  std::optional<model::failure> refuse;
  bool refuse_to_place = false; ///< create_servers keeps or refuses servers that fit nowhere
  bool is_ready = true;
  std::vector<model::command> commands;
  std::vector<model::query> queries;
  std::vector<model::log_record> log;
  model::sequence_number oldest = 1;
  std::vector<std::weak_ptr<std::function<void()>>> listeners;
  struct kept {
    std::uint64_t fingerprint;
    std::optional<remembered_answer> answer;
  };
  std::map<std::string, kept> keys;

  void append(model::event what);
};

/// A byte stream that keeps what it gets.
class memory_stream final : public byte_stream {
public:
  bool write(std::string_view bytes) override;
  void close() override { closed = true; }
  [[nodiscard]] std::size_t queued_bytes() const override { return queued; }
  void on_closed(std::function<void()> gone) override { gone_ = std::move(gone); }
  /// As if the client went away.
  void disconnect();

  std::string text;
  bool closed = false;
  bool broken = false;
  std::size_t queued = 0;

private:
  std::function<void()> gone_;
};

// The values that the fake answers with.
[[nodiscard]] model::host_row sample_host();
[[nodiscard]] model::device_row sample_device(bool owned);
[[nodiscard]] model::server_row sample_server();
[[nodiscard]] model::refusal sample_refusal();
[[nodiscard]] model::timestamp sample_time();

/// A router over a fake cluster, and one synchronous call of it.
struct bench {
  explicit bench(authenticator auth = authenticator::open());
  response call(request req);
  response call(std::string method, std::string target, std::string body = {});

  fake_cluster cluster;
  metrics::registry live{metrics::process::controller};
  metrics::snapshot_slot snapshot;
  router under_test;
};

/// Splits `?a=b&c=d` off a target; no percent-decoding.
[[nodiscard]] request make_request(std::string method, std::string target, std::string body = {});

} // namespace berth::api::testing
