#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "cli/server_create.hpp"
#include "cli/verbs.hpp"
#include "cli/wait.hpp"

namespace berth::cli {
namespace {

constexpr const char* group = "Servers";

const std::vector<std::string> plain_columns{"id",    "name",       "status", "host",
                                             "vcpus", "memory_mib", "devices"};
const std::vector<std::string> detail_columns{"status_reason", "power",      "project",   "disks",
                                              "networks",      "firmware",   "os",        "host_id",
                                              "auto_start",    "created_at", "updated_at"};

target servers() {
  return target{"/v1/servers"};
}

/// `2x A100, 1x L40S`, in the order of the server's devices.
std::string devices_text(const json& devices) {
  std::vector<std::pair<std::string, int>> counts;
  for (const auto& device : devices) {
    auto name = text_of(device, "model");
    if (name.empty())
      name = text_of(device, "dev_type");
    const auto known = std::ranges::find(counts, name, &std::pair<std::string, int>::first);
    if (known != counts.end())
      ++known->second;
    else
      counts.emplace_back(name, 1);
  }
  std::string out;
  for (const auto& [name, count] : counts)
    out += fmt::format("{}{}x {}", out.empty() ? "" : ", ", count, name);
  return out;
}

result<void> list(session& s, const arguments& given) {
  auto where = servers();
  if (auto done = add_query(where, given, {"gpu", "host", "project", "status"}); !done)
    return done;
  auto answer = s.api().get(where);
  if (!answer)
    return tl::unexpected{answer.error()};
  bool any_waits = false;
  if (s.format() != output_format::as_json && answer->contains("items"))
    for (auto& server : (*answer)["items"])
      if (server.is_object()) {
        server["devices"] = devices_text(at(server, "devices"));
        any_waits = any_waits || server.contains("queue_position");
      }
  auto columns = plain_columns;
  if (any_waits) { // where they stand, and for what they wait
    columns.insert(columns.end(), {"queue_position", "waits_until"});
    if (!given.has("details")) // which has it anyway
      columns.emplace_back("status_reason");
  }
  s.print(render_list(*answer, view_of(given, columns, detail_columns), s.format()));
  return {};
}

result<void> show(session& s, const arguments& given) {
  return for_each_named(s, given, plain_columns,
                        [&](const std::string& id) { return s.api().get(servers().segment(id)); });
}

/// Asks for something and, with --wait, follows every server to `goal`.
result<void> act_and_wait(session& s, const arguments& given, const std::string& goal,
                          const std::function<result<json>(const std::string&)>& act) {
  const auto deadline = deadline_of(given);
  if (!deadline)
    return tl::unexpected{deadline.error()};
  auto items = collect_named(given, act);
  if (!items)
    return tl::unexpected{items.error()};
  result<void> ended;
  if (given.has("wait"))
    ended = follow_servers(s, *items, goal, *deadline);
  auto shown = finish_batch(s, *items, plain_columns);
  return ended ? shown : ended;
}

result<void> remove(session& s, const arguments& given) {
  return act_and_wait(s, given, "deleted",
                      [&](const std::string& id) { return s.api().remove(servers().segment(id)); });
}

result<void> start(session& s, const arguments& given) {
  return act_and_wait(s, given, "running", [&](const std::string& id) {
    return s.api().post(servers().segment(id).fixed("/start"));
  });
}

result<void> stop(session& s, const arguments& given) {
  return act_and_wait(s, given, "ready", [&](const std::string& id) {
    return s.api().post(servers().segment(id).fixed("/stop"));
  });
}

result<void> restart(session& s, const arguments& given) {
  return act_and_wait(s, given, "running", [&](const std::string& id) {
    return s.api().post(servers().segment(id).fixed("/restart"));
  });
}

result<void> attach(session& s, const arguments& given) {
  json body{{"device", given.positional(1)}};
  if (const auto type = given.value("type"))
    body["dev_type"] = *type;
  const auto answer = s.api().post(servers().segment(given.positional(0)).fixed("/devices"), body);
  if (!answer)
    return tl::unexpected{answer.error()};
  return finish_batch(s, {{text_of(*answer, "id"), *answer}}, plain_columns);
}

result<void> detach(session& s, const arguments& given) {
  const auto answer = s.api().remove(
      servers().segment(given.positional(0)).fixed("/devices").segment(given.positional(1)));
  if (!answer)
    return tl::unexpected{answer.error()};
  return finish_batch(s, {{text_of(*answer, "id"), *answer}}, plain_columns);
}

positional_spec names() {
  return {.name = "SERVER",
          .help = "ids or names of servers",
          .repeated = true,
          .source = value_source::server};
}

std::vector<positional_spec> server_and_device() {
  return {{.name = "SERVER", .help = "id or name of the server", .source = value_source::server},
          {.name = "DEVICE", .help = "id of the device", .source = value_source::device}};
}

} // namespace

std::vector<command_spec> server_commands() {
  const std::vector<option_spec> filters{
      a_truth("gpu", "only servers that hold a GPU (or hold none)"),
      a_value("host", "HOST", "only servers on this host (id or name)", value_source::host),
      a_value("project", "PROJECT", "only servers of this project"),
      a_value("status", "STATUS", "only servers in this state, e.g. running")};
  return {
      {"server-list", group, "List servers", joined(filters, list_options()), {}, list},
      {"server-show", group, "Show everything about servers", {}, {names()}, show},
      server_create_command(),
      {"server-delete",
       group,
       "Delete servers; their devices are released at once",
       wait_options(),
       {names()},
       remove},
      {"server-start", group, "Power servers on", wait_options(), {names()}, start},
      {"server-stop",
       group,
       "Power servers off; they keep their devices",
       wait_options(),
       {names()},
       stop},
      {"server-restart", group, "Power servers off and on", wait_options(), {names()}, restart},
      {"server-attach-isolated-device",
       group,
       "Give a device to a server",
       {a_choice("type", {"GPU-HPC", "GPU-VGA", "PCI"}, "attach it as this type")},
       server_and_device(),
       attach,
       "The device must be on the server's host and free; it is there at the next start. A server\n"
       "that runs must be stopped first, unless its host has hot_plug set: then it gets the "
       "device\n"
       "at once.\n"},
      {"server-detach-isolated-device",
       group,
       "Take a device from a server",
       {},
       server_and_device(),
       detach,
       "A server that runs must be stopped first, unless its host has hot_plug set: then its "
       "guest\n"
       "is asked to let go of the device.\n"},
  };
}

} // namespace berth::cli
