#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/cluster_state.hpp"
#include "control/queue_keeper.hpp"
#include "control/waiting_queue.hpp"
#include "model/event.hpp"
#include "sim/replay/location.hpp"

namespace berth::sim {

/// What became of a server, as it happened and as it would have.
enum class fate : std::uint8_t {
  same,          ///< the same host and devices
  other_devices, ///< the same host, other devices of it
  elsewhere,     ///< another host
  only_happened, ///< it got a place, and would have got none
  only_would,    ///< it got none, and would have got one
  nowhere,       ///< both times none
};
[[nodiscard]] std::string_view to_string(fate what);

/// A server under one of the two.
struct server_course {
  std::optional<location> where; ///< nullopt = it never got a place
  std::string host_name;         ///< empty without one
  model::timestamp placed_at{};
};

struct server_difference {
  model::sequence_number sequence = 0; ///< of the event that created it
  model::timestamp at{};               ///< when it was asked for
  model::server_id server;
  std::string name;
  std::int32_t devices = 0; ///< that it asks for
  fate what = fate::same;
  server_course happened;
  server_course would;
};

struct counterfactual_options {
  scheduler::options how; ///< of every project
  /// The other course begins with the state before this event, and ends after the other one.
  model::sequence_number from = 1;
  model::sequence_number to = UINT64_MAX;
  std::size_t listed_max = 1000; ///< differences that are told one by one
};

struct counterfactual_report {
  std::string policy;
  std::map<fate, std::uint64_t> servers; ///< that were created or began to be there in the range
  double gpu_hours_happened = 0;         ///< of GPUs that servers had
  double gpu_hours_would = 0;
  /// Device changes of an operator on servers that are elsewhere: left out.
  std::uint64_t changes_left_out = 0;
  std::uint64_t lost_with_hosts = 0;     ///< servers on hosts that were removed when empty in truth
  std::vector<server_difference> listed; ///< not the same, by age
};

/// The same log under another policy. What is kept: what was asked for and when, when servers end,
/// and all that happens to hosts and devices. What is not: who is where, who waits, which hosts are
/// kept for whom; the production scheduler and queue decide that anew on an inventory of their own,
/// each request on all that had happened before.
///
/// An end frees what the server holds here, as long after it as the devices that it had in truth
/// took to become free; at once if it had none. A server that was refused in truth ends with its
/// lifetime if it has one, and with its record.
class counterfactual final : public control::queue_owner {
public:
  /// `truth` is the fold of the log, with its inventory; it outlives this.
  counterfactual(const control::cluster_state& truth, counterfactual_options options);

  /// The next event, not applied to the truth yet.
  void before(const model::log_record& record);
  /// The same event, applied: with the updates that came of it.
  void after(const model::log_record& record,
             const std::vector<scheduler::inventory_update>& updates);
  /// What came out, up to the last event.
  [[nodiscard]] counterfactual_report report() const;

  // What the queue's keeper asks for.
  [[nodiscard]] const scheduler::inventory& inventory() const override { return world_; }
  [[nodiscard]] const control::waiting_queue& waiting() const override { return waiting_; }
  [[nodiscard]] const model::server_record* waiting_server(model::server_id id) const override;
  [[nodiscard]] const scheduler::options& policy_of(const std::string&) const override {
    return options_.how;
  }
  [[nodiscard]] bool has_model(std::string_view name) const override;
  [[nodiscard]] bool may_be_kept(model::host_id host) const override;
  void walk_hosts(std::uint64_t after,
                  const std::function<bool(std::uint64_t, model::host_id)>& visit) const override;
  [[nodiscard]] std::optional<control::host_supply>
  supply_of(model::host_id host, const model::placement_request& request) const override;
  [[nodiscard]] control::host_tenancy tenancy_of(model::host_id host) const override;
  bool place(const model::server_record& server, const model::placement_request& request,
             const model::placement& where) override;
  void reserve(model::server_id server, std::optional<model::reservation> where) override;

private:
  /// Living servers of the other course, and those that live in truth and have no place here.
  struct course {
    model::server_record record; ///< as it is here; its host is set while it has a place
    bool is_leaving = false;     ///< its devices are given back, its CPUs not yet
    std::size_t outcome = 0;     ///< in outcomes_
  };
  struct outcome {
    model::sequence_number sequence = 0;
    model::timestamp at{};
    model::server_id server;
    std::string name;
    std::int32_t devices = 0;
    server_course happened;
    server_course would;
  };
  /// A number of GPUs over time.
  struct meter {
    std::int64_t gpus = 0;
    double hours = 0;
  };

  void begin();
  /// Its place in the report; returns its number.
  std::size_t enter(const model::server_record& server);
  void pass_time(model::timestamp now);
  void let_settle();

  // What happens (counterfactual_events.cpp).
  template <class Event> void on(const Event&) {}
  void on(const model::server_created& event);
  void on(const model::server_placed& event);
  void on(const model::server_wait_ended& event);
  void on(const model::server_delete_requested& event);
  void on(const model::server_removed& event);
  void on(const model::device_attached& event);
  void on(const model::device_detached& event);
  void on(const model::device_state_reported& event);
  void on(const model::device_removed& event);
  void on(const model::host_removed& event);
  void take(const scheduler::inventory_update& update);

  void arrive(course& who);
  void stop_waiting(course& who);
  void settle(course& who, const model::placement_request& request, const model::placement& where);
  /// Takes the devices from a server. They are free as soon as those of `with` are, which turn over
  /// in truth.
  void give_back(course& who, const std::vector<model::device_id>& with);
  void leave(model::server_id server, const std::vector<model::device_id>& with);
  void clean_with(const std::vector<model::device_id>& cleaned,
                  const std::vector<model::device_id>& with);
  void is_clean(model::device_id in_truth);
  void publish(const model::device_record& device);
  /// A device as it is here.
  [[nodiscard]] model::device_record seen(model::device_record device) const;
  [[nodiscard]] std::int32_t gpus_among(const std::vector<model::device_id>& devices) const;
  [[nodiscard]] std::string name_of(model::host_id host) const;

  const control::cluster_state& truth_;
  counterfactual_options options_;
  scheduler::inventory world_;
  control::waiting_queue waiting_;
  control::queue_keeper keeper_{*this, {}};
  bool runs_ = false;
  bool is_over_ = false;
  model::timestamp now_{};
  std::map<model::server_id, course> courses_;
  std::map<model::host_id, std::set<model::server_id>> tenants_;
  std::map<model::device_id, model::server_id> holders_; ///< of devices held here
  std::set<model::device_id> cleaned_;                   ///< in turnover here
  /// Devices in turnover here, by the device in truth that they become free with.
  std::map<model::device_id, std::vector<model::device_id>> free_with_;
  /// Servers that were refused in truth and end with their lifetime.
  std::set<std::pair<model::timestamp, model::server_id>> ends_;
  std::vector<outcome> outcomes_;
  meter happened_;
  meter would_;
  std::uint64_t changes_left_out_ = 0;
  std::uint64_t lost_with_hosts_ = 0;
};

} // namespace berth::sim
