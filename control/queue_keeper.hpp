#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/host_outlook.hpp"
#include "control/waiting_queue.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::control {

/// When hosts are kept for waiting servers (docs/queue.md).
struct reservation_rules {
  /// After waiting so long a server may have a host kept for it...
  model::duration after = std::chrono::minutes{10};
  std::int32_t priority = 80; ///< ...at once from this priority on
  std::size_t max = 8;        ///< hosts that are kept at a time
  /// A host that is kept for longer than was promised, or for so long without a promise, is chosen
  /// anew.
  model::duration again = std::chrono::minutes{10};
  /// Between two searches for a host when the last found none.
  model::duration search_spacing = std::chrono::seconds{10};
};

/// Whose queue it is: what its keeper looks at, and what it lets happen. The cluster's machine is
/// one, a simulated fleet another.
class queue_owner {
public:
  virtual ~queue_owner() = default;

  [[nodiscard]] virtual const scheduler::inventory& inventory() const = 0;
  [[nodiscard]] virtual const waiting_queue& waiting() const = 0;
  /// nullptr: it waits no more. Valid until the next change.
  [[nodiscard]] virtual const model::server_record* waiting_server(model::server_id id) const = 0;
  [[nodiscard]] virtual const scheduler::options& policy_of(const std::string& project) const = 0;
  /// Whether some device has exactly this model, without regard to case.
  [[nodiscard]] virtual bool has_model(std::string_view name) const = 0;

  /// Enabled and not in maintenance, whether or not it is there at the moment.
  [[nodiscard]] virtual bool may_be_kept(model::host_id host) const = 0;
  /// Calls back with hosts in the order of their creation, from behind `after` on, until it gets
  /// false: with the number that the next call goes on behind.
  virtual void
  walk_hosts(std::uint64_t after,
             const std::function<bool(std::uint64_t, model::host_id)>& visit) const = 0;
  /// nullopt: nothing comes there now, it is offline, unsettled, disabled or in maintenance.
  [[nodiscard]] virtual std::optional<host_supply>
  supply_of(model::host_id host, const model::placement_request& request) const = 0;
  /// The host must exist.
  [[nodiscard]] virtual host_tenancy tenancy_of(model::host_id host) const = 0;

  /// Gives a waiting server its place; false: the place does not stand, or would stand in the way
  /// of another server (queue_keeper::leaves_room).
  virtual bool place(const model::server_record& server, const model::placement_request& request,
                     const model::placement& where) = 0;
  /// Keeps a host for a waiting server; nullopt: not any longer.
  virtual void reserve(model::server_id server, std::optional<model::reservation> where) = 0;
};

/// Who of those that wait is tried when, and for whom which host is kept (docs/queue.md). Pure: the
/// time of a call is an argument. The owner outlives it.
///
/// A server waits because it fits nowhere. So it needs another try only where something came free
/// since, and only its flavour's first in line: what does not fit the first fits none of the
/// others.
class queue_keeper {
public:
  queue_keeper(queue_owner& owner, reservation_rules rules) : owner_{owner}, rules_{rules} {}

  // --- What comes free

  /// Something may have come free on the host.
  void free_up(model::host_id host);
  /// So many times something came free.
  [[nodiscard]] std::uint64_t frees() const { return frees_; }
  /// What came free since `frees_before` is offered once more: to one who begins to wait, and was
  /// planned without it.
  void offer_again(std::uint64_t frees_before);
  void offer_everywhere();

  // --- A pass over the queue

  [[nodiscard]] bool has_work() const;
  /// Offers what came free. With much to do it stops after a while: has_work() is true then.
  void serve(model::timestamp now);

  // --- Hosts that are kept

  /// The time from which on kept hosts count as kept: of the owner's start.
  void begin(model::timestamp now) { began_ = now; }
  /// Nothing is known of how hosts are kept: they are looked at anew.
  void forget_search(model::timestamp now);
  /// A host came, went, or changed.
  void hosts_changed(model::timestamp now);
  /// A host that was kept is free for others.
  void kept_host_given_up() { hopeless_.clear(); }
  /// Gives up hosts that were closed or removed; begins a search when somebody may choose one.
  void keep_reservations(model::timestamp now);
  /// Begins the search for the host to be kept for one server, whoever's turn it is.
  void choose_for(model::server_id server);
  [[nodiscard]] bool is_searching() const { return searching_.has_value(); }
  /// Looks at some more hosts; at the end the best is kept.
  void search_on(model::timestamp now);
  /// When keep_reservations() is due; nullopt: not before something changes.
  [[nodiscard]] std::optional<model::timestamp> due() const { return due_; }

