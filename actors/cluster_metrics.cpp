#include "actors/cluster_metrics.hpp"

#include <chrono>
#include <utility>

namespace berth::actors {

namespace {

double seconds(model::duration span) {
  return std::chrono::duration<double>(span).count();
}

std::string gpus_label(std::int32_t devices) {
  switch (devices) {
  case 0:
  case 1:
  case 2:
  case 4:
  case 8:
    return std::to_string(devices);
  default:
    return "more";
  }
}

bool is_pending(const model::server_record& server) {
  return server.status == model::server_status::scheduling ||
         server.status == model::server_status::sched_fail;
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
  for (const auto* gpus : {"0", "1", "2", "4", "8", "more"})
    waits_.emplace(gpus, live.get_histogram(metric::request_wait_seconds, {gpus}));
}

void cluster_metrics::noted(const control::note& what) {
  if (what.kind == control::note_kind::placement_conflict)
    conflicts_.increment();
  if (what.kind == control::note_kind::plan_lost)
    failures_busy_.increment();
  if (log_)
    log_(what);
}

void cluster_metrics::settled(const control::placement_settled& what) {
  attempts_.increment(what.attempts);
  if (what.placed) {
    waits_.at(gpus_label(what.devices)).observe(seconds(what.waited));
    return;
  }
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
  auto with_devices = state.totals().servers;
  with_devices.fill(0);
  state.hosts().walk(true, [&](const control::host_entry& host) {
    auto record = host.record;
    if (const auto seen = core.last_seen(record.id))
      record.last_seen = *seen;
    builder.add_host(record, record.last_seen);
    return true;
  });
  state.devices().walk(true, [&](const model::device_record& device) {
    builder.add_device(device);
    return true;
  });
  // Only owners of devices are named, each at its first device; all others are counted.
  state.devices().walk(true, [&](const model::device_record& device) {
    const auto* owner = device.owner ? state.find_server(*device.owner) : nullptr;
    if (owner != nullptr && !owner->record.attachments.empty() &&
        owner->record.attachments.front().device == device.info.id) {
      builder.add_server(owner->record);
      ++with_devices[static_cast<std::size_t>(owner->record.status)];
    }
    return true;
  });
  for (std::size_t status = 0; status < with_devices.size(); ++status)
    builder.count_servers(static_cast<model::server_status>(status),
                          state.totals().servers[status] - with_devices[status]);
  note_oldest_pending(builder, state);
  leader_.set(core.ready() ? 1 : 0);
  slot_.set(builder.finish(now, state.durable_sequence(), state.leader()));
}

void cluster_metrics::note_oldest_pending(metrics::snapshot_builder& builder,
                                          const control::cluster_state& state) {
  const auto& servers = state.totals().servers;
  if (servers[static_cast<std::size_t>(model::server_status::scheduling)] +
          servers[static_cast<std::size_t>(model::server_status::sched_fail)] ==
      0) {
    oldest_pending_.reset();
    return;
  }
  // Servers begin to wait when they are created, so the oldest stays the oldest while it waits.
  const auto* oldest = oldest_pending_ ? state.find_server(*oldest_pending_) : nullptr;
  if (oldest == nullptr || !is_pending(oldest->record)) {
    state.servers().walk(true, [&](const control::server_entry& entry) {
      oldest = &entry;
      return !is_pending(entry.record);
    });
  }
  if (oldest != nullptr && is_pending(oldest->record)) {
    oldest_pending_ = oldest->record.id;
    builder.note_pending(oldest->record.created_at);
  }
}

} // namespace berth::actors
