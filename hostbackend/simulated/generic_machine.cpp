#include <array>
#include <tuple>
#include <utility>

#include "hostbackend/simulated/machine.hpp"
#include "model/text.hpp"

namespace berth::hostbackend::simulated {

namespace {

struct known_gpu {
  std::string_view name;  ///< as inventories and traces call it
  std::string_view model; ///< as a device list calls it
  model::vendor_device_id id;
  std::uint32_t class_code;
  std::uint64_t frame_bar_gib;
  std::uint8_t generation;
};

/// Ids as in the PCI ID repository. The BAR of the frame buffer is as commonly seen with large BARs
/// on: the memory size, rounded up to a power of two.
constexpr std::array<known_gpu, 10> known_gpus{{
    {"P100", "Tesla P100-PCIE-16GB", {0x10de, 0x15f8}, 0x030200, 16, 3},
    {"T4", "Tesla T4", {0x10de, 0x1eb8}, 0x030200, 16, 3},
    {"V100M16", "Tesla V100-SXM2-16GB", {0x10de, 0x1db1}, 0x030200, 16, 3},
    {"V100M32", "Tesla V100-SXM2-32GB", {0x10de, 0x1db5}, 0x030200, 32, 3},
    {"A10", "A10", {0x10de, 0x2236}, 0x030200, 32, 4},
    {"A100", "A100-SXM4-40GB", {0x10de, 0x20b0}, 0x030200, 64, 4},
    {"A100-80GB", "A100-SXM4-80GB", {0x10de, 0x20b2}, 0x030200, 128, 4},
    {"L40S", "L40S", {0x10de, 0x26b9}, 0x030200, 64, 4},
    {"H100", "H100 80GB HBM3", {0x10de, 0x2330}, 0x030200, 128, 5},
    {"MI300X", "Instinct MI300X", {0x1002, 0x74a1}, 0x120000, 256, 5},
}};

/// A stand-in for a model that only a trace knows (Alibaba's G2, G3): an NVIDIA device id from
/// 0xf000 up, which no product has at present, always the same for the same name.
model::vendor_device_id stand_in_id(std::string_view name) {
  std::uint32_t hash = 2166136261U; // FNV-1a
  for (const char c : name)
    hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return {0x10de, static_cast<std::uint16_t>(0xf000U | (hash & 0x0fffU))};
}

card_kind gpu_card(std::string_view name) {
  known_gpu gpu{name, name, stand_in_id(name), 0x030200, 16, 4};
  for (const auto& one : known_gpus)
    if (model::equals_ignoring_case(one.name, name) || model::equals_ignoring_case(one.model, name))
      gpu = one;
  constexpr std::uint64_t mib = 1U << 20U;
  return {.name = "gpu",
          .vendor = gpu.id.vendor == 0x1002 ? "AMD" : "NVIDIA",
          .model = std::string{gpu.model},
          .functions = {{.id = gpu.id,
                         .class_code = gpu.class_code,
                         .bar_sizes = {16 * mib, gpu.frame_bar_gib * 1024 * mib, 32 * mib},
                         .driver = ""}},
          .link = {.generation = gpu.generation, .width = 16},
          .reset_methods = {"flr", "bus"}};
}

place card_at(std::uint8_t device, std::size_t card) {
  place where;
  where.device = device;
  where.card = card;
  return where;
}

place bridge_at(std::uint8_t device, std::vector<place> below) {
  place where;
  where.device = device;
  where.children = std::move(below);
  return where;
}

/// The GPUs of one socket: up to two directly below root ports, more behind switches of four.
std::vector<place> socket_ports(int gpus) {
  std::vector<place> ports;
  std::uint8_t slot = 1;
  if (gpus <= 2) {
    for (int i = 0; i < gpus; ++i)
      ports.push_back(bridge_at(slot++, {card_at(0, 0)}));
    return ports;
  }
  for (int left = gpus; left > 0; left -= 4) {
    std::vector<place> downstream;
    for (int i = 0; i < left && i < 4; ++i)
      downstream.push_back(bridge_at(static_cast<std::uint8_t>(i), {card_at(0, 0)}));
    ports.push_back(bridge_at(slot++, {bridge_at(0, std::move(downstream))}));
  }
  return ports;
}

} // namespace

model::result<std::shared_ptr<const machine>> generic_machine(int gpus, std::string_view model) {
  constexpr int gpus_max = 32;
  if (gpus < 0 || gpus > gpus_max)
    return model::fail(model::errc::invalid_argument, "a generic machine has 0 to " +
                                                          std::to_string(gpus_max) + " GPUs, not " +
                                                          std::to_string(gpus));
  if (gpus > 0 && (model.empty() || model.size() > 64))
    return model::fail(model::errc::invalid_argument,
                       "a machine with GPUs needs their model, of at most 64 characters");
  machine_description description;
  description.product = "generic two-socket server";
  description.capacity = {.cpus = 1, .memory_mib = 1, .storage_mib = 0}; // the host has its own
  description.numa_nodes = 2;
  if (gpus > 0)
    description.cards.push_back(gpu_card(model));
  const int first = (gpus + 1) / 2;
  for (const auto& [bus, node, count] :
       {std::tuple{std::uint8_t{0x00}, 0, first}, std::tuple{std::uint8_t{0x80}, 1, gpus - first}})
    description.roots.push_back(
        {.domain = 0, .bus = bus, .numa_node = node, .acs = true, .children = socket_ports(count)});
  return build(description);
}

} // namespace berth::hostbackend::simulated
