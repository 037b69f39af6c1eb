#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "api/json_writer.hpp"
#include "model/command.hpp"
#include "model/event.hpp"
#include "model/failure.hpp"

namespace berth::api {

// How the model's values read as JSON. Field names are a contract: docs/api.md.

void render(json_writer& out, const model::resources& amount);
void render(json_writer& out, const model::refusal& why);
/// As a command answers it: without the host's name and the devices' facts.
void render(json_writer& out, const model::server_record& server);
void render(json_writer& out, const model::server_row& row);
void render(json_writer& out, const model::device_record& device);
void render(json_writer& out, const model::device_row& row);
/// As a command answers it: without the sums.
void render(json_writer& out, const model::host_record& host);
void render(json_writer& out, const model::host_row& row);
void render(json_writer& out, const model::forecast& forecast);
void render(json_writer& out, const model::explanation& explanation);
void render(json_writer& out, const model::usage& usage);
/// The snapshot document: docs/snapshot.md.
void render(json_writer& out, const model::inventory_answer& all);
void render(json_writer& out, const model::topology_wishes& wishes);
/// As it was asked for: the first selector in the request itself, the rest as alternatives.
void render(json_writer& out, const model::device_request& request);
/// The object under `error`: code, class, message, details.
void render(json_writer& out, const model::failure& failure);
/// One event of the stream, with its sequence number, time and type.
void render(json_writer& out, const model::log_record& record);

/// Shared by server records and events.
void render_spec(json_writer& out, const model::server_spec& spec);
void render_placement(json_writer& out, const model::placement& placement);
/// The field `fabric_partitions`.
void render_partitions(json_writer& out, const std::vector<model::fabric_partition>& partitions);

template <class T> [[nodiscard]] std::string to_json(const T& what) {
  std::string text;
  text.reserve(1024);
  json_writer out{text};
  render(out, what);
  return text;
}

} // namespace berth::api
