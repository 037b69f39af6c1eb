#include "api/render.hpp"

namespace berth::api {

namespace {

void render_selector_fields(json_writer& out, const model::device_selector& selector) {
  out.field_unless_empty("model", selector.model);
  out.field_unless_empty("vendor", selector.vendor);
  if (selector.type) {
    out.field("dev_type", to_string(*selector.type));
  }
  if (selector.vendor_device) {
    out.field("vendor_device_id", to_string(*selector.vendor_device));
  }
}

void render_wishes(json_writer& out, const model::server_spec& spec) {
  out.key("topology");
  render(out, spec.topology);
  out.key("tags");
  out.begin_object();
  out.list<std::string>("require", spec.tags.require);
  out.list<std::string>("prefer", spec.tags.prefer);
  out.list<std::string>("avoid", spec.tags.avoid);
  out.end_object();
  out.field_unless_empty("anti_affinity_group", spec.anti_affinity_group);
  if (spec.preferred_host) {
    out.field("preferred_host_id", *spec.preferred_host);
  }
  out.field("auto_start", spec.auto_start);
  out.key("metadata");
  out.begin_object();
  for (const auto& [name, value] : spec.metadata) {
    out.pair(name, value);
  }
  out.end_object();
  out.field("priority", spec.priority);
  const auto seconds = [&out](std::string_view name, const std::optional<model::duration>& length) {
    if (length) {
      out.field(name, std::chrono::duration_cast<std::chrono::seconds>(*length).count());
    }
  };
  seconds("wait_for_capacity_seconds", spec.wait_for_capacity);
  seconds("expected_lifetime_seconds", spec.lifetime);
  if (!spec.user_data.empty()) {
    out.field("user_data_bytes", static_cast<std::int64_t>(spec.user_data.size()));
  }
  if (!spec.qemu_arguments.empty()) {
    out.list<std::string>("qemu_arguments", spec.qemu_arguments);
  }
}

void render_scores(json_writer& out, const std::vector<model::score_part>& scores) {
  out.key("scores");
  out.begin_array();
  for (const auto& part : scores) {
    out.begin_object();
    out.field("rule", part.rule);
    out.field("points", part.points);
    out.field_unless_empty("reason", part.reason);
    out.end_object();
  }
  out.end_array();
}

void render_runner_up(json_writer& out, const std::optional<model::runner_up>& next) {
  if (next) {
    out.key("runner_up");
    out.begin_object();
    out.field("host_id", next->host);
    out.field_unless_empty("host", next->host_name);
    out.field("decided_by", next->decided_by);
    out.field("points", next->points);
    out.field("winner_points", next->winner_points);
    out.end_object();
  }
}

void render_miss(json_writer& out, const model::shortfall& miss) {
  out.field("used", miss.used);
  out.field("requested", miss.requested);
  out.field("capacity", miss.capacity);
  out.field_unless_empty("text", miss.text);
}

/// A placement's fields, without its brackets.
void render_place(json_writer& out, const model::placement& placement,
                  std::string_view host_name = {}) {
  out.field("host_id", placement.host);
  out.field_unless_empty("host", host_name);
  out.list<model::device_id>("device_ids", placement.devices);
  render_scores(out, placement.scores);
  render_runner_up(out, placement.next);
}

void render_verdict(json_writer& out, const model::host_verdict& verdict) {
  out.begin_object();
  out.field("host_id", verdict.host);
  out.field("host", verdict.host_name);
  out.field("fits", verdict.fits);
  out.field("is_best", verdict.is_best);
  out.key("broken");
  out.begin_array();
  for (const auto& rule : verdict.broken) {
    out.begin_object();
    out.field("rule", rule.rule);
    render_miss(out, rule.miss);
    out.end_object();
  }
  out.end_array();
  render_scores(out, verdict.scores);
  if (verdict.loses) {
    out.key("loses_by");
    out.begin_object();
    out.field("decided_by", verdict.loses->decided_by);
    out.field("points", verdict.loses->points);
    out.field("winner_points", verdict.loses->winner_points);
    out.end_object();
  }
  out.end_object();
}

/// Where a waiting server stands.
struct queue_place {
  std::int64_t position = 0; ///< 0 = not known
  std::string_view reserved_host_name;
};

void render_waiting(json_writer& out, const model::server_record& server, queue_place place) {
  if (!model::is_waiting(server)) {
    return;
  }
  if (place.position > 0) {
    out.field("queue_position", place.position);
  }
  out.field("waits_until", model::wait_deadline(server));
  if (server.reserved) {
    out.field("reserved_host_id", server.reserved->host);
    out.field_unless_empty("reserved_host", place.reserved_host_name);
    if (server.reserved->starts_at) {
      out.field("promised_start", *server.reserved->starts_at);
    }
  }
}

/// Everything but the devices, up to and without the closing bracket.
void render_head(json_writer& out, const model::server_record& server, std::string_view host_name,
                 queue_place place) {
  out.field("id", server.id);
  out.field("name", server.spec->name);
  out.field("status", to_string(server.status));
  out.field_unless_empty("status_reason", server.status_reason);
  out.field("power", server.desired_power == model::power::on ? "on" : "off");
  render_spec(out, server.spec);
  if (server.host) {
    out.field("host_id", *server.host);
    out.field_unless_empty("host", host_name);
  }
  if (server.ends_at) {
    out.field("expected_end", *server.ends_at);
  }
  render_waiting(out, server, place);
  out.field("deleting", server.deleting);
  out.field("created_at", server.created_at);
  out.field("updated_at", server.updated_at);
  if (server.why_refused) {
    out.key("why_refused");
    render(out, *server.why_refused);
  }
  if (server.why_placed) {
    out.key("why_placed");
    out.begin_object();
    out.field("policy", server.why_placed->policy);
    render_scores(out, server.why_placed->scores);
    render_runner_up(out, server.why_placed->next);
    out.end_object();
  }
}

} // namespace

void render(json_writer& out, const model::topology_wishes& wishes) {
  out.begin_object();
  out.field("numa", to_string(wishes.numa));
  out.field("pcie_root", to_string(wishes.pcie_root));
  out.field("pcie_switch", to_string(wishes.pcie_switch));
  out.field("fabric", to_string(wishes.fabric));
  out.end_object();
}

void render(json_writer& out, const model::device_request& request) {
  out.begin_object();
  if (request.id) {
    out.field("id", *request.id);
  } else {
    if (!request.alternatives.empty()) {
      render_selector_fields(out, request.alternatives.front());
    }
    out.field("count", request.count);
    if (request.alternatives.size() > 1) {
      out.key("alternatives");
      out.begin_array();
      for (std::size_t i = 1; i < request.alternatives.size(); ++i) {
        out.begin_object();
        render_selector_fields(out, request.alternatives[i]);
        out.end_object();
      }
      out.end_array();
    }
  }
  out.end_object();
}

void render_spec(json_writer& out, const model::server_spec& spec) {
  out.field("project", spec.project);
  out.field("hypervisor", spec.hypervisor);
  out.field("vcpus", spec.vcpus);
  out.field("memory_mib", spec.memory_mib);
  out.key("disks");
  out.begin_array();
  for (const auto& disk : spec.disks) {
    out.begin_object();
    out.field("size_mib", disk.size_mib);
    out.field_unless_empty("image", disk.image);
    out.end_object();
  }
  out.end_array();
  out.list<std::string>("networks", spec.networks);
  out.field("firmware", to_string(spec.boot));
  out.field("os", spec.os);
  out.key("device_requests");
  out.begin_array();
  for (const auto& request : spec.devices) {
    render(out, request);
  }
  out.end_array();
  render_wishes(out, spec);
}

void render_placement(json_writer& out, const model::placement& placement) {
  out.begin_object();
  render_place(out, placement);
  out.end_object();
}

void render(json_writer& out, const model::refusal& why) {
  out.begin_object();
  out.field("summary", summary(why));
  out.field("hosts_considered", why.hosts_considered);
  out.key("rules");
  out.begin_array();
  for (const auto& rule : why.rules) {
    out.begin_object();
    out.field("rule", rule.rule);
    out.field("hosts_excluded", rule.hosts_excluded);
    if (rule.nearest) {
      out.field("nearest_host_id", *rule.nearest);
      out.field_unless_empty("nearest_host", rule.nearest_name);
      render_miss(out, rule.miss);
    }
    out.end_object();
  }
  out.end_array();
  out.key("suggestions");
  out.begin_array();
  for (const auto& suggestion : why.suggestions) {
    out.begin_object();
    out.field("change", suggestion.change);
    out.field("host_id", suggestion.host);
    out.field_unless_empty("host", suggestion.host_name);
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

void render(json_writer& out, const model::server_record& server) {
  out.begin_object();
  render_head(out, server, {}, {});
  out.key("devices");
  out.begin_array();
  for (const auto& attached : server.attachments) {
    out.begin_object();
    out.field("id", attached.device);
    out.field("dev_type", to_string(attached.type));
    out.end_object();
  }
  out.end_array();
  out.end_object();
}

void render(json_writer& out, const model::server_row& row) {
  out.begin_object();
  render_head(out, row.server, row.host_name, {row.queue_position, row.reserved_host_name});
  out.key("devices");
  out.begin_array();
  for (const auto& device : row.devices) {
    render(out, device);
  }
  out.end_array();
  out.end_object();
}

void render(json_writer& out, const model::forecast& forecast) {
  out.begin_object();
  out.field("can_create", forecast.can_create);
  out.field("allow_count", forecast.allow_count);
  out.key("placements");
  out.begin_array();
  for (const auto& placement : forecast.placements) {
    render_placement(out, placement);
  }
  out.end_array();
  if (forecast.why_not) {
    out.key("why_not");
    render(out, *forecast.why_not);
  }
  out.end_object();
}

void render(json_writer& out, const model::explanation& explanation) {
  const auto* where = std::get_if<model::placement>(&explanation.where);
  out.begin_object();
  out.field("can_create", where != nullptr);
  out.field("policy", explanation.policy);
  out.field("capacity", explanation.capacity);
  if (where != nullptr) {
    out.key("placement");
    out.begin_object();
    render_place(out, *where, explanation.host_name);
    out.end_object();
  } else {
    out.key("why_not");
    render(out, std::get<model::refusal>(explanation.where));
  }
  out.key("hosts");
  out.begin_array();
  for (const auto& verdict : explanation.hosts) {
    render_verdict(out, verdict);
  }
  out.end_array();
  out.end_object();
}

void render(json_writer& out, const model::failure& failure) {
  const auto& row = model::describe(failure.code);
  out.begin_object();
  out.field("code", row.http_status);
  out.field("class", row.name);
  out.field("message", failure.message.empty() ? row.meaning : std::string_view{failure.message});
  out.key("details");
  out.begin_object();
  for (const auto& [name, value] : failure.details) {
    out.pair(name, value);
  }
  out.end_object();
  out.end_object();
}

} // namespace berth::api
