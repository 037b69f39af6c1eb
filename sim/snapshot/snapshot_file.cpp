#include "sim/snapshot/snapshot_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <system_error>
#include <utility>

#include "sim/demand/arrival.hpp"
#include "sim/snapshot/json_node.hpp"
#include "sim/snapshot/snapshot_hosts.hpp"

namespace berth::sim {

using model::errc;
using model::fail;

namespace {

/// A server that has a place, as the document says.
struct described_server {
  std::size_t host = 0;
  std::vector<std::uint32_t> devices;
  model::resources amount;
  std::optional<model::duration> ends;
  bool leaves = false; ///< it is being deleted
};

/// Marks the devices as held; two servers cannot have one.
void take_devices(const json_node& from, described_server& server, described_host& host,
                  std::size_t devices) {
  const auto list = from.list("devices", devices_max);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (devices == 0)
      return list.refuse("names devices, but the machine has none");
    const auto device =
        static_cast<std::uint32_t>(list.number_at(i, 0, static_cast<std::int64_t>(devices) - 1));
    if (!host.held.insert(device).second)
      list.refuse("names a device that is taken already");
    server.devices.push_back(device);
  }
}

std::vector<described_server> read_servers(const json_node& root, model::timestamp at,
                                           const std::vector<described_machine>& machines,
                                           std::vector<described_host>& hosts) {
  std::vector<described_server> servers;
  const auto list = root.list("servers", servers_max);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto from = list.item(i);
    if (hosts.empty()) {
      from.refuse("host", "names a host, but there are none");
      return servers;
    }
    auto& made = servers.emplace_back();
    made.host = static_cast<std::size_t>(
        from.number("host", 0, static_cast<std::int64_t>(hosts.size()) - 1));
    made.amount = from.amount("amount", amount_max);
    made.leaves = from.truth("deleting");
    if (from.has("expected_end"))
      made.ends = std::max(from.moment("expected_end") - at, model::duration{});
    auto& host = hosts[made.host];
    take_devices(from, made, host, machines[host.machine].info.devices.size());
  }
  return servers;
}

/// The models of a request, best first, as `A|B`; empty: any.
std::string models_of(const json_node& request) {
  auto models = request.text_or_empty("model", text_max);
  if (!request.has("alternatives"))
    return models;
  constexpr std::size_t alternatives_max = 64;
  const auto others = request.list("alternatives", alternatives_max);
  for (std::size_t i = 0; i < others.size(); ++i) {
    const auto other = others.item(i).text_or_empty("model", text_max);
    if (models.empty() || other.empty())
      return {}; // one of them takes any
    models += "|" + other;
  }
  return models;
}

/// False: it asks for what a simulation cannot.
bool read_requests(const json_node& from, waiting_server& server) {
  constexpr std::size_t requests_max = 64;
  const auto list = from.list("devices", requests_max);
  bool simple = list.size() <= 1;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto request = list.item(i);
    for (const auto* exact : {"id", "vendor", "dev_type", "vendor_device_id"})
      simple = simple && !request.has(exact);
    const auto count = request.has("count") ? request.number("count", 1, gpus_max) : 1;
    server.gpus = static_cast<std::uint16_t>(std::min(gpus_max, server.gpus + count));
    server.model = models_of(request);
  }
  return simple;
}

model::topology_wishes read_topology(const json_node& from) {
  model::topology_wishes made;
  const auto read = [&from](const char* key, model::wish& into) {
    if (!from.has(key))
      return;
    if (const auto value = model::parse_wish(from.text(key, text_max)))
      into = *value;
    else
      from.refuse(key, "must be none, prefer or require");
  };
  read("numa", made.numa);
  read("pcie_root", made.pcie_root);
  read("pcie_switch", made.pcie_switch);
  read("fabric", made.fabric);
  return made;
}

