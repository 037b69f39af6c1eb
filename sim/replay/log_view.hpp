#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "control/cluster_state.hpp"
#include "control/queue_keeper.hpp"
#include "sim/replay/policies.hpp"

namespace berth::sim {

/// The cluster as its log tells it, as the keeper of a queue sees it: so the production code says
/// what it would do with a waiting server. Nothing is placed here, and a host that would be kept is
/// only noted. The state and the policies outlive it.
class log_view final : public control::queue_owner {
public:
  log_view(const control::cluster_state& state, const policies& how) : state_{state}, how_{how} {}

  /// The time at which is looked: of the event at hand.
  void look_at(model::timestamp now) { now_ = now; }

  /// Where the queue would put a server. `came_free`: hosts that it would be tried on; empty = any.
  [[nodiscard]] model::decision decide(const model::server_record& server,
                                       const std::vector<model::host_id>& came_free = {});
  /// When a server could start on a host, by the expected ends of those who are there.
  [[nodiscard]] std::optional<control::outlook> outlook_of(const model::server_record& server,
                                                           model::host_id host);
  /// The host that would be kept for a server, if all hosts were looked at now.
  [[nodiscard]] std::optional<model::reservation> choose_for(model::server_id server);

  [[nodiscard]] const scheduler::inventory& inventory() const override {
    return state_.inventory();
  }
  [[nodiscard]] const control::waiting_queue& waiting() const override { return state_.waiting(); }
  [[nodiscard]] const model::server_record* waiting_server(model::server_id id) const override;
  [[nodiscard]] const scheduler::options& policy_of(const std::string& project) const override {
    return how_.of(project).how;
  }
  [[nodiscard]] bool has_model(std::string_view name) const override;
  [[nodiscard]] bool may_be_kept(model::host_id host) const override;
  void walk_hosts(std::uint64_t after,
                  const std::function<bool(std::uint64_t, model::host_id)>& visit) const override;
  [[nodiscard]] std::optional<control::host_supply>
  supply_of(model::host_id host, const model::placement_request& request) const override;
  [[nodiscard]] control::host_tenancy tenancy_of(model::host_id host) const override;
  bool place(const model::server_record&, const model::placement_request&,
             const model::placement&) override {
    return false;
  }
  void reserve(model::server_id, std::optional<model::reservation> where) override {
    chosen_ = std::move(where);
  }

private:
  const control::cluster_state& state_;
  const policies& how_;
  model::timestamp now_{};
  std::optional<model::reservation> chosen_;
};

} // namespace berth::sim
