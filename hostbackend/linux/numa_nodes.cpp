#include "hostbackend/linux/numa_nodes.hpp"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;

namespace {

/// Out of lines such as `Node 0 MemTotal:       65536 kB`.
std::optional<std::int64_t> memory_mib(const fs::path& node) {
  std::istringstream words{read_bytes(node / "meminfo").value_or(std::string{})};
  for (std::string word; words >> word;)
    if (std::string amount; word == "MemTotal:" && words >> amount)
      if (const auto kib = parse_number<std::int64_t>(amount, 10); kib && *kib >= 0)
        return *kib / 1024;
  return std::nullopt;
}

std::optional<numa_node> read_node(const fs::path& nodes, int number) {
  const auto node = nodes / ("node" + std::to_string(number));
  const auto cpus = read_text(node / "cpulist");
  const auto count = cpus.empty() ? std::optional{0} : count_of_list(cpus);
  const auto memory = memory_mib(node);
  if (!count || !memory)
    return std::nullopt;
  return numa_node{number, cpus, *count, *memory};
}

} // namespace

std::vector<numa_node> read_numa_nodes(const host_roots& roots) {
  constexpr std::string_view prefix = "node";
  const auto directory = roots.sysfs / "devices/system/node";
  const auto names = names_in(directory);
  if (!names)
    return {};
  std::vector<numa_node> nodes;
  for (const auto& name : *names) {
    const auto number = name.starts_with(prefix)
                            ? parse_number<int>(std::string_view{name}.substr(prefix.size()), 10)
                            : std::nullopt;
    if (!number)
      continue;
    auto node = read_node(directory, *number);
    if (!node)
      return {};
    if (node->cpu_count > 0 && node->memory_mib > 0)
      nodes.push_back(std::move(*node));
  }
  std::sort(nodes.begin(), nodes.end(),
            [](const numa_node& a, const numa_node& b) { return a.id < b.id; });
  return nodes;
}

} // namespace berth::hostbackend::host_linux
