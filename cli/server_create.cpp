#include "cli/server_create.hpp"

#include <algorithm>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "cli/device_argument.hpp"
#include "cli/verbs.hpp"
#include "model/amounts.hpp"
#include "model/ids.hpp"

namespace berth::cli {
namespace {

/// The page writes it for "other parameters as for an ordinary server".
constexpr std::string_view and_so_on = "...";
constexpr std::size_t user_data_max = 16'384;

result<json> parse_disk(const std::string& text) {
  std::optional<std::int64_t> size;
  std::string image;
  std::string_view rest = text;
  for (;;) {
    const auto end = rest.find(':');
    const auto piece = rest.substr(0, end);
    if (const auto mib = model::parse_size_mib(piece); mib && !size)
      size = mib;
    else if (!piece.empty() && image.empty() && !mib)
      image = piece;
    else
      return misuse(fmt::format("--disk must be a size, or an image and a size, such as 30g or "
                                "debian-12:30g, got \"{}\"",
                                text));
    if (end == std::string_view::npos)
      break;
    rest.remove_prefix(end + 1);
  }
  if (!size)
    return misuse(fmt::format("--disk \"{}\" has no size; write e.g. {}:30g", text, image));
  json out{{"size_mib", *size}};
  if (!image.empty())
    out["image"] = image;
  return out;
}

/// A host's id from its id or name.
result<std::string> host_id_of(session& s, const std::string& name) {
  if (model::host_id::parse(name))
    return name;
  const auto host = s.api().get(target{"/v1/hosts"}.segment(name));
  if (!host)
    return tl::unexpected{host.error()};
  return text_of(*host, "id");
}

result<void> add_devices(json& spec, const arguments& given) {
  for (const auto& text : given.values("isolated-device")) {
    const auto request = parse_device_argument(text);
    if (!request)
      return tl::unexpected{request.error()};
    spec["devices"].push_back(to_json(*request));
  }
  return {};
}

result<void> add_amounts(json& spec, const arguments& given) {
  const auto cpus = given.number("ncpu");
  if (!cpus)
    return tl::unexpected{cpus.error()};
  if (*cpus)
    spec["vcpus"] = **cpus;
  if (const auto text = given.value("mem-spec")) {
    const auto mib = model::parse_size_mib(*text);
    if (!mib)
      return misuse(fmt::format("--mem-spec must be a size such as 512m or 4g, got \"{}\"", *text));
    spec["memory_mib"] = *mib;
  }
  for (const auto& text : given.values("disk")) {
    auto disk = parse_disk(text);
    if (!disk)
      return tl::unexpected{disk.error()};
    spec["disks"].push_back(std::move(*disk));
  }
  return {};
}

/// Whole seconds; what is finer counts as one more.
result<void> add_seconds(json& spec, const arguments& given, const char* option,
                         const char* field) {
  const auto text = given.value(option);
  if (!text)
    return {};
  const auto length = model::parse_duration(*text);
  if (!length || length->count() == 0)
    return misuse(fmt::format("--{} must be a duration such as 90s, 10m, 2h or 3d, got \"{}\"",
                              option, *text));
  spec[field] = std::chrono::ceil<std::chrono::seconds>(*length).count();
  return {};
}

/// What only a server that is made, not only thought of, has: its place among those that wait.
result<void> add_waiting(json& spec, const arguments& given) {
  const auto priority = given.number("priority");
  if (!priority)
    return tl::unexpected{priority.error()};
  if (*priority)
    spec["priority"] = **priority;
  return add_seconds(spec, given, "wait-for-capacity", "wait_for_capacity_seconds");
}

result<void> add_hosts(session& s, json& spec, const arguments& given) {
  const std::pair<const char*, const char*> fields[] = {{"host", "host_id"},
                                                        {"prefer-host", "preferred_host_id"}};
  for (const auto& [option, field] : fields)
    if (const auto name = given.value(option)) {
      auto id = host_id_of(s, *name);
      if (!id)
        return tl::unexpected{id.error()};
      spec[field] = std::move(*id);
    }
  return {};
}

result<void> add_metadata(json& spec, const arguments& given) {
  for (const auto& pair : given.values("metadata")) {
    const auto equals = pair.find('=');
    if (equals == std::string::npos || equals == 0)
      return misuse(fmt::format("--metadata must be key=value, got \"{}\"", pair));
    spec["metadata"][pair.substr(0, equals)] = pair.substr(equals + 1);
  }
  return {};
}

/// What the guest itself is given.
result<void> add_guest(json& spec, const arguments& given) {
  if (given.has("qemu-argument"))
    spec["qemu_arguments"] = given.values("qemu-argument");
  const auto path = given.value("user-data");
  if (!path)
    return {};
  std::ifstream file{*path, std::ios::binary};
  std::string text(user_data_max + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.gcount() <= 0)
    return misuse(
        fmt::format("--user-data must be a readable file that is not empty, got \"{}\"", *path));
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > user_data_max)
    return misuse(fmt::format("--user-data: \"{}\" is larger than {} bytes", *path, user_data_max));
  spec["user_data"] = std::move(text);
  return {};
}

/// How many servers; 1 without --count.
result<std::int64_t> count_of(const arguments& given) {
  const auto count = given.number("count");
  if (!count)
    return tl::unexpected{count.error()};
  if (*count && (**count < 1 || **count > 10'000))
    return misuse(fmt::format("--count must be from 1 to 10000, got {}", **count));
  return count->value_or(1);
}

/// Takes the name from the arguments; a bare `...` among them is remarked on and means nothing.
std::string name_of(session& s, const arguments& given) {
  auto words = given.positionals();
  if (std::erase(words, and_so_on) > 0)
    s.note("\"...\" stands for the other creation parameters: defaults are taken for those not "
           "given");
  return words.empty() ? std::string{} : words.front();
}

std::vector<batch_item> items_of(const json& answer) {
  std::vector<batch_item> out;
  for (const auto& item : at(answer, "items")) {
    const auto& problem = at(item, "error");
    const auto& server = at(item, "server");
    if (problem.is_null())
      out.push_back({text_of(server, "id"), server});
    else
      out.push_back(
          {fmt::format("number {}", out.size() + 1),
           tl::unexpected{fault_of(static_cast<int>(number_of(problem, "code")), problem)}});
  }
  return out;
}

/// Asks what would happen and prints it. False: not all of `count` would be created.
result<bool> foretell(session& s, const arguments& given, json spec, std::int64_t count) {
  json question = spec;
  spec["count"] = count;
  auto answer = s.api().post(target{"/v1/placements:forecast"}, spec);
  if (!answer)
    return tl::unexpected{answer.error()};
  if (given.has("explain-host")) {
    question["hosts"] = given.values("explain-host");
    const auto judged = s.api().post(target{"/v1/placements:explain"}, question);
    if (!judged)
      return tl::unexpected{judged.error()};
    (*answer)["hosts"] = at(*judged, "hosts");
  }
  print_forecast(s, *answer, count);
  return number_of(*answer, "allow_count") >= count;
}

result<void> dry_run(session& s, const arguments& given, json spec, std::int64_t count) {
  const auto fits = foretell(s, given, std::move(spec), count);
  if (!fits)
    return tl::unexpected{fits.error()};
  return *fits ? result<void>{} : told(exit_code::would_not_fit);
}

result<void> create(session& s, const arguments& given) {
  const auto deadline = deadline_of(given);
  if (!deadline)
    return tl::unexpected{deadline.error()};
  const auto count = count_of(given);
  if (!count)
    return tl::unexpected{count.error()};
  const auto name = name_of(s, given);
  auto spec = shape_of(s, given, name);
  if (!spec)
    return tl::unexpected{spec.error()};
  if (given.has("dry-run"))
    return dry_run(s, given, std::move(*spec), *count);
  if (given.has("explain-host"))
    return misuse("--explain-host goes with --dry-run only: or use scheduler-forecast");
  if (auto done = add_waiting(*spec, given); !done)
    return done;
  if (given.has("no-keep"))
    (*spec)["keep_refused"] = false;
  if (*count > 1)
    (*spec)["count"] = *count;
  const auto answer = s.api().post(target{"/v1/servers"}, *spec);
  if (!answer)
    return tl::unexpected{answer.error()};
  auto items =
      *count > 1 ? items_of(*answer) : std::vector<batch_item>{{text_of(*answer, "id"), *answer}};
  std::vector<fault> refused;
  for (const auto& item : items) {
    if (item.answer && text_of(*item.answer, "status").ends_with("_fail"))
      refused.push_back(refused_server(*item.answer));
    if (item.answer && item.answer->contains("waits_until"))
      s.note(fmt::format("server {} waits for capacity until {}: {}", text_of(*item.answer, "name"),
                         text_of(*item.answer, "waits_until"),
                         text_of(*item.answer, "status_reason")));
  }
  result<void> ended;
  if (given.has("wait"))
    ended = follow_servers(s, items, given.has("auto-start") ? "running" : "ready", *deadline);
  auto shown = finish_batch(s, items, {"id", "name", "status", "host", "vcpus", "memory_mib"});
  for (const auto& problem : refused)
    s.explain(problem);
  if (!ended)
    return ended;
  return refused.empty() ? shown : told();
}

result<void> forecast(session& s, const arguments& given) {
  const auto count = count_of(given);
  if (!count)
    return tl::unexpected{count.error()};
  const auto name = name_of(s, given);
  auto spec = shape_of(s, given, name);
  if (!spec)
    return tl::unexpected{spec.error()};
  const auto fits = foretell(s, given, std::move(*spec), *count);
  return fits ? result<void>{} : tl::unexpected{fits.error()};
}

option_spec explain_host() {
  return a_list("explain-host", "HOST", "tell what is for or against this host (id or name)",
                value_source::host);
}

positional_spec name_positional() {
  return {.name = "NAME", .help = "the server's name; without one, it gets one", .required = false};
}

constexpr const char* device_notes =
    "A device (--isolated-device) is an id, or pieces between colons: a type (GPU-HPC, GPU-VGA,\n"
    "PCI), vendor=NAME, a PCI id pair (10de:1c82), a model or part of one:\n"
    "  --isolated-device 273f4f72-06b6-49aa-8456-4beceec44997\n"
    "  --isolated-device 'GPU-HPC:Tesla V100:vendor=NVIDIA'\n"
    "  --isolated-device '4xH100|A100'        four H100; if no host has them, four A100\n"
    "All devices of a server are on one host.\n";

} // namespace

std::vector<option_spec> shape_options() {
  const std::vector<std::string> wishes{"none", "prefer", "require"};
  return {
      a_choice("hypervisor", {"kvm"}, "kvm is the one there is"),
      a_list("isolated-device", "DEVICE", "a device to pass through, see below",
             value_source::device),
      a_value("ncpu", "N", "virtual CPUs (1)"),
      a_value("mem-spec", "SIZE", "memory, e.g. 512m or 4g (1g)"),
      a_list("disk", "[IMAGE:]SIZE", "a disk, e.g. 30g or debian-12:30g"),
      a_list("net", "NETWORK", "a network to connect to"),
      {.name = "boot",
       .value = "WORD",
       .help = "firmware; Windows with a GPU-VGA device needs uefi",
       .choices = {"bios", "uefi"}},
      a_choice("os", {"linux", "windows"}, "what runs on it (linux)"),
      a_value("project", "PROJECT", "whom it belongs to (default)"),
      a_value("host", "HOST", "place it on this host only", value_source::host),
      a_value("prefer-host", "HOST", "place it on this host if it fits", value_source::host),
      a_list("tag", "TAG", "only hosts with this tag"),
      a_list("prefer-tag", "TAG", "rather hosts with this tag"),
      a_list("avoid-tag", "TAG", "no host with this tag"),
      a_value("anti-affinity", "GROUP", "servers of one group sit on different hosts"),
      a_choice("numa", wishes, "devices on one NUMA node (prefer)"),
      a_choice("pcie-root", wishes, "devices below one PCIe root port (prefer)"),
      a_choice("pcie-switch", wishes, "devices behind one PCIe switch (prefer)"),
      a_choice("fabric", wishes, "devices in one NVLink or NVSwitch partition (prefer)"),
      a_value("expected-lifetime", "DURATION", "how long it is likely to be there, e.g. 3d"),
      a_value("count", "N", "so many of them: NAME-1, NAME-2, ..."),
  };
}

result<json> shape_of(session& s, const arguments& given, const std::string& name) {
  json spec = json::object();
  if (!name.empty())
    spec["name"] = name;
  const std::pair<const char*, const char*> texts[] = {{"hypervisor", "hypervisor"},
                                                       {"boot", "firmware"},
                                                       {"os", "os"},
                                                       {"project", "project"},
                                                       {"anti-affinity", "anti_affinity_group"}};
  for (const auto& [option, field] : texts)
    if (const auto value = given.value(option))
      spec[field] = *value;
  if (given.has("net"))
    spec["networks"] = given.values("net");
  for (const auto& [option, field] :
       {std::pair{"tag", "require"}, std::pair{"prefer-tag", "prefer"},
        std::pair{"avoid-tag", "avoid"}})
    if (given.has(option))
      spec["tags"][field] = given.values(option);
  for (const auto& [option, field] :
       {std::pair{"numa", "numa"}, std::pair{"pcie-root", "pcie_root"},
        std::pair{"pcie-switch", "pcie_switch"}, std::pair{"fabric", "fabric"}})
    if (const auto value = given.value(option))
      spec["topology"][field] = *value;
  if (given.has("auto-start"))
    spec["auto_start"] = true;
  if (auto done = add_devices(spec, given); !done)
    return tl::unexpected{done.error()};
  if (auto done = add_amounts(spec, given); !done)
    return tl::unexpected{done.error()};
  if (auto done = add_metadata(spec, given); !done)
    return tl::unexpected{done.error()};
  if (auto done = add_guest(spec, given); !done)
    return tl::unexpected{done.error()};
  if (auto done = add_seconds(spec, given, "expected-lifetime", "expected_lifetime_seconds"); !done)
    return tl::unexpected{done.error()};
  if (auto done = add_hosts(s, spec, given); !done)
    return tl::unexpected{done.error()};
  return spec;
}

command_spec server_create_command() {
  return {"server-create",
          "Servers",
          "Create servers",
          joined(joined(shape_options(),
                        {a_switch("auto-start", "power it on once it is there"),
                         a_list("metadata", "KEY=VALUE", "a remark of your own"),
                         a_value("user-data", "FILE", "what the guest's cloud-init shall do"),
                         a_list("qemu-argument", "ARG",
                                "appended to QEMU's command line, where the host allows it"),
                         a_value("wait-for-capacity", "DURATION",
                                 "if it fits nowhere, wait that long for room, e.g. 2h"),
                         a_value("priority", "N", "0 to 100; the higher waits in front (0)"),
                         a_switch("no-keep", "keep nothing of a server that fits nowhere"),
                         a_switch("dry-run", "create nothing; tell what would happen"),
                         explain_host()}),
                 wait_options()),
          {name_positional()},
          create,
          device_notes,
          true};
}

command_spec forecast_command() {
  return {"scheduler-forecast",
          "Cluster",
          "Tell where servers would go, or why they fit nowhere",
          joined(shape_options(), {explain_host()}),
          {name_positional()},
          forecast,
          device_notes,
          true};
}

} // namespace berth::cli
