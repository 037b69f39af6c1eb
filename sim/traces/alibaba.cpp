#include "sim/traces/alibaba.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

#include "model/text.hpp"

namespace berth::sim {

namespace {

/// A row's number, `0` to `most`; fails naming the column.
model::result<std::int64_t> number(const std::string& text, std::string_view name,
                                   std::int64_t most) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || value < 0 || value > most) {
    return model::fail(model::errc::invalid_argument, std::string{name} + " is '" + text +
                                                          "': must be a whole number from 0 to " +
                                                          std::to_string(most));
  }
  return value;
}

constexpr std::int64_t cpu_milli_max = 1'000'000;
constexpr std::int64_t memory_mib_max = std::int64_t{64} * 1024 * 1024;
constexpr std::int64_t gpus_max = 64;

/// Positions of the columns that are needed.
class column_map {
public:
  static model::result<column_map> find(const csv_table& table,
                                        std::initializer_list<std::string_view> needed) {
    column_map map;
    for (const auto name : needed) {
      auto position = column(table, name);
      if (!position) {
        return tl::unexpected{position.error()};
      }
      map.positions_.emplace_back(name, *position);
    }
    return map;
  }

  [[nodiscard]] const std::string& text(const csv_row& row, std::string_view name) const {
    const auto found = std::find_if(positions_.begin(), positions_.end(),
                                    [name](const auto& entry) { return entry.first == name; });
    return row.fields.at(found->second);
  }
  [[nodiscard]] model::result<std::int64_t> value(const csv_row& row, std::string_view name,
                                                  std::int64_t most) const {
    return number(text(row, name), name, most);
  }

private:
  std::vector<std::pair<std::string_view, std::size_t>> positions_;
};

model::result<alibaba_node> node_of(const csv_row& row, const column_map& columns) {
  const auto cpu_milli = columns.value(row, "cpu_milli", cpu_milli_max);
  const auto memory = columns.value(row, "memory_mib", memory_mib_max);
  const auto gpus = columns.value(row, "gpu", gpus_max);
  for (const auto* part : {&cpu_milli, &memory, &gpus}) {
    if (!*part) {
      return tl::unexpected{part->error()};
    }
  }
  alibaba_node node{columns.text(row, "sn"), *cpu_milli / 1000, *memory,
                    static_cast<std::int32_t>(*gpus), columns.text(row, "model")};
  if (!model::is_name(node.name)) {
    return model::fail(model::errc::invalid_argument, "sn is '" + node.name + "': not a host name");
  }
  if (node.gpus > 0 && !model::is_name(node.model)) {
    return model::fail(model::errc::invalid_argument,
                       "model is '" + node.model + "': a node with GPUs needs one");
  }
  return node;
}

/// `A|B` as ordered alternatives; an empty text is any GPU.
std::vector<model::device_selector> alternatives_of(std::string_view spec) {
  std::vector<model::device_selector> alternatives;
  while (!spec.empty()) {
    const std::size_t end = std::min(spec.find('|'), spec.size());
    if (end > 0) {
      alternatives.push_back({gpu_model_of(spec.substr(0, end)), {}, {}, {}});
    }
    spec.remove_prefix(std::min(end + 1, spec.size()));
  }
  if (alternatives.empty()) {
    alternatives.emplace_back();
  }
  return alternatives;
}

