// The demand of a CSV on hosts of 8 GPUs in berth's own simulator, with the production scheduler.
//
//   des_berth HOSTS DEMAND.csv    prints events, seconds of processor time, refused servers, peak
//   memory in MiB
#include <cstdio>
#include <ctime>
#include <string>
#include <utility>

#include <sys/resource.h>

#include "sim/demand/readers.hpp"
#include "sim/fleet/run.hpp"

namespace {

using namespace berth;

/// 8 GPUs on two NUMA nodes.
model::host_info machine() {
  model::host_info made;
  made.name = "h100";
  made.capacity = {192, 2 * 1024 * 1024, 16 * 1024 * 1024};
  made.numa_nodes = 2;
  for (std::uint8_t i = 0; i < 8; ++i) {
    model::device_info gpu;
    gpu.address = {0, static_cast<std::uint8_t>(0x10 + i), 0, 0};
    gpu.vendor_device = {0x10de, 0x2330};
    gpu.vendor = "NVIDIA";
    gpu.model = "H100";
    gpu.numa_node = i / 4;
    made.devices.push_back(std::move(gpu));
  }
  return made;
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: des_berth HOSTS DEMAND.csv\n", stderr);
    return 2;
  }
  const auto demand = sim::read_demand_file(sim::trace_format::berth, argv[2]);
  if (!demand) {
    std::fprintf(stderr, "des_berth: %s\n", demand.error().message.c_str());
    return 1;
  }
  sim::scenario what;
  what.hosts.resize(1);
  what.hosts[0].name = "h100";
  what.hosts[0].machine = machine();
  what.hosts[0].count = static_cast<std::uint32_t>(std::stoul(argv[1]));
  sim::demand_source source{*demand};
  const auto begin = std::clock();
  const auto result = sim::run(what, source, 1);
  const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  if (!result) {
    std::fprintf(stderr, "des_berth: %s\n", result.error().message.c_str());
    return 1;
  }
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf("%llu %.6f %llu %ld\n", static_cast<unsigned long long>(result->events), took,
              static_cast<unsigned long long>(result->refused), used.ru_maxrss / 1024);
}
