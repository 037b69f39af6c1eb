#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "control/cluster.hpp"
#include "control/queue_keeper.hpp"
#include "control/wording.hpp"

namespace berth::control {

/// The inside of the cluster machine. Its handlers are split by topic over cluster_*.cpp; every
/// change of the truth goes through record(), every success through answer_when_durable().
/// Internal.
struct cluster::machine final : queue_owner {
  machine(cluster_config how, cluster_state loaded, model::random seeded)
      : config(std::move(how)), state(std::move(loaded)), dice(seeded) {}
  ~machine() override = default;

  cluster_config config;
  cluster_state state;
  model::random dice;
  model::timestamp now{}; ///< of the present step

  // --- The step being made
  outcome out;
  std::vector<scheduler::inventory_update> updates;
  std::vector<plan_wish> wishes;
  std::vector<effect> undurable; ///< until this step's events are durable
  /// Of the plans in the input at hand, by server; only looked up.
  std::unordered_map<model::server_id, model::plan_basis> bases;

  // --- Between steps
  struct held_effects {
    model::sequence_number until;
    std::vector<effect> effects;
  };
  struct held_query {
    model::sequence_number until;
    query_received asked;
    model::result<model::answer> what;
  };
  std::deque<held_effects> held;
  std::deque<held_query> held_queries;
  model::sequence_number awaited = 0; ///< see cluster::awaited()

  // --- Creations. One creation is one command; each of its servers is planned on its own.
  struct creation {
    ticket from{};
    bool keep_refused = true;
    std::vector<model::result<model::server_record>> results;
    std::size_t remaining = 0;
  };
  struct planning {
    std::shared_ptr<creation> of; ///< null: the last try of a server that waited
    std::size_t index = 0;        ///< in `of->results`
    model::server_id server;
    model::server_spec spec;
    model::placement_request request;
    std::int32_t attempt = 1;
    bool explain = false;
    model::timestamp since{};
    std::uint64_t frees_before = 0;     ///< queue_keeper::frees() when it was asked
    bool looked_beside = false;         ///< hosts kept for others were looked at, too
    std::vector<model::host_id> beside; ///< on these of them it would be in nobody's way
  };
  using open_planning = std::unique_ptr<planning>; ///< handed from step to step of its way
  std::uint64_t last_plan = 0;
  std::unordered_map<std::uint64_t, open_planning> plannings;
  std::deque<std::pair<model::timestamp, std::uint64_t>> plan_deadlines; ///< ascending
  std::map<std::uint64_t, model::server_id> abandoned; ///< plans that nobody waits for any more
  std::unordered_set<std::string> names_in_flight;
  std::size_t explaining = 0;
  struct forecasting {
    ticket from{};
    model::timestamp deadline{};
  };
  std::map<std::uint64_t, forecasting> forecasts;

  // --- Servers that wait: what is known beyond the state's queue. Gone with the process.
  queue_keeper queue{*this, config.reservations};
  std::set<model::server_id> giving_up; ///< their last try is being planned

  // --- Idempotency keys being worked on
  struct claim {
    std::uint64_t fingerprint = 0;
    model::timestamp until{};
  };
  std::unordered_map<std::string, claim> claims;
  std::deque<std::pair<model::timestamp, std::string>> claim_deadlines; ///< ascending

  // --- Hosts as they are now; gone with the process
  struct presence {
    std::optional<link_id> link;
    bool welcomed = false; ///< the welcome was let out
    model::timestamp last_heard{};
    model::timestamp inventory_at{};            ///< when its latest inventory was taken in
    std::optional<model::timestamp> lease_over; ///< set while there is no link
    model::generation_number sent = 0;          ///< latest desired state that was let out or held
    model::generation_number seen = 0;          ///< that the host acts on, as it says
    model::timestamp sent_at{};
    std::optional<model::timestamp> due; ///< when the desired state is to be looked at again
    bool wants_full_report = false;
    /// Servers of which the host has yet to say what became of them: once it acts on their
    /// generation it is asked for everything, no sooner than at this time, until it does.
    std::map<model::server_id, model::timestamp> unconfirmed;
    /// What the host has that is nobody's business here, as it last said: left alone.
    std::vector<std::string> unknown_domains;
    std::set<model::server_id> unknown_servers;
  };
  std::unordered_map<model::host_id, presence> presences;
  std::unordered_map<std::uint64_t, model::host_id> links;
  std::set<std::pair<model::timestamp, model::host_id>> lease_ends;
  std::set<std::pair<model::timestamp, model::host_id>> desired_due;

