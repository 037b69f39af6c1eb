#include "sim/traces/alibaba.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "model/text.hpp"
#include "sim/demand/arrival.hpp"
#include "sim/demand/csv_reader.hpp"
#include "sim/demand/trace_table.hpp"

namespace berth::sim {

namespace {

constexpr std::int64_t cpu_milli_max = std::int64_t{1'000} * 1'000;
constexpr std::int64_t host_gpus_max = 64;

/// Makes an item of a row, or leaves a fault in it.
template <class Item> using row_converter = model::result<Item> (*)(trace_row& row);

namespace node_column {
enum : std::size_t { sn, cpu_milli, memory_mib, gpu, model };
}
constexpr std::array<trace_column, 5> node_columns{
    {{"sn", true}, {"cpu_milli", true}, {"memory_mib", true}, {"gpu", true}, {"model", true}}};

model::result<alibaba_node> node_of(trace_row& row) {
  const auto cpu_milli = row.whole(node_column::cpu_milli, cpu_milli_max);
  const auto memory = row.whole(node_column::memory_mib, memory_mib_max);
  const auto gpus = row.whole(node_column::gpu, host_gpus_max);
  alibaba_node node{std::string{row.text(node_column::sn)}, cpu_milli / 1000, memory,
                    static_cast<std::int32_t>(gpus), std::string{row.text(node_column::model)}};
  if (!model::is_name(node.name)) {
    row.blame(node_column::sn, "must be a host name");
  }
  if (node.gpus > 0 && !model::is_name(node.model)) {
    row.blame(node_column::model, "must be a name where there are GPUs");
  }
  return node;
}

/// `A|B` as ordered alternatives; an empty text is any GPU.
std::vector<model::device_selector> selectors_of(std::string_view spec) {
  std::vector<model::device_selector> selectors;
  for (const auto word : alternatives(spec)) {
    selectors.push_back({gpu_model_of(word), {}, {}, {}});
  }
  if (selectors.empty()) {
    selectors.emplace_back();
  }
  return selectors;
}

namespace pod_column {
enum : std::size_t { name, cpu_milli, memory_mib, num_gpu, gpu_milli, gpu_spec };
}
constexpr std::array<trace_column, 6> pod_columns{{{"name", true},
                                                   {"cpu_milli", true},
                                                   {"memory_mib", true},
                                                   {"num_gpu", true},
                                                   {"gpu_milli", true},
                                                   {"gpu_spec"}}};

model::result<model::server_spec> pod_of(trace_row& row) {
  const auto cpu_milli = row.whole(pod_column::cpu_milli, cpu_milli_max);
  const auto memory = row.whole(pod_column::memory_mib, memory_mib_max);
  const auto gpus = row.whole(pod_column::num_gpu, host_gpus_max);
  static_cast<void>(row.whole(pod_column::gpu_milli, 1000)); // a fraction is one GPU
  model::server_spec spec;
  spec.name = row.text(pod_column::name);
  spec.vcpus = std::max<std::int64_t>(1, (cpu_milli + 999) / 1000);
  spec.memory_mib = std::max<std::int64_t>(1, memory);
  if (gpus > 0) {
    model::device_request wish;
    wish.count = static_cast<std::int32_t>(gpus);
    wish.alternatives = selectors_of(row.text(pod_column::gpu_spec));
    spec.devices.push_back(std::move(wish));
  }
  if (auto valid = validate(spec); !valid) {
    return tl::unexpected{valid.error()};
  }
  return spec;
}

/// What is wrong with a row, or with the item that was made of it.
template <class Item>
std::optional<std::string> fault_of(const trace_row& row, const model::result<Item>& item,
                                    std::span<const trace_column> columns) {
  if (row.fault()) {
    const auto column = row.fault()->column;
    return std::string{columns[column].name} + " is " + in_quotes(row.text(column)) + ": " +
           to_text(*row.fault());
  }
  return item ? std::nullopt : std::optional{item.error().message};
}

/// Turns every row into an item; rows that cannot be are reported.
template <class Item>
model::result<trace_table<Item>> read_table(std::unique_ptr<byte_source> from, std::string name,
                                            std::span<const trace_column> columns,
                                            row_converter<Item> make) {
  auto table = csv_reader::open(std::move(from), std::move(name), {});
  if (!table) {
    return tl::unexpected{table.error()};
  }
  const auto places = column_places::find(columns, *table);
  if (!places) {
    return tl::unexpected{places.error()};
  }
  trace_table<Item> found;
  std::set<std::string> names;
  csv_record record;
  while (true) {
    const auto more = table->next(record);
    if (!more) {
      return tl::unexpected{more.error()};
    }
    if (!*more) {
      return found;
    }
    if (!record.rule.empty()) {
      found.faulty.push_back({record.line, to_text(record)});
      continue;
    }
    trace_row row{record.fields, *places};
    auto item = make(row);
    auto fault = fault_of(row, item, columns);
    if (!fault && !names.insert(item->name).second) {
      fault = "the name " + item->name + " stood before";
    }
    if (fault) {
      found.faulty.push_back({record.line, *std::move(fault)});
    } else {
      found.items.push_back(*std::move(item));
    }
  }
}

} // namespace

model::result<trace_table<alibaba_node>> read_alibaba_nodes(std::unique_ptr<byte_source> from,
                                                            std::string name) {
  return read_table<alibaba_node>(std::move(from), std::move(name), node_columns, node_of);
}

model::result<trace_table<model::server_spec>> read_alibaba_pods(std::unique_ptr<byte_source> from,
                                                                 std::string name) {
  return read_table<model::server_spec>(std::move(from), std::move(name), pod_columns, pod_of);
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
