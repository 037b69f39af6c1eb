#include "model/server.hpp"

#include "model/enum_names.hpp"

namespace berth::model {

namespace {
constexpr enum_names<server_status, server_status::unknown> statuses{
    "init",    "scheduling", "sched_fail", "deploying", "deploy_fail", "ready",  "starting",
    "running", "stopping",   "start_fail", "dev_fail",  "deleting",    "unknown"};
constexpr enum_names<firmware, firmware::uefi> firmwares{"bios", "uefi"};
constexpr enum_names<power, power::on> powers{"off", "on"};
} // namespace

std::string_view to_string(server_status status) {
  return name_of(statuses, status);
}

std::optional<server_status> parse_server_status(std::string_view text) {
  return value_of<server_status>(statuses, text);
}

std::string_view to_string(firmware kind) {
  return name_of(firmwares, kind);
}

std::optional<firmware> parse_firmware(std::string_view text) {
  return value_of<firmware>(firmwares, text);
}

std::string_view to_string(power state) {
  return name_of(powers, state);
}

resources amount_of(const server_spec& spec) {
  resources amount{spec.vcpus, spec.memory_mib, 0};
  for (const auto& disk : spec.disks) {
    amount.storage_mib += disk.size_mib;
  }
  return amount;
}

placement_request to_placement_request(server_id id, const server_spec& spec, timestamp now) {
  placement_request request;
  request.server = id;
  request.project = spec.project;
  request.amount = amount_of(spec);
  request.devices = spec.devices;
  request.topology = spec.topology;
  request.tags = spec.tags;
  request.anti_affinity_group = spec.anti_affinity_group;
  request.host = spec.host;
  request.preferred_host = spec.preferred_host;
  request.now = now;
  if (spec.lifetime) {
    request.ends_at = now + *spec.lifetime;
  }
  return request;
}

timestamp wait_deadline(const server_record& server) {
  return server.created_at + server.spec->wait_for_capacity.value_or(duration::zero());
}

} // namespace berth::model
