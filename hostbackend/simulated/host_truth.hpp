#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hostbackend/host_backend.hpp"
#include "hostbackend/simulated/machine.hpp"
#include "model/failure.hpp"
#include "model/ids.hpp"

namespace berth::hostbackend::simulated {

struct simulated_settings;

/// What a guest was asked to do: let go of the device, or power off.
struct guest_request {
  model::server_id server;
  std::optional<model::device_id> device;
};

/// What is true of a simulated host: its devices, its servers, and what an operation does to them.
/// Knows no time, no chance and no lock; simulated_backend has those.
class host_truth {
public:
  struct device_cell {
    model::device_id id;
    bool present = true;
    bool bound = false;
    bool unreadable = false;
    bool link_degraded = false;
    std::string last_reset{};
    std::optional<model::server_id> held_by{};
  };

  /// The arguments outlive it.
  host_truth(const simulated_host& host, const simulated_settings& settings);

  /// Does it, as a real host would: what that would refuse, this refuses.
  model::result<operation_result> carry_out(const operation& what);
  /// What guests were asked for since the last call; they do it when they like.
  [[nodiscard]] std::vector<guest_request> take_requests() { return std::exchange(requests_, {}); }

  [[nodiscard]] std::optional<std::size_t> index_of(const model::device_id& id) const;
  [[nodiscard]] std::string name_of(std::size_t index) const;
  /// By which method a reset would be done.
  [[nodiscard]] std::string method_of(const reset_device& reset) const;
  [[nodiscard]] device_cell& device(std::size_t index) { return devices_[index]; }

  // What happens by itself; false = it is so already, or cannot be.

  bool power_off(const model::server_id& server);
  bool let_go(const model::server_id& server, const model::device_id& device);
  /// Empty = it goes on.
  bool pause(const model::server_id& server, const std::string& reason);
  bool set_present(const model::device_id& id, bool here);
  void power_cycle();
  void add_unknown_domain(std::string name);

private:
  struct server_cell {
    bool running = false;
    std::vector<model::device_id> defined; ///< devices of its definition
    std::vector<model::device_id> held{};  ///< devices that it runs with
    std::string paused{};
  };
  using outcome = model::result<operation_result>;

  outcome run(const discover&);
  outcome run(const bind_device& what);
  outcome run(const reset_device& what);
  outcome run(const verify_device& what);
  outcome run(const define_server& what);
  outcome run(const start_server& what);
  outcome run(const stop_server& what);
  outcome run(const plug_device& what);
  outcome run(const unplug_device& what);
  outcome run(const undefine_server& what);
  outcome run(const list_servers&);
  [[nodiscard]] bool can_plug() const;
  model::result<device_cell*> present(const model::device_id& id);
  model::result<void> may_be_used(const model::device_id& id);

  const simulated_host& host_;
  const simulated_settings& settings_;
  std::vector<device_cell> devices_; ///< as in the machine, by index
  std::map<model::server_id, server_cell> servers_;
  std::vector<std::string> unknown_domains_; ///< ascending
  std::vector<guest_request> requests_;
};

} // namespace berth::hostbackend::simulated