  // --- Planning beside them

  /// Plans, keeping away from hosts that are kept for others unless it is in nobody's way there.
  /// `hosts`: the only ones that can have become possible, ascending; empty = any.
  [[nodiscard]] model::decision decide(model::placement_request& request,
                                       const scheduler::options& policy,
                                       const std::vector<model::host_id>& hosts = {});
  /// The hosts kept for others that this request would not have left in time. Ascending.
  [[nodiscard]] std::vector<model::host_id>
  hosts_to_avoid(const model::placement_request& request) const;
  /// Of the hosts that the request avoids, those on which it fits without standing in the way of
  /// the server that they are kept for; only `among` these, which are ascending like the result.
  [[nodiscard]] std::vector<model::host_id> hosts_beside(const model::placement_request& request,
                                                         const std::vector<model::host_id>& among);
  /// False if the placement would stand in the way of the server that the host is kept for.
  [[nodiscard]] bool leaves_room(const model::placement_request& request,
                                 const model::placement& where);

private:
  /// A flavour of waiting servers, in a heap by its next in line; or one server alone, because a
  /// host is kept for it. `hosts`: the only ones that can have become possible; empty = any.
  struct line {
    queue_key head;
    model::server_id server;
    std::string shape;
    waiting_queue::flavour_key flavour;
    std::vector<model::host_id> hosts;
    bool alone = false;
  };
  struct host_search {
    model::server_id server;
    std::uint64_t after = 0; ///< hosts up to this one were looked at
    std::optional<outlook> best;
    model::host_id host; ///< that has it
  };

  void serve_everywhere(model::timestamp now);
  [[nodiscard]] std::vector<line> lines_for(const std::vector<model::host_id>& hosts) const;
  void add_line(std::vector<line>& lines, model::server_id owner,
                std::vector<model::host_id> hosts) const;
  std::size_t serve_next(std::vector<line>& lines, model::timestamp now);
  [[nodiscard]] bool try_waiting(const model::server_record& server,
                                 const std::vector<model::host_id>& hosts, model::timestamp now);

  [[nodiscard]] std::vector<std::string> exact_models_of(const model::placement_request& request);
  void drop_closed_reservations();
  [[nodiscard]] std::optional<model::server_id> next_to_choose(model::timestamp now);
  void consider(model::timestamp when) { due_ = due_ ? std::min(*due_, when) : when; }
  bool look_at(model::host_id host, const model::placement_request& request,
               const std::vector<std::string>& models);
  void end_search(const model::server_record& server, const model::placement_request& request,
                  const std::vector<std::string>& models);

  queue_owner& owner_;
  reservation_rules rules_;

  std::set<model::host_id> freed_;       ///< something may have come free there; not offered yet
  bool everywhere_ = false;              ///< the whole queue is being tried on all hosts
  bool everywhere_again_ = false;        ///< and once more after that
  std::optional<queue_key> tried_up_to_; ///< of such a pass, when one call is not enough
  std::uint64_t frees_ = 0;
  std::deque<std::pair<std::uint64_t, model::host_id>> lately_freed_; ///< with their numbers

  std::optional<host_search> searching_;
  std::optional<model::timestamp> due_; ///< when to look for a server that may have a host kept
  std::uint64_t queue_seen_ = 0;        ///< its version at the last look
  model::timestamp no_search_before_{};
  std::map<model::server_id, model::timestamp> reviewed_; ///< kept hosts that were chosen anew
  model::timestamp began_{};
  std::set<waiting_queue::kind> hopeless_;   ///< no host can be kept for these, as things are
  std::map<std::string, bool> exact_models_; ///< names asked for: some device has it exactly
};

} // namespace berth::control
