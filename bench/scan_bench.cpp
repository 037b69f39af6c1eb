// A scan of a whole host: a tree of 64 GPUs below switches, written to a temporary directory.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#include <benchmark/benchmark.h>

#include "hostbackend/linux/host_scan.hpp"
#include "hostbackend/simulated/machine.hpp"
#include "hostbackend/simulated/sysfs_writer.hpp"

namespace hostbackend = berth::hostbackend;
namespace fs = std::filesystem;

namespace {

/// Sixteen root ports, each with a switch and a sixteenth of the GPUs, each GPU with a second
/// function.
std::string machine_of(int gpus) {
  std::string text =
      "product: bench\ncpus: 256\nmemory_mib: 2097152\nstorage_mib: 1\nnuma_nodes: 2\n"
      "cards:\n  gpu:\n    vendor: NVIDIA\n    model: H100 SXM5 80GB\n    functions:\n"
      "      - {id: \"10de:2330\", class: \"030200\", bars: [16M, 128G, 32M]}\n"
      "      - {id: \"10de:22a3\", class: \"040300\", bars: [16K]}\n"
      "    link: {generation: 5, width: 16}\n    reset: [flr, bus]\nroots:\n";
  constexpr int roots = 16;
  for (int i = 0; i < roots; ++i) {
    text += "  - bus: \"1000" + std::to_string(i) + ":00\"\n    numa: " + std::to_string(i / 8) +
            "\n    children:\n      - children:\n          - children:\n";
    for (int n = i; n < gpus; n += roots)
      text += "              - {at: \"0" + std::to_string(n / roots) +
              ".0\", children: [{card: gpu}]}\n";
  }
  return text;
}

/// Written once, removed at the end of the program.
class host_of_gpus {
public:
  explicit host_of_gpus(int gpus) {
    auto pattern = (fs::temp_directory_path() / "berth-scan-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error{"no temporary directory"};
    top_ = pattern;
    const auto machine = hostbackend::simulated::parse_machine(machine_of(gpus), "bench").value();
    if (const auto done = hostbackend::simulated::write_sysfs(*machine, top_ / "sys"); !done)
      throw std::runtime_error{done.error().message};
    put("sys/devices/system/cpu/online", "0-255\n");
    put("sys/devices/system/node/online", "0-1\n");
    put("proc/meminfo", "MemTotal: 2113000000 kB\n");
    put("proc/self/mountinfo", "22 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n");
    put("proc/net/route", "Iface\tDestination\n");
  }
  ~host_of_gpus() { fs::remove_all(top_); }
  host_of_gpus(const host_of_gpus&) = delete;
  host_of_gpus& operator=(const host_of_gpus&) = delete;

  [[nodiscard]] hostbackend::host_linux::scan_options options() const {
    return {.roots = {.sysfs = top_ / "sys", .procfs = top_ / "proc"},
            .host = hostbackend::derive_host_id("bench"),
            .host_name = "bench"};
  }

private:
  void put(const fs::path& file, const std::string& text) const {
    fs::create_directories((top_ / file).parent_path());
    std::ofstream{top_ / file} << text;
  }
  fs::path top_;
};

void scan_host(benchmark::State& state) {
  const host_of_gpus host{static_cast<int>(state.range(0))};
  const auto options = host.options();
  std::size_t devices = 0;
  for (auto round : state) {
    const auto scan = hostbackend::host_linux::scan_host(options);
    if (!scan) {
      state.SkipWithError(scan.error().message.c_str());
      break;
    }
    devices = scan->info.devices.size();
  }
  state.counters["devices"] = static_cast<double>(devices);
}

} // namespace

BENCHMARK(scan_host)->Arg(64)->Unit(benchmark::kMillisecond);