model::result<model::server_spec> pod_of(const csv_row& row, const column_map& columns,
                                         std::optional<std::size_t> gpu_spec) {
  const auto cpu_milli = columns.value(row, "cpu_milli", cpu_milli_max);
  const auto memory = columns.value(row, "memory_mib", memory_mib_max);
  const auto gpus = columns.value(row, "num_gpu", gpus_max);
  const auto gpu_milli = columns.value(row, "gpu_milli", 1000);
  for (const auto* part : {&cpu_milli, &memory, &gpus, &gpu_milli}) {
    if (!*part) {
      return tl::unexpected{part->error()};
    }
  }
  model::server_spec spec;
  spec.name = columns.text(row, "name");
  spec.vcpus = std::max<std::int64_t>(1, (*cpu_milli + 999) / 1000);
  spec.memory_mib = std::max<std::int64_t>(1, *memory);
  if (*gpus > 0) {
    model::device_request wish;
    wish.count = static_cast<std::int32_t>(*gpus);
    wish.alternatives = alternatives_of(gpu_spec ? row.fields.at(*gpu_spec) : std::string{});
    spec.devices.push_back(std::move(wish));
  }
  auto valid = validate(spec);
  if (!valid) {
    return tl::unexpected{valid.error()};
  }
  return spec;
}

/// Turns every row into an item; rows that cannot be are reported.
template <class Item, class Make> trace_table<Item> convert(const csv_table& table, Make make) {
  trace_table<Item> found;
  found.faulty = table.faulty;
  std::set<std::string> names;
  for (const auto& row : table.rows) {
    model::result<Item> item = make(row);
    if (item && !names.insert(item->name).second) {
      item = model::fail(model::errc::name_in_use, "the name " + item->name + " stood before");
    }
    if (item) {
      found.items.push_back(*std::move(item));
    } else {
      found.faulty.push_back({row.line, item.error().message});
    }
  }
  std::stable_sort(found.faulty.begin(), found.faulty.end(),
                   [](const bad_row& a, const bad_row& b) { return a.line < b.line; });
  return found;
}

} // namespace

model::result<trace_table<alibaba_node>> read_alibaba_nodes(std::string_view csv) {
  const auto table = parse_csv(csv);
  if (!table) {
    return tl::unexpected{table.error()};
  }
  const auto columns = column_map::find(*table, {"sn", "cpu_milli", "memory_mib", "gpu", "model"});
  if (!columns) {
    return tl::unexpected{columns.error()};
  }
  return convert<alibaba_node>(*table, [&](const csv_row& row) { return node_of(row, *columns); });
}

model::result<trace_table<model::server_spec>> read_alibaba_pods(std::string_view csv) {
  const auto table = parse_csv(csv);
  if (!table) {
    return tl::unexpected{table.error()};
  }
  const auto columns =
      column_map::find(*table, {"name", "cpu_milli", "memory_mib", "num_gpu", "gpu_milli"});
  if (!columns) {
    return tl::unexpected{columns.error()};
  }
  const auto found = column(*table, "gpu_spec");
  const auto gpu_spec = found ? std::optional{*found} : std::nullopt;
  return convert<model::server_spec>(
      *table, [&](const csv_row& row) { return pod_of(row, *columns, gpu_spec); });
}

std::string gpu_model_of(std::string_view word) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 4> products{{
      {"P100", "Tesla P100-PCIE-16GB"},
      {"T4", "Tesla T4"},
      {"V100M16", "Tesla V100-SXM2-16GB"},
      {"V100M32", "Tesla V100-SXM2-32GB"},
  }};
  const auto* const found = std::find_if(products.begin(), products.end(),
                                         [word](const auto& entry) { return entry.first == word; });
  return std::string{found == products.end() ? word : found->second};
}

std::string to_inventory_yaml(const std::vector<alibaba_node>& nodes, std::int64_t storage_mib) {
  std::string yaml =
      "# Made by berth-sim from a node list of Alibaba's GPU cluster trace of 2023.\n"
      "# The trace says nothing of disks: storage_mib is the converter's.\n"
      "hosts:\n";
  for (const auto& node : nodes) {
    yaml += "  - {name: " + node.name + ", cpus: " + std::to_string(node.cpus) +
            ", memory_mib: " + std::to_string(node.memory_mib) +
            ", storage_mib: " + std::to_string(storage_mib);
    if (node.gpus > 0) {
      yaml += ", gpus: " + std::to_string(node.gpus) + ", model: " + node.model;
    }
    yaml += "}\n";
  }
  return yaml;
}

} // namespace berth::sim