  // --- The store
  std::optional<model::failure> store_failure;
  bool probing = false; ///< a probe is in flight
  model::timestamp probe_at{};
  bool leading = false; ///< the present leadership is durable

  // --- The frame of a step (cluster.cpp)
  void take(input& what);
  [[nodiscard]] outcome finish();
  void note_bases(const plans_made& made);
  [[nodiscard]] std::optional<model::plan_basis> basis_of(model::server_id server) const;
  void add_basis(model::server_created& event) const { event.basis = basis_of(event.server.id); }
  void add_basis(model::server_wait_ended& event) const { event.basis = basis_of(event.server); }
  void add_basis(model::server_placed& event) const {
    if (giving_up.count(event.server) == 0) { // else its last try is still on its way
      event.basis = basis_of(event.server);
    }
  }
  template <class Event> void add_basis(Event&) const {}
  template <class Event> void record(Event what) {
    add_basis(what);
    const auto freed_host = frees(what); // while it can still be looked up
    const auto kept_hosts = state.waiting().reserved().size();
    auto& next = out.events.emplace_back();
    next.sequence = state.last_sequence() + 1;
    next.at = now;
    next.what = std::move(what);
    state.apply(next, cluster_state::durability::pending, updates);
    if (freed_host) {
      queue.free_up(*freed_host);
    }
    if constexpr (changes_hosts<Event>) {
      queue.hosts_changed(now);
    }
    if (state.waiting().reserved().size() < kept_hosts) {
      queue.kept_host_given_up(); // it may do for another
    }
  }
  void emit(effect what) { out.effects.push_back(std::move(what)); }
  void when_durable(effect what) { undurable.push_back(std::move(what)); }
  void answer(ticket to, model::result<model::reply> what);
  void tell_note(note_kind kind, std::string subject, std::string text = {});
  [[nodiscard]] bool settled() const { return state.last_sequence() == state.durable_sequence(); }
  void on(commit_done& done);
  void on(commit_failed& failed);
  void on(tick&);
  void fail_held(std::vector<effect>& effects, const model::failure& why);
  [[nodiscard]] model::controller_started leadership(model::leader_epoch epoch) const;
  void probe_store();
  void store_came_back();
  [[nodiscard]] std::optional<model::timestamp> next_tick() const;

  // --- Requests (cluster_commands.cpp)
  void on(command_received& received);
  void on(query_received& received);
  void on(key_claimed& claimed);
  void on(key_answered& answered);
  void on(key_forgotten& forgotten);
  void expire_claims();

  // --- Creating servers (cluster_create.cpp)
  void run(ticket from, model::create_servers& command);
  void on(plans_made& made);
  [[nodiscard]] model::result<void> admit(const model::server_spec& spec) const;
  [[nodiscard]] model::result<void> admit_devices(const model::server_spec& spec) const;
  [[nodiscard]] model::result<void> admit_models(const model::server_spec& spec) const;
  void ask(open_planning what);
  void take_plan(open_planning what, model::result<model::decision> decision);
  void place(open_planning what, const model::placement& where);
  void refuse(open_planning what, model::refusal why);
  void ask_again(open_planning what, const model::rule_verdict& broken);
  void settle(planning& what, model::result<model::server_record> how);
  [[nodiscard]] std::optional<model::rule_verdict> referee(const model::placement_request& request,
                                                           const model::placement& where);
  [[nodiscard]] std::vector<model::attachment> attachments_for(const model::placement& where) const;
  [[nodiscard]] std::optional<model::failure> vga_misfit(const model::server_spec& spec,
                                                         const model::placement& where) const;
  [[nodiscard]] bool look_beside(planning& what);
  void revoke(model::server_id server, const model::placement& where);
  void abandon(std::uint64_t plan, model::server_id server);
  void expire_plans();
  void fail_creations(const model::failure& why);

