// Any bytes as a snapshot of a cluster. What is accepted names only hosts and devices that are
// there, and no device twice.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <string_view>
#include <utility>

#include "sim/snapshot/snapshot_file.hpp"

namespace {

namespace sim = berth::sim;

void must(bool holds) {
  if (!holds)
    std::abort();
}

void check(const sim::fleet_snapshot& read) {
  std::vector<std::size_t> devices; // of each host
  for (const auto& group : read.hosts) {
    must(group.count > 0 && group.from.count() == 0 && !group.name.empty());
    must(group.machine.capacity.cpus >= 0 && group.machine.capacity.memory_mib >= 0 &&
         group.machine.capacity.storage_mib >= 0);
    devices.insert(devices.end(), group.count, group.machine.devices.size());
  }
  std::set<std::pair<std::uint32_t, std::uint32_t>> taken;
  for (const auto& server : read.standing) {
    must(server.host < devices.size());
    for (const auto device : server.devices)
      must(device < devices[server.host] && taken.emplace(server.host, device).second);
    must(!server.ends || server.ends->count() >= 0);
  }
  for (const auto& server : read.waiting)
    must(server.patience.count() >= 0 && (!server.lifetime || server.lifetime->count() >= 0));
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  sim::snapshot_options options;
  options.closed_hosts = (data[0] & 1U) != 0;
  const auto read = sim::read_snapshot(text, "input", options);
  must(read || !read.error().message.empty());
  if (read)
    check(*read);
  return 0;
}
