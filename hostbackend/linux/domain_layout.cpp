#include "hostbackend/linux/domain_layout.hpp"

#include <algorithm>
#include <bit>
#include <set>

namespace berth::hostbackend::host_linux {

namespace {

std::vector<numa_node> nodes_of(const std::vector<numa_node>& host,
                                const std::vector<model::device_info>& devices) {
  std::set<int> wanted;
  for (const auto& device : devices)
    wanted.insert(device.numa_node);
  std::vector<numa_node> found;
  for (const int id : wanted) {
    const auto node =
        std::find_if(host.begin(), host.end(), [id](const numa_node& one) { return one.id == id; });
    if (node == host.end() || node->cpu_count < 1)
      return {};
    found.push_back(*node);
  }
  return found;
}

bool hold(const std::vector<numa_node>& nodes, std::int64_t vcpus, std::int64_t memory_mib) {
  for (const auto& node : nodes) {
    vcpus -= node.cpu_count;
    memory_mib -= node.memory_mib;
  }
  return vcpus <= 0 && memory_mib <= 0;
}

/// Equal shares; what is left over goes to the first cells.
std::vector<guest_cell> cells_on(const std::vector<numa_node>& nodes, std::int64_t vcpus,
                                 std::int64_t memory_mib) {
  const auto count = static_cast<std::int64_t>(nodes.size());
  std::vector<guest_cell> cells;
  std::int64_t next_vcpu = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto share = vcpus / count + (i < vcpus % count ? 1 : 0);
    cells.push_back({.host = nodes[static_cast<std::size_t>(i)],
                     .first_vcpu = next_vcpu,
                     .vcpus = share,
                     .memory_mib = memory_mib / count + (i < memory_mib % count ? 1 : 0)});
    next_vcpu += share;
  }
  return cells;
}

constexpr std::uint64_t window_max = std::uint64_t{1} << 46U; // more than a processor addresses

} // namespace

memory_layout lay_out_memory(const std::vector<numa_node>& host,
                             const std::vector<model::device_info>& devices, std::int64_t vcpus,
                             std::int64_t memory_mib) {
  auto near = nodes_of(host, devices);
  if (near.empty() || !hold(near, vcpus, memory_mib))
    return {};
  const auto count = static_cast<std::int64_t>(near.size());
  const bool mirrored = count > 1 && vcpus >= count && memory_mib >= count;
  auto cells = mirrored ? cells_on(near, vcpus, memory_mib) : std::vector<guest_cell>{};
  return {std::move(near), std::move(cells)};
}

std::uint64_t port_window(const std::vector<std::uint64_t>& bars) {
  std::uint64_t sum = 0;
  std::uint64_t largest = 1;
  for (const auto bar : bars) {
    sum = std::min(window_max, sum + std::min(bar, window_max));
    largest = std::max(largest, std::min(bar, window_max));
  }
  return (sum + largest - 1) / largest * largest;
}

std::uint64_t mmio_window(const std::vector<model::device_info>& devices, std::uint64_t spare) {
  constexpr std::uint64_t offered = std::uint64_t{32} << 30U;
  std::uint64_t sum = std::min(window_max, spare);
  for (const auto& device : devices)
    sum = std::min(window_max, sum + port_window(device.bar_sizes));
  // Twice: companions' BARs, other devices and the gaps that alignment leaves.
  const auto window = std::bit_ceil(2 * sum);
  return window <= offered ? 0 : window;
}

} // namespace berth::hostbackend::host_linux
