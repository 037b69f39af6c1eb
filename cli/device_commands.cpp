#include <fmt/format.h>

#include "cli/verbs.hpp"

namespace berth::cli {
namespace {

constexpr const char* group = "Isolated devices";

const std::vector<std::string> plain_columns{"id",   "dev_type",         "model",
                                             "addr", "vendor_device_id", "host_id"};
const std::vector<std::string> detail_columns{"host",  "guest_id",     "guest",     "guest_status",
                                              "state", "state_reason", "numa_node", "pcie_info"};

target devices() {
  return target{"/v1/isolated-devices"};
}

result<void> list(session& s, const arguments& given) {
  auto where = devices();
  if (auto done = add_query(where, given,
                            {"gpu", "unused", "host", "server", "dev-type", "model", "addr",
                             "vendor-device-id", "numa-node", "state"});
      !done)
    return done;
  const auto answer = s.api().get(where);
  if (!answer)
    return tl::unexpected{answer.error()};
  s.print(render_list(*answer, view_of(given, plain_columns, detail_columns), s.format()));
  return {};
}

result<void> show(session& s, const arguments& given) {
  return for_each_named(s, given, plain_columns,
                        [&](const std::string& id) { return s.api().get(devices().segment(id)); });
}

/// Sends one batch for all ids, so that one round trip settles them.
result<void> change(session& s, const std::vector<std::string>& ids, json settings) {
  settings["ids"] = ids;
  const auto answer = s.api().patch(devices(), settings);
  if (!answer)
    return tl::unexpected{answer.error()};
  const auto& items = at(*answer, "items");
  if (!items.is_array() || items.size() != ids.size())
    return tl::unexpected{
        fault{exit_code::failed, "the controller's answer does not have one entry per device"}};
  std::vector<batch_item> batch;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto& problem = at(items[i], "error");
    if (problem.is_null())
      batch.push_back({ids[i], at(items[i], "device")});
    else
      batch.push_back({ids[i], tl::unexpected{fault_of(static_cast<int>(number_of(problem, "code")),
                                                       problem)}});
  }
  auto columns = plain_columns;
  columns.insert(columns.end(), {"reserved_cpu", "reserved_memory", "reserved_storage", "enabled"});
  return finish_batch(s, batch, columns);
}

result<void> update(session& s, const arguments& given) {
  json settings = json::object();
  const std::pair<const char*, const char*> numbers[] = {{"reserved-cpu", "reserved_cpu"},
                                                         {"reserved-mem", "reserved_memory"},
                                                         {"reserved-storage", "reserved_storage"}};
  for (const auto& [option, field] : numbers) {
    const auto number = given.number(option);
    if (!number)
      return tl::unexpected{number.error()};
    if (*number)
      settings[field] = **number;
  }
  if (const auto type = given.value("dev-type"))
    settings["dev_type"] = *type;
  if (settings.empty())
    return misuse("nothing to update: give --dev-type, --reserved-cpu, --reserved-mem or "
                  "--reserved-storage");
  return change(s, given.positionals(), std::move(settings));
}

result<void> enable(session& s, const arguments& given) {
  return change(s, given.positionals(), {{"enabled", true}});
}

result<void> disable(session& s, const arguments& given) {
  return change(s, given.positionals(), {{"enabled", false}});
}

/// The answer of a removal says nothing; the id does.
result<json> removed(const std::string& id, result<json> answer) {
  return answer.map([&](const json&) { return json{{"id", id}, {"deleted", true}}; });
}

result<void> remove(session& s, const arguments& given) {
  return for_each_named(s, given, {"id", "deleted"}, [&](const std::string& id) {
    return removed(id, s.api().remove(devices().segment(id)));
  });
}

result<void> purge(session& s, const arguments& given) {
  const json body{{"detach", given.has("purge")}};
  return for_each_named(s, given, {"id", "deleted"}, [&](const std::string& id) {
    return removed(id, s.api().post(devices().segment(id).fixed("/purge"), body));
  });
}

positional_spec ids() {
  return {.name = "ID",
          .help = "ids of devices, see isolated-device-list",
          .repeated = true,
          .source = value_source::device};
}

} // namespace

std::vector<command_spec> device_commands() {
  const std::vector<option_spec> filters{
      a_switch("gpu", "only devices whose type starts with GPU"),
      a_switch("unused", "only devices that no server owns"),
      a_value("host", "HOST", "only devices of this host (id or name)", value_source::host),
      a_value("server", "SERVER", "only devices of this server (id or name)", value_source::server),
      a_list("dev-type", "TYPE", "only devices of this type"),
      a_list("model", "MODEL", "only this model (or part of its name)"),
      a_list("addr", "ADDR", "only the device at this PCI address"),
      a_list("vendor-device-id", "ID", "only this PCI id, e.g. 10de:1c82"),
      a_value("numa-node", "N", "only devices at this NUMA node"),
      a_value("state", "STATE", "only devices in this state, e.g. free or quarantined")};
  return {
      {"isolated-device-list",
       group,
       "List the devices that can be passed through",
       joined(filters, list_options()),
       {},
       list},
      {"isolated-device-show", group, "Show everything about devices", {}, {ids()}, show},
      // The order of the options is that of Cloudpods' own usage line.
      {"isolated-device-update",
       group,
       "Set the type of devices and what is kept aside for them",
       {a_value("reserved-mem", "RESERVED_MEM", "memory kept for servers with devices, in MiB"),
        a_value("reserved-storage", "RESERVED_STORAGE",
                "local disk kept for servers with devices, in MiB"),
        a_choice("dev-type", {"GPU-HPC", "GPU-VGA"},
                 "GPU-HPC keeps the emulated display of a server, GPU-VGA replaces it"),
        a_switch("help", ""),
        a_value("reserved-cpu", "RESERVED_CPU", "virtual CPUs kept for servers with devices")},
       {ids()},
       update},
      {"isolated-device-enable", group, "Let devices be given to servers", {}, {ids()}, enable},
      {"isolated-device-disable", group, "Give devices to no further server", {}, {ids()}, disable},
      {"isolated-device-delete",
       group,
       "Forget devices that are gone from their host",
       {},
       {ids()},
       remove},
      {"isolated-device-purge",
       group,
       "Forget devices, even attached ones",
       {a_switch("purge", "take a device from its server first")},
       {ids()},
       purge},
  };
}

} // namespace berth::cli
