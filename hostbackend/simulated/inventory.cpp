#include "hostbackend/simulated/inventory.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <map>
#include <set>
#include <utility>

#include "hostbackend/simulated/yaml_reader.hpp"
#include "model/text.hpp"

namespace berth::hostbackend::simulated {

using model::errc;

namespace {

constexpr std::size_t hosts_max = 200'000;
constexpr yaml_limits inventory_limits{
    .bytes_max = 64U << 20U, .nodes_max = 4'000'000, .depth_max = 8};

class inventory_reader {
public:
  inventory_reader(const yaml_document& document, const inventory_paths& paths)
      : document_{document}, paths_{paths} {}

  std::vector<simulated_host> read() {
    const yaml_fields top{document_, document_.root(), "an inventory", {"hosts"}};
    for (const auto& node : top.items("hosts", hosts_max))
      read_entry(node);
    if (hosts_.empty())
      top.refuse("hosts", "`hosts` must list at least one host");
    return std::move(hosts_);
  }

private:
  void read_entry(const YAML::Node& node) {
    const yaml_fields fields{
        document_,
        node,
        "a host",
        {"name", "machine", "count", "cpus", "memory_mib", "storage_mib", "gpus", "model"}};
    const auto name = fields.text("name");
    if (!model::is_name(name, 120))
      fields.refuse("name", "`" + name +
                                "` is no host name: letters, digits, dot, dash and "
                                "underscore, at most 120 characters");
    if (fields.has("machine"))
      read_machines(fields, name);
    else
      read_counted(fields, name);
  }

  void read_machines(const yaml_fields& fields, const std::string& name) {
    for (const auto* key : {"cpus", "memory_mib", "storage_mib", "gpus", "model"})
      if (fields.has(key))
        fields.refuse(key, std::string{"`"} + key + "` is the machine's: leave it out");
    const auto kind = machine_called(fields);
    const bool fixed = kind->host || std::any_of(kind->devices.begin(), kind->devices.end(),
                                                 [](const auto& one) { return !one.id.is_nil(); });
    if (fixed && !fixed_.insert(kind.get()).second)
      fields.refuse("machine", "this machine has fixed ids and can stand only once");
    add_all(fields, make_host(name, kind), fixed ? 1 : hosts_max);
  }

  /// The host once under its own name, or `count` times with numbers.
  void add_all(const yaml_fields& fields, const simulated_host& pattern, std::int64_t most) {
    if (!fields.has("count"))
      return add(fields, pattern);
    const auto count = fields.integer("count", 1, hosts_max);
    if (count > most)
      fields.refuse("count", "this machine has fixed ids and can stand only once");
    for (std::int64_t i = 1; i <= count; ++i) {
      std::array<char, 24> number{};
      std::snprintf(number.data(), number.size(), "-%04lld", static_cast<long long>(i));
      auto host = make_host(pattern.name + number.data(), pattern.kind);
      host.capacity = pattern.capacity;
      add(fields, std::move(host));
    }
  }

  void read_counted(const yaml_fields& fields, const std::string& name) {
    const auto gpus = fields.integer("gpus", 0, 32, 0);
    const auto model_name = gpus > 0 ? fields.text("model") : std::string{};
    auto& kind = generic_[{gpus, model_name}];
    if (!kind) {
      auto built = generic_machine(static_cast<int>(gpus), model_name);
      if (!built)
        fields.refuse("gpus", built.error().message);
      kind = *built;
    }
    auto host = make_host(name, kind);
    host.capacity = {.cpus = fields.integer("cpus", 1, 100'000),
                     .memory_mib = fields.integer("memory_mib", 1, std::int64_t{1} << 40),
                     .storage_mib = fields.integer("storage_mib", 0, std::int64_t{1} << 40, 0)};
    add_all(fields, host, hosts_max);
  }

  void add(const yaml_fields& fields, simulated_host host) {
    if (hosts_.size() >= hosts_max)
      document_.refuse(fields.node(), errc::too_large,
                       "more than " + std::to_string(hosts_max) + " hosts");
    if (!names_.insert(host.name).second)
      fields.refuse("name", "two hosts are called " + host.name);
    hosts_.push_back(std::move(host));
  }

  std::shared_ptr<const machine> machine_called(const yaml_fields& fields) {
    const auto name = fields.text("machine");
    auto& kind = machines_[name];
    if (kind)
      return kind;
    namespace fs = std::filesystem;
    const bool is_path = name.find('/') != std::string::npos || name.ends_with(".yaml");
    if (!is_path && !model::is_name(name))
      fields.refuse("machine", "`" + name + "` is neither a machine's name nor a path to a file");
    const auto path =
        is_path ? fs::path{paths_.base} / name : fs::path{paths_.machines} / (name + ".yaml");
    auto loaded = load_machine(path.string());
    if (!loaded)
      fields.refuse("machine", loaded.error().message);
    kind = *loaded;
    return kind;
  }

  const yaml_document& document_;
  const inventory_paths& paths_;
  std::vector<simulated_host> hosts_;
  std::set<std::string> names_;
  std::map<std::string, std::shared_ptr<const machine>> machines_;
  std::map<std::pair<std::int64_t, std::string>, std::shared_ptr<const machine>> generic_;
  std::set<const machine*> fixed_;
};

} // namespace

model::result<std::vector<simulated_host>>
parse_inventory(std::string_view text, std::string source, const inventory_paths& paths) {
  return parse<std::vector<simulated_host>>(source, [&] {
    const yaml_document document{text, source, inventory_limits};
    return inventory_reader{document, paths}.read();
  });
}

model::result<std::vector<simulated_host>> load_inventory(const std::string& path,
                                                          const std::string& machines_directory) {
  const auto text = read_text_file(path, inventory_limits.bytes_max);
  if (!text)
    return tl::unexpected<model::failure>{text.error()};
  return parse_inventory(
      *text, path,
      {.machines = machines_directory, .base = std::filesystem::path{path}.parent_path().string()});
}

} // namespace berth::hostbackend::simulated
