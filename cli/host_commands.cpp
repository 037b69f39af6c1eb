#include <fmt/format.h>

#include "cli/verbs.hpp"
#include "cli/wait.hpp"

namespace berth::cli {
namespace {

constexpr const char* group = "Hosts";

const std::vector<std::string> plain_columns{"id",           "name",        "status",  "settled",
                                             "enabled",      "maintenance", "machine", "devices",
                                             "devices_free", "servers"};
const std::vector<std::string> detail_columns{"tags",         "capacity",  "reserve",
                                              "used",         "free",      "free_for_gpu",
                                              "gpu_reserved", "last_seen", "agent_version"};

target hosts() {
  return target{"/v1/hosts"};
}

result<void> list(session& s, const arguments& given) {
  auto where = hosts();
  if (auto done = add_query(where, given, {"enabled", "status"}); !done)
    return done;
  const auto answer = s.api().get(where);
  if (!answer)
    return tl::unexpected{answer.error()};
  s.print(render_list(*answer, view_of(given, plain_columns, detail_columns), s.format()));
  return {};
}

result<void> show(session& s, const arguments& given) {
  return for_each_named(s, given, plain_columns,
                        [&](const std::string& id) { return s.api().get(hosts().segment(id)); });
}

result<void> enable(session& s, const arguments& given) {
  return for_each_named(s, given, plain_columns, [&](const std::string& id) {
    return s.api().post(hosts().segment(id).fixed("/enable"));
  });
}

result<void> disable(session& s, const arguments& given) {
  return for_each_named(s, given, plain_columns, [&](const std::string& id) {
    return s.api().post(hosts().segment(id).fixed("/disable"));
  });
}

result<void> probe(session& s, const arguments& given) {
  return for_each_named(s, given, {"id", "probe"}, [&](const std::string& id) {
    return s.api().post(hosts().segment(id).fixed("/probe")).map([&](const json&) {
      return json{{"id", id}, {"probe", "asked"}};
    });
  });
}

result<void> remove(session& s, const arguments& given) {
  return for_each_named(s, given, {"id", "deleted"}, [&](const std::string& id) {
    return s.api().remove(hosts().segment(id)).map([&](const json&) {
      return json{{"id", id}, {"deleted", true}};
    });
  });
}

result<void> update(session& s, const arguments& given) {
  json settings = json::object();
  json reserve = json::object();
  struct field {
    const char* option;
    json& where;
    const char* name;
  };
  const field fields[] = {{"cpu-overcommit", settings, "cpu_overcommit"},
                          {"memory-overcommit", settings, "memory_overcommit"},
                          {"reserve-cpu", reserve, "cpus"},
                          {"reserve-mem", reserve, "memory_mib"},
                          {"reserve-storage", reserve, "storage_mib"}};
  for (const auto& f : fields) {
    const auto number = given.number(f.option);
    if (!number)
      return tl::unexpected{number.error()};
    if (*number)
      f.where[f.name] = **number;
  }
  if (given.has("tag") && given.has("no-tags"))
    return misuse("--tag and --no-tags exclude each other");
  if (given.has("tag") || given.has("no-tags"))
    settings["tags"] = given.values("tag");
  if (!reserve.empty()) {
    if (reserve.size() < 3) { // the API takes the three together: keep what is not given
      if (const auto now = s.api().get(hosts().segment(given.positional(0)))) {
        auto whole = at(*now, "reserve");
        whole.update(reserve);
        reserve = std::move(whole);
      } else {
        return tl::unexpected{now.error()};
      }
    }
    settings["reserve"] = reserve;
  }
  if (settings.empty())
    return misuse("nothing to update: see the options in --help");
  const auto answer = s.api().patch(hosts().segment(given.positional(0)), settings);
  if (!answer)
    return tl::unexpected{answer.error()};
  s.print(render_object(*answer, s.format()));
  return {};
}

/// The servers on a host that hold a GPU: they cannot move, somebody must stop them.
result<json> gpu_servers(session& s, const std::string& host) {
  json found = json::array();
  for (std::int64_t offset = 0;; offset += 1'000) {
    auto where = target{"/v1/servers"};
    where.query("host", host)
        .query("gpu", "true")
        .query("limit", "1000")
        .query("offset", fmt::format("{}", offset));
    const auto answer = s.api().get(where);
    if (!answer)
      return tl::unexpected{answer.error()};
    const auto& items = at(*answer, "items");
    found.insert(found.end(), items.begin(), items.end());
    if (items.size() < 1'000)
      return found;
  }
}

/// Stops what runs; one that refuses does not keep the others from being stopped.
result<void> stop_servers(session& s, const json& servers, const arguments& given) {
  std::vector<watched_server> stopping;
  bool failed = false;
  for (const auto& server : servers) {
    if (text_of(server, "status") == "ready")
      continue;
    const watched_server one{text_of(server, "id"), text_of(server, "name")};
    if (const auto asked = s.api().post(target{"/v1/servers"}.segment(one.id).fixed("/stop"));
        asked) {
      stopping.push_back(one);
    } else {
      s.explain(asked.error());
      failed = true;
    }
  }
  if (given.has("wait") && !stopping.empty()) {
    const auto deadline = deadline_of(given);
    if (!deadline)
      return tl::unexpected{deadline.error()};
    if (auto ended = wait_for_servers(s, std::move(stopping), "ready", *deadline); !ended)
      return ended;
  }
  return failed ? told() : result<void>{};
}

result<void> maintenance(session& s, const arguments& given) {
  const auto id = given.positional(0);
  if (given.has("off") && given.has("stop-servers"))
    return misuse("--off and --stop-servers exclude each other");
  const auto answer =
      s.api().post(hosts().segment(id).fixed("/maintenance"), {{"on", !given.has("off")}});
  if (!answer)
    return tl::unexpected{answer.error()};
  s.print(render_object(*answer, s.format()));
  if (given.has("off"))
    return {};
  const auto servers = gpu_servers(s, id);
  if (!servers)
    return tl::unexpected{servers.error()};
  if (servers->empty()) {
    s.note("no server on it holds a GPU");
    return {};
  }
  const std::vector<std::string> columns{"id", "name", "status", "vcpus", "memory_mib"};
  s.note(fmt::format("{} servers on it hold GPUs; a GPU cannot move while its server runs{}",
                     servers->size(),
                     given.has("stop-servers") ? "" : ": stop them with --stop-servers"));
  s.err_text(to_text(list_table(*servers, columns_of(columns))));
  return given.has("stop-servers") ? stop_servers(s, *servers, given) : result<void>{};
}

positional_spec names(bool repeated = true) {
  return {.name = "HOST",
          .help = "ids or names of hosts",
          .repeated = repeated,
          .source = value_source::host};
}

} // namespace

std::vector<command_spec> host_commands() {
  const std::vector<option_spec> filters{
      a_truth("enabled", "only enabled (or disabled) hosts"),
      a_choice("status", {"online", "offline"}, "only hosts in this state")};
  return {
      {"host-list", group, "List hosts", joined(filters, list_options()), {}, list},
      {"host-show", group, "Show everything about hosts", {}, {names()}, show},
      {"host-enable", group, "Place servers on hosts again", {}, {names()}, enable},
      {"host-disable", group, "Place no further server on hosts", {}, {names()}, disable},
      {"host-update",
       group,
       "Change a host's settings",
       {a_list("tag", "TAG", "a placement tag; replaces all there are"),
        a_switch("no-tags", "remove all placement tags"),
        a_value("cpu-overcommit", "N", "thousandths: 1500 gives away 1.5 times the CPUs"),
        a_value("memory-overcommit", "N", "thousandths of the memory"),
        a_value("reserve-cpu", "N", "CPUs kept for the host itself"),
        a_value("reserve-mem", "MIB", "memory kept for the host itself"),
        a_value("reserve-storage", "MIB", "local disk kept for the host itself")},
       {names(false)},
       update},
      {"host-maintenance",
       group,
       "Take a host out of service, or back with --off",
       joined({a_switch("off", "end the maintenance"),
               a_switch("stop-servers", "stop its servers that hold a GPU")},
              wait_options()),
       {names(false)},
       maintenance,
       "It names the servers that hold a GPU and what they need: they are not moved.\n"},
      {"host-probe-isolated-devices", group, "Look for devices again", {}, {names()}, probe},
      {"host-probe", group, "The same as host-probe-isolated-devices", {}, {names()}, probe},
      {"host-delete",
       group,
       "Forget hosts that are offline, disabled and empty",
       {},
       {names()},
       remove},
  };
}

} // namespace berth::cli
