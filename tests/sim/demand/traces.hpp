#pragma once

// The real traces, which not everybody has.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "sim/demand/arrival.hpp"

namespace berth::sim {

inline constexpr auto alibaba_default = "alibaba-2023/openb_pod_list_default.csv";
inline constexpr auto philly = "philly/philly.csv";
inline constexpr auto azure_packing = "azure-packing/timeline_batched0.csv";

inline std::string trace_path(const std::string& file) {
  return std::string{BERTH_SOURCE_DIR} + "/../shared/data/" + file;
}

#define SKIP_WITHOUT(file)                                                                         \
  if (!std::filesystem::exists(trace_path(file)))                                                  \
  GTEST_SKIP() << trace_path(file) << " is not here"

struct totals {
  std::size_t servers = 0;
  std::int64_t gpus = 0;
  double gpu_seconds = 0; ///< of those that end
};

inline totals totals_of(const demand& from) {
  totals sum;
  for (const auto& one : from.arrivals) {
    ++sum.servers;
    sum.gpus += one.gpus;
    if (one.lifetime != endless) {
      sum.gpu_seconds += one.gpus * std::chrono::duration<double>{one.lifetime}.count();
    }
  }
  return sum;
}

} // namespace berth::sim