std::vector<waiting_server> read_waiting(const json_node& root, model::timestamp at,
                                         std::size_t& left_out) {
  std::vector<waiting_server> servers;
  const auto list = root.list("waiting", servers_max);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto from = list.item(i);
    waiting_server made;
    made.project = from.text("project", text_max);
    made.amount = from.amount("amount", amount_max);
    made.priority = static_cast<std::int32_t>(from.number("priority", 0, priority_max));
    if (from.has("topology"))
      made.topology = read_topology(from.object("topology"));
    made.patience = std::max(from.moment("wait_until") - at, model::duration{});
    if (from.has("expected_lifetime_seconds"))
      made.lifetime =
          std::chrono::seconds{from.number("expected_lifetime_seconds", 0, seconds_max)};
    if (read_requests(from, made))
      servers.push_back(std::move(made));
    else
      ++left_out;
  }
  std::ranges::stable_sort(servers, std::greater{}, &waiting_server::priority);
  return servers;
}

fleet_snapshot assemble(grouped_hosts&& hosts, const std::vector<described_server>& servers) {
  fleet_snapshot made;
  std::size_t leaving = 0;
  for (const auto& server : servers) {
    const auto number = hosts.numbers[server.host];
    if (!number)
      continue;
    if (server.leaves) {
      ++leaving;
      continue;
    }
    auto& stands = made.standing.emplace_back();
    stands.host = *number;
    for (const auto device : server.devices)
      if (const auto place = hosts.devices[server.host][device])
        stands.devices.push_back(*place);
    stands.amount = server.amount;
    stands.ends = server.ends;
  }
  made.hosts = std::move(hosts.groups);
  made.remarks = std::move(hosts.remarks);
  if (leaving > 0)
    made.remarks.push_back(std::to_string(leaving) + " servers that are being deleted are left "
                                                     "out");
  return made;
}

} // namespace

model::result<fleet_snapshot> read_snapshot(std::string_view document, const std::string& source,
                                            const snapshot_options& options) {
  if (document.size() > options.bytes_max)
    return fail(errc::too_large, source + " has " + std::to_string(document.size()) +
                                     " bytes: at most " + std::to_string(options.bytes_max) +
                                     " are taken");
  const auto parsed = nlohmann::json::parse(document, nullptr, false);
  if (parsed.is_discarded())
    return fail(errc::invalid_argument,
                source + " is not JSON: take what berthctl snapshot has written");
  json_fault fault{source};
  const json_node root{parsed, {}, fault};
  constexpr std::int64_t version = 1;
  static_cast<void>(root.number("version", version, version));
  if (fault.is_set())
    return tl::unexpected{fault.failure()};
  const auto sequence = root.number("sequence", 0, INT64_MAX);
  const auto at = root.moment("at");
  const auto machines = read_machines(root);
  if (fault.is_set())
    return tl::unexpected{fault.failure()};
  auto hosts = read_hosts(root, machines);
  if (fault.is_set())
    return tl::unexpected{fault.failure()};
  const auto servers = read_servers(root, at, machines, hosts);
  std::size_t left_out = 0;
  auto waiting = read_waiting(root, at, left_out);
  if (fault.is_set())
    return tl::unexpected{fault.failure()};
  auto made = assemble(group_hosts(machines, hosts, options.closed_hosts), servers);
  made.sequence = static_cast<std::uint64_t>(sequence);
  made.at = at;
  made.waiting = std::move(waiting);
  if (left_out > 0)
    made.remarks.push_back(std::to_string(left_out) +
                           " servers that wait for certain devices or for several kinds of them "
                           "are left out");
  return made;
}

model::result<fleet_snapshot> read_snapshot_file(const std::filesystem::path& path,
                                                 const snapshot_options& options) {
  std::error_code problem;
  const auto size = std::filesystem::file_size(path, problem);
  if (problem)
    return fail(errc::store_failed, "cannot read " + path.string() + ": " + problem.message());
  if (size > options.bytes_max)
    return fail(errc::too_large, path.string() + " has " + std::to_string(size) +
                                     " bytes: at most " + std::to_string(options.bytes_max) +
                                     " are taken");
  std::ifstream in{path, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (in.bad() || !in.is_open())
    return fail(errc::store_failed, "cannot read " + path.string() + ": " + std::strerror(errno));
  return read_snapshot(text, path.string(), options);
}

} // namespace berth::sim
