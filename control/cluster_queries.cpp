#include <algorithm>

#include "control/cluster_machine.hpp"
#include "model/text.hpp"

namespace berth::control {

using model::contains_ignoring_case;
using model::errc;
using model::fail;

// --- Rows

model::device_row cluster::machine::row_of(const model::device_record& device) const {
  model::device_row row{device, {}, {}, {}};
  if (const auto* host = state.find_host(device.host)) {
    row.host_name = host->record.name;
  }
  if (const auto* owner = device.owner ? state.find_server(*device.owner) : nullptr) {
    row.server_name = owner->record.spec->name;
    row.owner_status = owner->record.status;
  }
  return row;
}

model::server_row cluster::machine::row_of(const server_entry& entry) const {
  model::server_row row;
  row.server = entry.record;
  if (model::is_waiting(entry.record)) {
    row.queue_position = static_cast<std::int64_t>(state.waiting().position(entry.record));
    if (const auto* kept =
            entry.record.reserved ? state.find_host(entry.record.reserved->host) : nullptr) {
      row.reserved_host_name = kept->record.name;
    }
  }
  if (const auto* host = entry.record.host ? state.find_host(*entry.record.host) : nullptr) {
    row.host_name = host->record.name;
  }
  for (const auto& attached : entry.record.attachments) {
    if (const auto* device = state.find_device(attached.device)) {
      row.devices.push_back(row_of(*device));
    }
  }
  return row;
}

model::host_row cluster::machine::row_of(const host_entry& entry) const {
  model::host_row row;
  row.host = entry.record;
  if (const auto seen = presences.find(entry.record.id); seen != presences.end()) {
    row.host.last_seen = std::max(row.host.last_seen, seen->second.last_heard);
  }
  if (const auto totals = state.inventory().totals(entry.record.id)) {
    row.used = totals->used;
    row.gpu_reserved = totals->gpu_reserved;
    row.free = totals->free;
    row.free_for_gpu = totals->free_for_gpu;
    row.devices = totals->devices;
    row.devices_free = totals->devices_free;
  }
  row.servers = static_cast<std::int32_t>(entry.servers.size());
  return row;
}

// --- Lists

namespace {

model::result<void> check_page(const model::page& slice) {
  constexpr std::int32_t limit_max = 1000;
  if (slice.limit < 1 || slice.limit > limit_max) {
    return fail(errc::invalid_argument,
                "limit is " + std::to_string(slice.limit) + ": must be 1 to 1000",
                {{"field", "limit"}});
  }
  if (slice.offset < 0) {
    return fail(errc::invalid_argument,
                "offset is " + std::to_string(slice.offset) + ": must be 0 or more",
                {{"field", "offset"}});
  }
  return {};
}

/// The slice of what `matches`, made rows by `make`, with the total of the whole.
template <class Row, class Index, class Matches, class Make>
model::rows<Row> list(const Index& index, const model::page& slice, Matches matches, Make make) {
  model::rows<Row> rows;
  index.walk(slice.ascending, [&](const auto& entry) {
    if (matches(entry)) {
      const auto at = rows.total++;
      if (at >= slice.offset && at < slice.offset + slice.limit) {
        rows.items.push_back(make(entry));
      }
    }
    return true;
  });
  return rows;
}

/// The slice of everything: nothing needs to be looked at but the slice.
template <class Row, class Index, class Make>
model::rows<Row> list_all(const Index& index, const model::page& slice, Make make) {
  model::rows<Row> rows;
  rows.total = static_cast<std::int64_t>(index.size());
  std::int64_t at = 0;
  index.walk(slice.ascending, [&](const auto& entry) {
    if (at++ >= slice.offset) {
      rows.items.push_back(make(entry));
    }
    return at < slice.offset + slice.limit;
  });
  return rows;
}

bool holds_gpu(const model::server_record& server) {
  return std::any_of(server.attachments.begin(), server.attachments.end(),
                     [](const model::attachment& it) { return is_gpu(it.type); });
}

/// The ids of named things, or the failure that names the unknown one.
template <class Value, class Parse>
model::result<std::vector<Value>> parse_all(const std::vector<std::string>& words,
                                            const char* field, const char* form, Parse parse) {
  std::vector<Value> values;
  for (const auto& word : words) {
    const auto value = parse(word);
    if (!value) {
      return fail(errc::invalid_argument,
                  std::string{field} + " holds a word that is none: write it like " + form,
                  {{"field", field}});
    }
    values.push_back(*value);
  }
  return values;
}

template <class Value> bool is_wanted(const std::vector<Value>& wanted, const Value& value) {
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

/// list_devices with its words understood.
struct device_filter {
  const model::list_devices& what;
  std::optional<model::host_id> host;
  std::optional<model::server_id> server;
  std::vector<model::pci_address> addresses;
  std::vector<model::vendor_device_id> ids;

  [[nodiscard]] bool matches(const model::device_record& device, const cluster_state& state) const {
    const auto& info = device.info;
    return (!what.gpu || is_gpu(device.type)) && (!what.unused || !device.owner) &&
           (!host || device.host == *host) && (!server || device.owner == *server) &&
           is_wanted(what.types, device.type) && is_wanted(addresses, info.address) &&
           is_wanted(ids, info.vendor_device) && (!what.state || device.state == *what.state) &&
           (!what.numa_node || info.numa_node == *what.numa_node) && has_model(info.model) &&
           is_found(device, state);
  }

private:
  [[nodiscard]] bool has_model(const std::string& name) const {
    return what.models.empty() ||
           std::any_of(what.models.begin(), what.models.end(),
                       [&](const auto& word) { return contains_ignoring_case(name, word); });
  }
  [[nodiscard]] bool is_found(const model::device_record& device,
                              const cluster_state& state) const {
    if (what.search.empty()) {
      return true;
    }
    const auto* on = state.find_host(device.host);
    return contains_ignoring_case(to_string(device.info.id), what.search) ||
           contains_ignoring_case(device.info.model, what.search) ||
           contains_ignoring_case(to_string(device.info.address), what.search) ||
           (on != nullptr && contains_ignoring_case(on->record.name, what.search));
  }
};

} // namespace

model::result<model::answer> cluster::machine::ask(const model::list_servers& what) const {
  if (auto valid = check_page(what.slice); !valid) {
    return tl::unexpected{std::move(valid.error())};
  }
  const auto make = [this](const server_entry& entry) { return row_of(entry); };
  const host_entry* host = nullptr;
  if (!what.host.empty()) {
    host = state.resolve_host(what.host);
    if (host == nullptr) {
      return no_such_host(what.host);
    }
  }
  const bool all =
      !what.gpu && host == nullptr && what.project.empty() && !what.status && what.search.empty();
  if (all) {
    return list_all<model::server_row>(state.servers(), what.slice, make);
  }
  const auto matches = [&](const server_entry& entry) {
    const auto& server = entry.record;
    return (!what.gpu || holds_gpu(server) == *what.gpu) &&
           (host == nullptr || server.host == host->record.id) &&
           (what.project.empty() || server.spec->project == what.project) &&
           (!what.status || server.status == *what.status) &&
           (what.search.empty() || contains_ignoring_case(server.spec->name, what.search) ||
            contains_ignoring_case(to_string(server.id), what.search));
  };
  return list<model::server_row>(state.servers(), what.slice, matches, make);
}

model::result<model::answer> cluster::machine::ask(const model::list_devices& what) const {
  if (auto valid = check_page(what.slice); !valid) {
    return tl::unexpected{std::move(valid.error())};
  }
  auto addresses = parse_all<model::pci_address>(what.addresses, "addresses", "0000:41:00.0",
                                                 model::pci_address::parse);
  if (!addresses) {
    return tl::unexpected{std::move(addresses.error())};
  }
  auto ids = parse_all<model::vendor_device_id>(what.vendor_device_ids, "vendor_device_ids",
                                                "10de:1c82", model::vendor_device_id::parse);
  if (!ids) {
    return tl::unexpected{std::move(ids.error())};
  }
  device_filter filter{what, {}, {}, std::move(*addresses), std::move(*ids)};
  if (!what.host.empty()) {
    const auto* host = state.resolve_host(what.host);
    if (host == nullptr) {
      return no_such_host(what.host);
    }
    filter.host = host->record.id;
  }
  if (!what.server.empty()) {
    const auto* server = state.resolve_server(what.server);
    if (server == nullptr) {
      return no_such_server(what.server);
    }
    filter.server = server->record.id;
  }
  return list<model::device_row>(
      state.devices(), what.slice,
      [&](const model::device_record& device) { return filter.matches(device, state); },
      [this](const model::device_record& device) { return row_of(device); });
}

model::result<model::answer> cluster::machine::ask(const model::list_hosts& what) const {
  if (auto valid = check_page(what.slice); !valid) {
    return tl::unexpected{std::move(valid.error())};
  }
  const auto matches = [&](const host_entry& entry) {
    const auto& host = entry.record;
    return (!what.enabled || host.enabled == *what.enabled) &&
           (!what.status || host.status == *what.status) &&
           (what.search.empty() || contains_ignoring_case(host.name, what.search) ||
            contains_ignoring_case(to_string(host.id), what.search));
  };
  return list<model::host_row>(state.hosts(), what.slice, matches,
                               [this](const host_entry& entry) { return row_of(entry); });
}

// --- Single things and totals

model::result<model::answer> cluster::machine::ask(const model::get_server& what) const {
  const auto* entry = state.resolve_server(what.server);
  if (entry == nullptr) {
    return no_such_server(what.server);
  }
  auto row = row_of(*entry);
  if (model::is_waiting(entry->record)) {
    say_why_it_waits(row.server);
  }
  return model::answer{std::move(row)};
}

/// What is stored with a waiting server is why it began to wait.
void cluster::machine::say_why_it_waits(model::server_record& server) const {
  auto request = to_placement_request(server.id, server.spec, now);
  request.avoid_hosts = queue.hosts_to_avoid(request);
  auto decision = scheduler::plan(state.inventory(), request, policy_of(server.spec->project));
  if (auto* why = std::get_if<model::refusal>(&decision)) {
    why->suggestions =
        server.why_refused ? server.why_refused->suggestions : std::vector<model::suggestion>{};
    server.status_reason = model::summary(*why);
    server.why_refused = std::move(*why);
  }
}

model::result<model::answer> cluster::machine::ask(const model::get_device& what) const {
  const auto* device = state.resolve_device(what.device);
  return device != nullptr ? model::result<model::answer>{row_of(*device)}
                           : no_such_device(what.device);
}

model::result<model::answer> cluster::machine::ask(const model::get_host& what) const {
  const auto* entry = state.resolve_host(what.host);
  return entry != nullptr ? model::result<model::answer>{row_of(*entry)} : no_such_host(what.host);
}

model::result<model::answer> cluster::machine::ask(const model::get_usage&) const {
  const auto& totals = state.totals();
  model::usage usage;
  usage.hosts = totals.hosts;
  usage.hosts_online = totals.hosts_online;
  usage.servers = static_cast<std::int64_t>(state.servers().size());
  usage.devices = static_cast<std::int64_t>(state.devices().size());
  usage.devices_allocated = totals.devices_allocated;
  usage.sequence = state.last_sequence();
  state.hosts().walk(true, [&](const host_entry& host) {
    if (host.record.status == model::host_status::online && host.record.settled) {
      const auto has = state.inventory().totals(host.record.id);
      usage.devices_free += has ? has->devices_free : 0;
    }
    return true;
  });
  return usage;
}

model::result<model::answer> cluster::machine::ask(const model::get_inventory& what) const {
  const auto things = state.hosts().size() + state.devices().size() + state.servers().size();
  if (things > what.things_max) {
    return fail(errc::too_large, "the cluster has " + std::to_string(things) +
                                     " hosts, devices and servers: one answer holds at most " +
                                     std::to_string(what.things_max) +
                                     "; list them page by page instead");
  }
  model::inventory_answer all{state.last_sequence(), now, {}, {}, {}};
  all.hosts.reserve(state.hosts().size());
  all.devices.reserve(state.devices().size());
  all.servers.reserve(state.servers().size());
  state.hosts().walk(true, [&](const host_entry& it) {
    all.hosts.push_back(it.record);
    return true;
  });
  state.devices().walk(true, [&](const model::device_record& it) {
    all.devices.push_back(it);
    return true;
  });
  state.servers().walk(true, [&](const server_entry& it) {
    all.servers.push_back(it.record);
    return true;
  });
  return model::answer{std::move(all)};
}

model::result<model::answer> cluster::answer_from(const machine& machine,
                                                  const model::query& what) {
  return std::visit([&](const auto& query) { return machine.ask(query); }, what);
}

} // namespace berth::control
