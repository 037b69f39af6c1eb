#include "control/cluster_state_fold.hpp"

namespace berth::control {

// --- Servers that wait

void cluster_state::fold::operator()(const model::server_placed& event) {
  auto* entry = server(event.server);
  if (entry == nullptr || entry->record.host || host(event.host) == nullptr) {
    return;
  }
  edit_server(*entry, [&](server_entry& it) {
    it.record.host = event.host;
    it.record.attachments = event.attachments;
    it.record.status = model::server_status::deploying;
    it.record.status_reason.clear();
    it.record.why_refused.reset();
    it.record.reserved.reset();
    it.record.ends_at = event.ends_at;
    it.record.updated_at = at;
    touch(it);
  });
  state.enter_host(entry->record);
  for (const auto& held : entry->record.attachments) {
    if (auto* given = device(held.device)) {
      give(*given, entry->record.id, held.epoch);
    }
  }
  publish_allocation(*entry);
}

void cluster_state::fold::operator()(const model::server_wait_ended& event) {
  auto* entry = server(event.server);
  if (entry == nullptr) {
    return;
  }
  edit_server(*entry, [&](server_entry& it) {
    it.record.status = model::server_status::sched_fail;
    it.record.status_reason = event.reason;
    it.record.why_refused = event.why;
    it.record.reserved.reset();
    it.record.updated_at = at;
  });
}

void cluster_state::fold::operator()(const model::server_reserved& event) {
  auto* entry = server(event.server);
  if (entry == nullptr) {
    return;
  }
  edit_server(*entry, [&](server_entry& it) {
    it.record.reserved = event.where;
    it.record.updated_at = at;
  });
}

} // namespace berth::control