  [[nodiscard]] model::placement_reason reason_of(const std::string& project,
                                                  const model::placement& where) const;

  // --- Questions that change nothing (cluster_forecasts.cpp)
  void run(ticket from, model::forecast_servers& command);
  void run(ticket from, model::explain_placement& command);
  void on(forecast_made& made);
  void on(explanation_made& made);
  [[nodiscard]] model::result<void> admit_thought(model::server_spec& spec) const;
  [[nodiscard]] plan_id await_thought(ticket from);
  /// Who waits for the answer; nullopt = nobody any more.
  [[nodiscard]] std::optional<ticket> end_thought(plan_id id);
  // --- Servers that wait (cluster_queue.cpp)
  /// The host on which an event may free something for a waiting server.
  template <class Event> std::optional<model::host_id> frees(const Event&) const {
    return std::nullopt;
  }
  std::optional<model::host_id> frees(const model::host_inventoried& event) const;
  std::optional<model::host_id> frees(const model::host_status_changed& event) const;
  std::optional<model::host_id> frees(const model::host_settings_changed& event) const;
  std::optional<model::host_id> frees(const model::server_removed& event) const;
  std::optional<model::host_id> frees(const model::server_placed& event) const;
  std::optional<model::host_id> frees(const model::server_wait_ended& event) const;
  std::optional<model::host_id> frees(const model::server_reserved& event) const;
  std::optional<model::host_id> frees(const model::device_state_reported& event) const;
  std::optional<model::host_id> frees(const model::device_settings_changed& event) const;
  std::optional<model::host_id> frees(const model::device_removed& event) const;
  [[nodiscard]] std::optional<model::host_id> kept_for(model::server_id server) const;
  [[nodiscard]] std::optional<model::host_id> host_of(model::device_id device) const;
  /// Work of the queue that cannot be done while nothing can be recorded.
  [[nodiscard]] bool queue_has_work() const { return !store_failure && queue.has_work(); }
  void serve_queue();
  void place_waiting(const model::server_record& server, const model::placement& where);
  void let_wait(planning& what, model::refusal why);
  void end_waits();
  void take_last_try(open_planning what, model::result<model::decision> decision);
  void give_up(const model::server_record& server, model::refusal why);

  // --- Hosts that are kept for them (cluster_reserve.cpp)
  template <class Event>
  static constexpr bool changes_hosts = std::is_same_v<Event, model::host_inventoried> ||
                                        std::is_same_v<Event, model::host_status_changed> ||
                                        std::is_same_v<Event, model::host_settings_changed> ||
                                        std::is_same_v<Event, model::host_removed>;
  void keep_reservations();
  void search_on();
  [[nodiscard]] const scheduler::inventory& inventory() const override { return state.inventory(); }
  [[nodiscard]] const waiting_queue& waiting() const override { return state.waiting(); }
  [[nodiscard]] const model::server_record* waiting_server(model::server_id id) const override;
  [[nodiscard]] const scheduler::options& policy_of(const std::string& project) const override;
  [[nodiscard]] bool has_model(std::string_view name) const override;
  [[nodiscard]] bool may_be_kept(model::host_id host) const override;
  void walk_hosts(std::uint64_t after,
                  const std::function<bool(std::uint64_t, model::host_id)>& visit) const override;
  [[nodiscard]] std::optional<host_supply>
  supply_of(model::host_id host, const model::placement_request& request) const override;
  [[nodiscard]] host_tenancy tenancy_of(model::host_id host) const override;
  bool place(const model::server_record& server, const model::placement_request& request,
             const model::placement& where) override;
  void reserve(model::server_id server, std::optional<model::reservation> where) override;

