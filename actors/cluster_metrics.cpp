#include "actors/cluster_metrics.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <string_view>
#include <utility>

namespace berth::actors {

namespace {

double seconds(model::duration span) {
  return std::chrono::duration<double>(span).count();
}

/// Kept after a refusal.
bool is_refused(const model::server_record& server) {
  return server.status == model::server_status::sched_fail;
}

/// The value of the label `kind` for what contradicts the record; empty: anything else.
std::string_view drift_kind(control::note_kind kind) {
  switch (kind) {
  case control::note_kind::stale_device_report:
  case control::note_kind::drift_unknown_server:
  case control::note_kind::drift_missing_server:
  case control::note_kind::drift_unknown_device:
  case control::note_kind::drift_device_in_use:
  case control::note_kind::drift_device_free:
  case control::note_kind::drift_epoch_ahead:
  case control::note_kind::drift_unknown_domain: {
    constexpr std::string_view prefix = "drift_";
    auto name = to_string(kind);
    if (name.starts_with(prefix))
      name.remove_prefix(prefix.size());
    return name;
  }
  default:
    return {};
  }
}

} // namespace

using metrics::metric;

cluster_metrics::cluster_metrics(metrics::registry& live, metrics::snapshot_slot& slot,
                                 note_log log)
    : live_(live), slot_(slot), log_(std::move(log)),
      attempts_(live.get_counter(metric::scheduling_attempts_total)),
      failures_fit_(live.get_counter(metric::scheduling_failures_total, {"does_not_fit"})),
      failures_busy_(live.get_counter(metric::scheduling_failures_total, {"busy"})),
      conflicts_(live.get_counter(metric::reservation_conflicts_total)),
      appends_(live.get_counter(metric::log_appends_total)),
      append_time_(live.get_histogram(metric::log_append_duration_seconds)),
      plan_time_(live.get_histogram(metric::scheduling_duration_seconds, {"plan"})),
      leader_(live.get_gauge(metric::leader)) {
  for (const auto gpus : metrics::describe(metric::request_wait_seconds).labels.front().values)
    waits_.push_back(live.get_histogram(metric::request_wait_seconds, {gpus}));
}

void cluster_metrics::noted(const control::note& what) {
  if (what.kind == control::note_kind::placement_conflict)
    conflicts_.increment();
  if (what.kind == control::note_kind::plan_lost)
    failures_busy_.increment();
  if (const auto kind = drift_kind(what.kind); !kind.empty())
    live_.get_counter(metric::drift_events_total, {kind}).increment();
  if (log_)
    log_(what);
}

void cluster_metrics::settled(const control::placement_settled& what) {
  attempts_.increment(what.attempts);
  if (what.placed) {
    waits_.at(metrics::gpus_class(what.devices)).observe(seconds(what.waited));
    return;
  }
  if (!what.waits)
    failures_fit_.increment();
  if (what.reason.empty())
    return;
  auto found = rejections_.find(what.reason);
  if (found == rejections_.end())
    found = rejections_
                .emplace(what.reason, live_.get_counter(metric::scheduling_filter_rejections_total,
                                                        {what.reason}))
                .first;
  found->second.increment();
}

void cluster_metrics::committed(std::size_t /*records*/, model::duration took,
                                const model::result<void>& outcome) {
  append_time_.observe(seconds(took));
  if (outcome)
    appends_.increment();
}

void cluster_metrics::planned(std::size_t plans, model::duration took) {
  // One observation per plan: each took its share of the turn.
  const auto each = seconds(took) / static_cast<double>(plans);
  for (std::size_t i = 0; i < plans; ++i)
    plan_time_.observe(each);
}

void cluster_metrics::looked(model::timestamp now, const control::cluster& core) {
  const auto& state = core.state();
  metrics::snapshot_builder builder;
  state.hosts().walk(true, [&](const control::host_entry& host) {
    auto record = host.record;
    if (const auto seen = core.last_seen(record.id))
      record.last_seen = *seen;
    builder.add_host(record, core.inventory_at(record.id),
                     static_cast<std::int64_t>(core.unknown_domains_at(record.id)));
    return true;
  });
  state.devices().walk(true, [&](const model::device_record& device) {
    builder.add_device(device);
    return true;
  });
  add_servers(builder, state);
  add_device_time(now, state);
  add_capacity(builder);
  builder.count_requests(core.creations_in_flight());
  if (const auto oldest = core.oldest_creation())
    builder.note_pending(*oldest);
  note_oldest_pending(builder, state);
  leader_.set(core.ready() ? 1 : 0);
  slot_.set(builder.finish(now, state.durable_sequence(), state.leader()));
}

namespace {

/// Every server that lists devices, by its own record and not by the devices' owners: what two
/// servers claim must show twice. Claimants sit on a host; all other servers are never looked at.
template <class Visit> void visit_claimants(const control::cluster_state& state, Visit visit) {
  state.hosts().walk(true, [&](const control::host_entry& host) {
    for (const auto& id : host.servers) {
      const auto* server = state.find_server(id);
      if (server != nullptr && !server->record.attachments.empty())
        visit(server->record);
    }
    return true;
  });
}

} // namespace

void cluster_metrics::add_servers(metrics::snapshot_builder& builder,
                                  const control::cluster_state& state) {
  auto others = state.totals().servers;
  visit_claimants(state, [&](const model::server_record& server) {
    builder.add_server(server);
    --others[static_cast<std::size_t>(server.status)];
  });
  for (std::size_t status = 0; status < others.size(); ++status)
    builder.count_servers(static_cast<model::server_status>(status), others[status]);
}

void cluster_metrics::add_device_time(model::timestamp now, const control::cluster_state& state) {
  const auto since = std::exchange(looked_at_, now);
  const auto span = since ? std::max(now - *since, model::duration::zero()) : model::duration{};
  std::map<std::pair<std::string_view, std::string_view>, int> held;
  visit_claimants(state, [&](const model::server_record& server) {
    for (const auto& attached : server.attachments)
      if (const auto* device = state.find_device(attached.device))
        ++held[{server.spec->project, device->info.model}];
  });
  for (const auto& [who, devices] : held)
    live_.get_counter(metric::device_allocated_seconds_total, {who.first, who.second})
        .increment(seconds(span) * devices);
}

void cluster_metrics::add_capacity(metrics::snapshot_builder& builder) const {
  for (const auto& row : capacity_.shapes)
    builder.add_placeable(
        {row.shape.model, row.shape.gpus, std::string{to_string(row.shape.where)}}, row.servers);
  for (const auto& row : capacity_.models) {
    builder.add_stranded(row.model, "cpu", row.stranded.cpu);
    builder.add_stranded(row.model, "memory", row.stranded.memory);
    builder.add_stranded(row.model, "storage", row.stranded.storage);
    builder.add_stranded(row.model, "unit", row.stranded.unit);
    builder.add_fragmentation(row.model, row.fragmentation);
  }
}

void cluster_metrics::note_oldest_pending(metrics::snapshot_builder& builder,
                                          const control::cluster_state& state) {
  if (const auto first = state.waiting().oldest())
    builder.note_pending(state.find_server(*first)->record.created_at);
  if (state.totals().servers[static_cast<std::size_t>(model::server_status::sched_fail)] == 0) {
    oldest_refused_.reset();
    return;
  }
  // The oldest stays the oldest while it is kept.
  const auto* oldest = oldest_refused_ ? state.find_server(*oldest_refused_) : nullptr;
  if (oldest == nullptr || !is_refused(oldest->record)) {
    state.servers().walk(true, [&](const control::server_entry& entry) {
      oldest = &entry;
      return !is_refused(entry.record);
    });
  }
  if (oldest != nullptr && is_refused(oldest->record)) {
    oldest_refused_ = oldest->record.id;
    builder.note_pending(oldest->record.created_at);
  }
}

} // namespace berth::actors
