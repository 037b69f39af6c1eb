#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "model/command.hpp"
#include "model/event.hpp"
#include "sim/actors_run/run.hpp"
#include "sim/world.hpp"

namespace berth::sim {

/// Those who want servers: they create each when it arrives, follow the controller's events, and
/// delete each when its time is over. They know of the cluster what the API tells.
class clients {
public:
  /// Everything outlives it. `watching` may be null.
  clients(world& all, const actors_scenario& what, arrival_source& demand, observer* watching);
  clients(const clients&) = delete;
  clients& operator=(const clients&) = delete;

  /// The demand's first moment is now.
  void start();
  /// No arrival comes any more before the horizon, and every one is answered.
  [[nodiscard]] bool all_arrived() const { return !next_ && asked_.empty(); }
  /// Nothing is created or deleted any more.
  void stop() { stopped_ = true; }

  [[nodiscard]] load_figures figures() const;
  /// The servers that were acknowledged and whose end was not seen, ascending.
  struct told_server {
    model::server_id id;
    bool deleting = false; ///< the deletion was acknowledged
  };
  [[nodiscard]] std::vector<told_server> servers() const;

private:
  /// Asked for, and not yet acknowledged.
  struct wish {
    arrival wanted;
    model::timestamp since{};
  };
  enum class stage : std::uint8_t { waiting, placed, running, refused };
  struct entry {
    std::uint64_t arrival = 0;
    model::timestamp since{}; ///< when it was asked for, then when it was placed
    model::duration lifetime{};
    stage at = stage::waiting;
    bool deleting = false; ///< the deletion was acknowledged
  };

  void take_next();
  void arrive();
  void create(std::uint64_t number);
  [[nodiscard]] model::server_spec spec_of(std::uint64_t number, const arrival& wanted) const;
  void created(std::uint64_t number, const model::result<model::reply>& given);
  void remove(const model::server_id& id);

  void read_events();
  void on(const model::log_record& record);
  void came(const model::server_record& server, model::timestamp at);
  struct place {
    model::host_id host;
    std::span<const model::attachment> devices;
  };
  void placed(const model::server_id& id, entry& server, const place& where, model::timestamp at);
  void refused(const model::server_id& id, entry& server, const std::optional<model::refusal>& why,
               model::timestamp at);
  void gave_up(const model::server_wait_ended& what, model::timestamp at);
  void changed(const model::server_status_changed& what, model::timestamp at);
  void removed(const model::server_id& id, model::timestamp at);
  void tell_placed(const entry& server, const place& where, model::timestamp at);
  [[nodiscard]] entry* find(const model::server_id& id);

  world& all_;
  const actors_scenario& what_;
  arrival_source& demand_;
  observer* watching_;
  model::timestamp begin_{};
  std::optional<arrival> next_;
  bool stopped_ = false;
  bool reading_ = false;
  model::sequence_number read_ = 0; ///< events up to and with this one
  std::shared_ptr<void> subscription_;
  std::map<std::uint64_t, wish> asked_;                 ///< by arrival
  std::unordered_map<model::server_id, entry> servers_; ///< only looked up
  std::uint64_t waiting_ = 0;
  std::uint64_t living_ = 0;
  load_figures seen_;
  // For the observer: what hosts and devices are called in the scenario.
  std::unordered_map<model::host_id, std::uint32_t> host_numbers_;
  std::unordered_map<model::device_id, std::uint32_t> device_numbers_;
  /// For answers that may come when nobody is there any more.
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
};

} // namespace berth::sim
