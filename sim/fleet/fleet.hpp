#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "control/queue_keeper.hpp"
#include "model/plan.hpp"
#include "model/server.hpp"
#include "sim/demand/arrival.hpp"
#include "sim/fleet/dice.hpp"
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

/// The hosts, their devices, the servers on them and those that wait, under the production
/// scheduler and the production queue. Times are nanoseconds since the run's start; what it causes
/// to happen later it puts into the event queue, what came of it into the result.
class fleet final : private control::queue_owner {
public:
  /// All but the hosts that are there from the start. The arguments outlive it; `watching` may be
  /// null.
  fleet(const scenario& what, const demand_names& names, event_queue& later, std::uint64_t seed,
        run_result& result, observer* watching);

  /// The hosts and servers that are there from the start, and all that has its date.
  void begin();
  /// A server arrives: it gets its place, waits or is refused.
  void arrive(std::int64_t now, const arrival& wanted);
  /// Something that was put into the event queue happens; true if it still meant something.
  bool happen(const event& what);
  /// Everything of this moment has happened: what came free is offered to those who wait.
  void serve(std::int64_t now);

  [[nodiscard]] moment look(std::int64_t now);
  /// The figures that are sums over time, up to `now`, where the run ends.
  void finish(std::int64_t now);

private:
  static constexpr std::uint32_t nobody = UINT32_MAX;

  enum class device_use : std::uint8_t { free, held, cleaned, quarantined, broken };
  struct device {
    std::uint32_t host = 0;
    std::uint32_t server = nobody;
    std::uint32_t next = nobody; ///< of the same server
    std::uint32_t life = 0;      ///< of its latest turnover
    std::uint32_t failures = 0;
    std::uint16_t model = 0; ///< in models_
    device_use use = device_use::free;
    bool defect = false; ///< by itself, whatever its host is
  };
  struct host {
    std::uint32_t group = 0;
    std::uint32_t first_device = 0;
    std::uint32_t first_server = nobody;
    std::uint32_t failures = 0;
    std::uint8_t down = 0;   ///< reasons why it is not there: itself, its rack, maintenance
    std::uint8_t closed = 0; ///< plans of maintenance for which it takes no new servers
    std::uint8_t works = 0;  ///< and of those that are at work on it
  };
  struct server {
    std::uint32_t host = nobody; ///< nobody: the slot is free
    std::uint32_t first_device = nobody;
    std::uint32_t life = 0;
    std::uint32_t next = nobody; ///< of the same host
    std::uint32_t before = nobody;
    std::uint32_t asked = 0;  ///< in shapes_
    std::uint64_t number = 0; ///< of its arrival
    std::int64_t ends = 0;    ///< as the scheduler knows it; 0: it does not
  };
  /// Servers that ask for the same (each that is there from the start by itself): the texts of
  /// their request are made once, and memory is kept.
  struct shape {
    std::uint32_t model = 0;
    std::uint16_t gpus = 0;
    std::uint16_t wishes = 0; ///< topology and priority of the arrival
    model::placement_request request;
    scheduler::inventory_update taken{scheduler::server_allocated{}}; ///< as the scheduler hears
    model::shared_value<model::server_spec> spec;                     ///< of those that wait
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
  struct rack {
    std::uint32_t first = 0; ///< host
    std::uint32_t count = 0;
    std::uint32_t failures = 0;
  };
  /// Hosts that are closed for one batch of a maintenance.
  struct work {
    std::uint32_t plan = 0;
    std::vector<std::uint32_t> hosts;
  };
  struct waiter {
    model::server_record record; ///< as the queue knows it
    arrival wanted;
    std::uint32_t asked = 0; ///< in shapes_
  };

  // --- Hosts (fleet.cpp)
  void name_models();
  void size_rows();
  [[nodiscard]] std::uint16_t model_number(const std::string& name) const;
  [[nodiscard]] std::string name_of(std::uint32_t which) const;
  [[nodiscard]] row& row_of(std::uint32_t which) {
    return rows_[devices_[which].host >> row_shift_];
  }
  [[nodiscard]] std::uint32_t end_of(const host& which) const;
  void add_hosts(std::int64_t now, std::uint32_t group);
  void add_host(std::int64_t now, std::uint32_t group);
  void add_racks(std::int64_t now, std::uint32_t group, std::uint32_t first);
  [[nodiscard]] const scheduler::inventory_update& tell(std::uint32_t which) const;
  void publish(std::int64_t now, std::uint32_t which);

