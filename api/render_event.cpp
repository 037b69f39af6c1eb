#include "api/render.hpp"

#include <variant>

namespace berth::api {

namespace {

void release(json_writer& out, const model::device_release& what) {
  out.begin_object();
  out.field("device_id", what.device);
  out.field("epoch", what.epoch);
  out.end_object();
}

/// Writes the fields of each kind of event into the open object.
class fields {
public:
  explicit fields(json_writer& out) : out_(out) {}

  void operator()(const model::controller_started& e) {
    out_.field("epoch", e.epoch);
    out_.field("version", e.version);
  }
  void operator()(const model::host_inventoried& e) {
    out_.field("host_id", e.info.id);
    out_.field("host", e.info.name);
    out_.field_unless_empty("machine", e.info.machine);
    out_.key("capacity");
    render(out_, e.info.capacity);
    out_.key("devices");
    out_.begin_array();
    for (const auto& device : e.info.devices) {
      out_.begin_object();
      out_.field("id", device.id);
      out_.field("model", device.model);
      out_.field("pci_address", to_string(device.address));
      out_.field("vendor_device_id", to_string(device.vendor_device));
      out_.end_object();
    }
    out_.end_array();
  }
  void operator()(const model::host_status_changed& e) {
    out_.field("host_id", e.host);
    out_.field("status", to_string(e.status));
    out_.field("settled", e.settled);
  }
  void operator()(const model::host_settings_changed& e) {
    out_.field("host_id", e.host);
    out_.field("enabled", e.enabled);
    out_.field("maintenance", e.maintenance);
    out_.list<std::string>("tags", e.tags);
    out_.key("reserve");
    render(out_, e.reserve);
    out_.field("cpu_overcommit", e.cpu_overcommit_milli);
    out_.field("memory_overcommit", e.memory_overcommit_milli);
  }
  void operator()(const model::host_removed& e) { out_.field("host_id", e.host); }
  void operator()(const model::server_created& e) {
    out_.field("server_id", e.server.id);
    out_.key("server");
    render(out_, e.server);
  }
  void operator()(const model::server_status_changed& e) {
    out_.field("server_id", e.server);
    out_.field("status", to_string(e.status));
    out_.field_unless_empty("reason", e.reason);
  }
  void operator()(const model::server_power_requested& e) {
    out_.field("server_id", e.server);
    out_.field("power", e.desired == model::power::on ? "on" : "off");
    out_.field("restarts", e.restarts);
    out_.field("status", to_string(e.status));
  }
  void operator()(const model::server_delete_requested& e) {
    out_.field("server_id", e.server);
    out_.key("releases");
    out_.begin_array();
    for (const auto& one : e.releases) {
      release(out_, one);
    }
    out_.end_array();
  }
  void operator()(const model::server_removed& e) { out_.field("server_id", e.server); }
  void operator()(const model::device_attached& e) {
    out_.field("server_id", e.server);
    out_.field("device_id", e.device.device);
    out_.field("epoch", e.device.epoch);
    out_.field("dev_type", to_string(e.device.type));
  }
  void operator()(const model::device_detached& e) {
    out_.field("server_id", e.server);
    out_.field("device_id", e.release.device);
    out_.field("epoch", e.release.epoch);
  }
  void operator()(const model::device_settings_changed& e) {
    out_.field("device_id", e.device);
    out_.field("dev_type", to_string(e.type));
    out_.field("reserved_cpu", e.reserve.cpus);
    out_.field("reserved_memory", e.reserve.memory_mib);
    out_.field("reserved_storage", e.reserve.storage_mib);
    out_.field("enabled", e.enabled);
  }
  void operator()(const model::device_state_reported& e) {
    out_.field("device_id", e.device);
    out_.field("state", to_string(e.state));
    out_.field_unless_empty("reason", e.reason);
    out_.field("obeyed", e.obeyed);
    out_.field_unless_empty("evidence", e.evidence);
  }
  void operator()(const model::server_placed& e) {
    out_.field("server_id", e.server);
    out_.field("host_id", e.host);
    out_.key("devices");
    out_.begin_array();
    for (const auto& each : e.attachments) {
      out_.begin_object();
      out_.field("id", each.device);
      out_.field("dev_type", to_string(each.type));
      out_.field("epoch", each.epoch);
      out_.end_object();
    }
    out_.end_array();
    if (e.ends_at) {
      out_.field("expected_end", *e.ends_at);
    }
  }
  void operator()(const model::server_wait_ended& e) {
    out_.field("server_id", e.server);
    out_.field("status", to_string(model::server_status::sched_fail));
    out_.field_unless_empty("reason", e.reason);
    if (e.why) {
      out_.key("why_refused");
      render(out_, *e.why);
    }
  }
  void operator()(const model::server_reserved& e) {
    out_.field("server_id", e.server);
    if (e.where) {
      out_.field("reserved_host_id", e.where->host);
      if (e.where->starts_at) {
        out_.field("promised_start", *e.where->starts_at);
      }
    }
  }
  void operator()(const model::device_removed& e) { out_.field("device_id", e.device); }
  /// Without the key and the answer: they belong to the client that sent them.
  void operator()(const model::request_answered& e) { out_.field("status", e.http_status); }

private:
  json_writer& out_;
};

} // namespace

void render(json_writer& out, const model::log_record& record) {
  out.begin_object();
  out.field("sequence", record.sequence);
  out.field("at", record.at);
  out.field("type", event_name(record.what));
  std::visit(fields{out}, record.what);
  out.end_object();
}

} // namespace berth::api
