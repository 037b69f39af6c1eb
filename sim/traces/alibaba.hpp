#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/failure.hpp"
#include "model/server.hpp"
#include "sim/demand/byte_source.hpp"

namespace berth::sim {

// Alibaba's GPU cluster trace of 2023 (cluster-trace-gpu-v2023): tables of nodes and of pods.

/// A row of a node list: `sn,cpu_milli,memory_mib,gpu,model`.
struct alibaba_node {
  std::string name;
  std::int64_t cpus = 0; ///< whole ones: a fraction is not counted
  std::int64_t memory_mib = 0;
  std::int32_t gpus = 0;
  std::string model; ///< the trace's word, e.g. `V100M32`; empty without GPUs

  friend bool operator==(const alibaba_node&, const alibaba_node&) = default;
};

/// A row that could not be used, with the line it starts on (the header is line 1).
struct bad_row {
  std::uint64_t line = 0;
  std::string message;

  friend bool operator==(const bad_row&, const bad_row&) = default;
};

template <class Item> struct trace_table {
  std::vector<Item> items;     ///< in the order of the file
  std::vector<bad_row> faulty; ///< rows that were left out, by line
};

/// Fails, naming the table `name`, when it cannot be read or is none.
[[nodiscard]] model::result<trace_table<alibaba_node>>
read_alibaba_nodes(std::unique_ptr<byte_source> from, std::string name);

/// The pods of `name,cpu_milli,memory_mib,num_gpu,gpu_milli[,gpu_spec,...]` as server requests in
/// the order of the file: CPUs are rounded up to whole ones, a fraction of a GPU to one GPU;
/// `gpu_spec` `A|B` becomes ordered alternatives; pods without GPUs become ordinary servers.
[[nodiscard]] model::result<trace_table<model::server_spec>>
read_alibaba_pods(std::unique_ptr<byte_source> from, std::string name);

/// What a device list calls the GPU that the trace calls `word` (`V100M32` is a
/// `Tesla V100-SXM2-32GB`); words that only the trace knows (`G2`, `G3`) stay.
[[nodiscard]] std::string gpu_model_of(std::string_view word);

/// The nodes as an inventory for `berth-host --simulated`. The trace says nothing of disks: every
/// host gets `storage_mib`.
[[nodiscard]] std::string to_inventory_yaml(const std::vector<alibaba_node>& nodes,
                                            std::int64_t storage_mib);

} // namespace berth::sim
