#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/plan.hpp"
#include "model/random.hpp"
#include "sim/demand/arrival.hpp"
#include "sim/fleet/event_queue.hpp"
#include "sim/fleet/observer.hpp"
#include "sim/fleet/run.hpp"
#include "sim/fleet/scenario.hpp"

namespace berth::sim {

/// A number over time: what it is, and its integral.
class level {
public:
  void add(std::int64_t now, std::int64_t change) {
    area_ += static_cast<double>(value_) * (static_cast<double>(now - since_) * 1e-9);
    since_ = now;
    value_ += change;
  }
  [[nodiscard]] std::int64_t value() const { return value_; }
  /// Times seconds, up to the latest add().
  [[nodiscard]] double area() const { return area_; }

private:
  std::int64_t value_ = 0;
  std::int64_t since_ = 0;
  double area_ = 0;
};

/// The hosts, their devices and the servers on them, under the production scheduler. Times are
/// nanoseconds since the run's start; what it causes to happen later it puts into the queue.
class fleet {
public:
  /// All but the hosts that are there from the start. The arguments outlive it; `watching` may be
  /// null.
  fleet(const scenario& what, const demand_names& names, event_queue& later, std::uint64_t seed,
        observer* watching);

  /// The hosts of a group come.
  void add_hosts(std::int64_t now, std::uint32_t group);
  /// The deciding rule of the refusal; nullopt = the server has its place, and its end is set.
  /// `number`: of the arrival, another for each.
  [[nodiscard]] std::optional<std::string> place(std::int64_t now, const arrival& wanted,
                                                 std::uint64_t number);
  /// Something that was put into the queue happens; true if it still meant something.
  bool happen(const event& what);

  [[nodiscard]] std::uint64_t ended() const { return ended_; }
  [[nodiscard]] std::uint64_t failed() const { return failed_; }
  [[nodiscard]] std::uint64_t living() const { return living_; }
  /// Of the hosts and devices; nothing of what arrived.
  [[nodiscard]] moment look(std::int64_t now) const;
  [[nodiscard]] std::vector<host_row> rows() const;
  /// Up to `now`, where the run ends.
  [[nodiscard]] std::map<std::string, model_figures> figures(std::int64_t now);

private:
  static constexpr std::uint32_t nobody = UINT32_MAX;

  enum class device_use : std::uint8_t { free, held, cleaned, broken };
  struct device {
    std::uint32_t host = 0;
    std::uint32_t model = 0; ///< in models_
    std::uint32_t server = nobody;
    std::uint32_t next = nobody; ///< of the same server
    std::uint32_t life = 0;      ///< of its latest turnover
    device_use use = device_use::free;
    bool defect = false; ///< by itself, whatever its host is
  };
  struct host {
    std::uint32_t group = 0;
    std::uint32_t first_device = 0;
    bool up = true;
  };
  struct server {
    std::uint32_t host = nobody; ///< nobody: the slot is free
    std::uint32_t first_device = nobody;
    std::uint32_t life = 0;
    std::uint64_t arrival = 0; ///< its number, which is in the server's id, too
  };
  /// Servers that ask for the same, and their request: its texts are made once.
  struct shape {
    std::uint32_t model = 0;
    std::uint16_t gpus = 0;
    model::placement_request request;
  };
  struct levels {
    std::string name;
    level gpus, held, cleaned, broken;
  };
  /// Hosts next to each other, for a picture.
  struct row {
    std::uint32_t gpus = 0;
    std::uint32_t held = 0;
  };

  void name_models();
  void size_rows();
  [[nodiscard]] std::uint32_t model_number(const std::string& name) const;
  [[nodiscard]] std::string name_of(std::uint32_t which) const;
  [[nodiscard]] row& row_of(std::uint32_t which) {
    return rows_[devices_[which].host >> row_shift_];
  }
  [[nodiscard]] std::uint32_t end_of(const host& which) const;
  void add_host(std::int64_t now, std::uint32_t group);
  void publish(std::uint32_t which);
  [[nodiscard]] model::placement_request& request_for(const arrival& wanted);
  void settle(std::int64_t now, const arrival& wanted, std::uint64_t number,
              const model::placement_request& request, model::placement&& where);
  void tell_placed(std::int64_t now, const server& made, const model::placement& where);
  std::uint32_t take_slot();
  void release(std::int64_t now, std::uint32_t slot);
  void fail_server(std::int64_t now, std::uint32_t slot);
  void clean(std::int64_t now, std::uint32_t which);
  void use(std::int64_t now, std::uint32_t which, device_use as);
  [[nodiscard]] level* level_of(levels& of, device_use as);
  void turn(std::uint32_t which, model::device_state state);
  void fail_machine(std::int64_t now, std::uint32_t which);
  void mend_machine(std::int64_t now, std::uint32_t which);
  void fail_device(std::int64_t now, std::uint32_t which);
  void mend_device(std::int64_t now, std::uint32_t which);
  void schedule(std::int64_t at, event_kind kind, std::uint32_t subject, std::uint32_t life = 0);
  void after(std::int64_t now, model::duration mean, event_kind kind, std::uint32_t subject);

  const scenario& what_;
  const demand_names& names_;
  event_queue& later_;
  observer* watching_;
  model::random turnovers_;
  model::random failures_;
  scheduler::inventory world_;
  scheduler::inventory_update allocation_;                       ///< kept, so that its memory is
  std::unordered_map<std::uint64_t, std::vector<shape>> shapes_; ///< by a hash; only looked up
  std::vector<levels> models_;                                   ///< by name
  std::vector<row> rows_;
  unsigned row_shift_ = 0; ///< two to its power hosts make a row
  std::vector<host> hosts_;
  std::vector<device> devices_;
  std::vector<server> servers_;
  std::vector<std::uint32_t> free_slots_;
  std::uint64_t ended_ = 0;
  std::uint64_t failed_ = 0;
  std::uint64_t living_ = 0;
};

} // namespace berth::sim
