#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hostbackend/simulated/machine.hpp"
#include "model/failure.hpp"

namespace berth::hostbackend::simulated {

/// Where an inventory finds machine files that it names without a path: `dgx-a100` is
/// `<machines>/dgx-a100.yaml`. A name with a slash or ending in `.yaml` is a path relative to
/// `base`.
struct inventory_paths {
  std::string machines{};
  std::string base{};
};

/// Reads an inventory: a mapping with one key, `hosts`, a list of
///   {name: gpu, machine: dgx-a100, count: 100}                       gpu-0001 ... gpu-0100
///   {name: n7, cpus: 96, memory_mib: 786432, storage_mib: 0, gpus: 2, model: T4}
/// A `count` goes with either.
/// At most 200,000 hosts. Names are unique; a machine with fixed ids stands once.
[[nodiscard]] model::result<std::vector<simulated_host>>
parse_inventory(std::string_view text, std::string source, const inventory_paths& paths);
[[nodiscard]] model::result<std::vector<simulated_host>>
load_inventory(const std::string& path, const std::string& machines_directory);

} // namespace berth::hostbackend::simulated