  // --- Servers (cluster_servers.cpp)
  void run(ticket from, model::act_on_server& command);
  void run(ticket from, model::attach_device& command);
  void run(ticket from, model::detach_device& command);
  [[nodiscard]] model::result<model::server_record> start_server(const server_entry& entry);
  [[nodiscard]] model::result<model::server_record> stop_server(const server_entry& entry);
  [[nodiscard]] model::result<model::server_record> restart_server(const server_entry& entry);
  [[nodiscard]] model::result<model::server_record> delete_server(const server_entry& entry);
  [[nodiscard]] model::result<void> may_change_power(const server_entry& entry) const;
  [[nodiscard]] model::result<model::server_record> attach(const model::attach_device& command);
  [[nodiscard]] model::result<model::server_record> detach(const model::detach_device& command);
  /// The device and everything that can only be given away with it.
  [[nodiscard]] std::vector<const model::device_record*>
  unit_of(const model::device_record& device) const;
  /// Of the next change of ownership: above everything that was given or obeyed.
  [[nodiscard]] static model::device_epoch next_epoch(const model::device_record& device) {
    return std::max(device.epoch, device.obeyed) + 1;
  }
  void request_power(const model::server_record& server, model::power desired,
                     std::uint32_t restarts, model::server_status status);

  // --- Devices and hosts (cluster_settings.cpp)
  void run(ticket from, model::update_devices& command);
  void run(ticket from, model::remove_device& command);
  void run(ticket from, model::update_host& command);
  void run(ticket from, model::probe_host& command);
  void run(ticket from, model::remove_host& command);
  [[nodiscard]] model::result<model::device_record> update(const std::string& ref,
                                                           const model::update_devices& how);

  // --- Links (cluster_links.cpp)
  void on(link_opened& opened);
  void on(link_closed& closed);
  model::timestamp heard_last(model::host_id host, model::timestamp by_link);
  void on(lease_expired& expired);
  void on(host_said& said);
  [[nodiscard]] model::result<void> admit_host(const link_opened& opened) const;
  [[nodiscard]] model::result<void> admit_info(const model::host_info& info) const;
  [[nodiscard]] bool differs(const host_entry& known, const model::host_info& info) const;
  void drop_link(link_id link, model::timestamp lease_over);
  void close(link_id link, model::failure why);
  void expire_leases();
  void mark_dirty(model::host_id host);
  void look_again(presence& seen, model::host_id host, model::timestamp when);
  void send_due_states();
  void send_desired(const host_entry& host, presence& seen);
  [[nodiscard]] model::timestamp desired_allowed(const host_entry& host,
                                                 const presence& seen) const;
  void tell(const presence& seen, model::to_host message);

  // --- Reports (cluster_reports.cpp)
  void take_inventory(link_id link, const model::host_info& info, model::incarnation_id life);
  void take_report(model::host_id host, const model::observed_state& report);
  void take_device(const host_entry& host, const model::observed_device& seen);
  void take_server(const host_entry& host, const model::observed_server& seen,
                   model::generation_number acted_on);
  void take_gone(const host_entry& host, model::server_id id, model::generation_number acted_on);
  void await_word(const model::server_record& server, model::timestamp ask_from);
  void ask_for_unconfirmed(model::host_id host, presence& seen);
  void take_plug_failure(const host_entry& host, const server_entry& entry,
                         const model::plug_failure& failure);
  void take_others(const host_entry& host, presence& seen, const model::observed_state& report);
  void find_missing(const host_entry& host, const model::observed_state& report);
  void fail_owner(const model::device_record& lost);
  void fail_owners_of_lost(model::host_id host);
  [[nodiscard]] const model::device_record* lost_device(const model::server_record& server) const;

  // --- Queries (cluster_queries.cpp)
  [[nodiscard]] model::result<model::answer> ask(const model::get_server& what) const;
  [[nodiscard]] model::result<model::answer> ask(const model::get_device& what) const;
  [[nodiscard]] model::result<model::answer> ask(const model::get_host& what) const;
  [[nodiscard]] model::result<model::answer> ask(const model::list_servers& what) const;
  [[nodiscard]] model::result<model::answer> ask(const model::list_devices& what) const;
  [[nodiscard]] model::result<model::answer> ask(const model::list_hosts& what) const;
  [[nodiscard]] model::result<model::answer> ask(const model::get_usage& what) const;
  [[nodiscard]] model::result<model::answer> ask(const model::get_inventory& what) const;
  [[nodiscard]] model::server_row row_of(const server_entry& entry) const;
  void say_why_it_waits(model::server_record& server) const;
  [[nodiscard]] model::device_row row_of(const model::device_record& device) const;
  [[nodiscard]] model::host_row row_of(const host_entry& entry) const;
};

} // namespace berth::control