  // --- Servers (fleet_servers.cpp)
  void stand(const standing_server& one);
  [[nodiscard]] std::uint32_t shape_for(const arrival& wanted);
  std::uint32_t add_shape(std::uint32_t model, std::uint16_t gpus,
                          model::placement_request request);
  /// Its place is taken; `lifetime` from now on.
  void settle(std::int64_t now, const model::placement_request& request, std::uint32_t asked,
              model::duration lifetime, model::placement&& where);
  std::uint32_t take_slot();
  void enter(std::uint32_t slot, std::uint32_t which);
  void leave(std::uint32_t slot);
  void release(std::int64_t now, std::uint32_t slot);
  void lose(std::int64_t now, std::uint32_t slot, std::uint64_t& counter);
  [[nodiscard]] size_figures& size_of(const arrival& wanted);
  void count_placed(const arrival& wanted, model::duration waited);
  void refuse(std::int64_t now, std::uint64_t number, const arrival& wanted,
              const std::string& rule);
  void tell_placed(std::int64_t now, const server& made, const model::placement& where);
  [[nodiscard]] model::decision decide(model::placement_request& request);
  /// It would stand in the way of another that waits.
  [[nodiscard]] static model::refusal in_the_way();

  // --- Servers that wait (fleet_queue.cpp)
  void wait(std::int64_t now, std::uint64_t number, const arrival& wanted, std::uint32_t asked,
            model::duration patience);
  bool end_wait(std::int64_t now, std::uint64_t number);
  void stop_waiting(model::server_id id);
  void free_up(std::uint32_t which);
  [[nodiscard]] const scheduler::inventory& inventory() const override { return world_; }
  [[nodiscard]] const control::waiting_queue& waiting() const override { return waiting_; }
  [[nodiscard]] const model::server_record* waiting_server(model::server_id id) const override;
  [[nodiscard]] const scheduler::options& policy_of(const std::string&) const override {
    return policy_;
  }
  [[nodiscard]] bool has_model(std::string_view name) const override;
  [[nodiscard]] bool may_be_kept(model::host_id id) const override;
  void walk_hosts(std::uint64_t after,
                  const std::function<bool(std::uint64_t, model::host_id)>& visit) const override;
  [[nodiscard]] std::vector<bool> models_wanted(const model::placement_request& request) const;
  [[nodiscard]] std::optional<control::host_supply>
  supply_of(model::host_id id, const model::placement_request& request) const override;
  [[nodiscard]] control::host_tenancy tenancy_of(model::host_id id) const override;
  bool place(const model::server_record& record, const model::placement_request& request,
             const model::placement& where) override;
  void reserve(model::server_id id, std::optional<model::reservation> where) override;

  // --- Devices and what befalls them (fleet_faults.cpp)
  void clean(std::int64_t now, std::uint32_t which, const occasion& why);
  void use(std::int64_t now, std::uint32_t which, device_use as);
  [[nodiscard]] static level* level_of(levels& of, device_use as);
  void turn(std::uint32_t which);
  [[nodiscard]] static model::device_state state_of(device_use use);
  void take_down(std::int64_t now, std::uint32_t which, std::uint8_t why, std::uint64_t& lost);
  void bring_back(std::int64_t now, std::uint32_t which, std::uint8_t why);
  void fail_rack(std::int64_t now, std::uint32_t which);
  void mend_rack(std::int64_t now, std::uint32_t which);
  void fail_machine(std::int64_t now, std::uint32_t which);
  void mend_machine(std::int64_t now, std::uint32_t which);
  void fail_device(std::int64_t now, std::uint32_t which);
  void mend_device(std::int64_t now, std::uint32_t which);
  void plan_maintenance();
  void close_for_work(std::int64_t now, std::uint32_t plan, std::uint32_t batch);
  void begin_work(std::int64_t now, std::uint32_t number);
  void end_work(std::int64_t now, std::uint32_t number);
  [[nodiscard]] std::vector<std::uint32_t> hosts_of(const maintenance_plan& plan,
                                                    std::uint32_t batch) const;
  void look_at_capacity(moment& seen);
  void schedule(std::int64_t at, event_kind kind, std::uint32_t subject, std::uint32_t life = 0);
  void befall(std::int64_t now, model::duration mean, event_kind kind, std::uint32_t subject,
              const occasion& why);

  const scenario& what_;
  const demand_names& names_;
  event_queue& later_;
  std::uint64_t seed_;
  run_result& result_;
  observer* watching_;
  scheduler::options policy_;
  scheduler::inventory world_;
  scheduler::capacity_watch capacity_;
  mutable std::vector<scheduler::inventory_update> told_; ///< by group, of its latest host
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> like_; ///< shapes by a hash
  std::vector<shape> shapes_;
  std::vector<levels> models_;      ///< by name
  std::vector<size_figures> sizes_; ///< by GPUs of the server
  wait_record waits_;
  std::vector<row> rows_;
  unsigned row_shift_ = 0; ///< two to its power hosts make a row
  std::vector<host> hosts_;
  std::vector<device> devices_;
  std::vector<server> servers_;
  std::vector<std::uint32_t> free_slots_;
  std::vector<rack> racks_;
  std::vector<work> works_;

  control::waiting_queue waiting_;
  std::unordered_map<model::server_id, waiter> waiters_; ///< only looked up
  control::queue_keeper queue_{*this, what_.reservations};
  std::int64_t serving_ = 0;       ///< when the keeper was called
  std::int64_t look_due_ = 0;      ///< a queue_look is scheduled for then; 0: none
  std::uint64_t gpus_waiting_ = 0; ///< that those who wait ask for
};

} // namespace berth::sim
