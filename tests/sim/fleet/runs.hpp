#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "hostbackend/simulated/machine.hpp"
#include "sim/demand/arrival.hpp"
#include "sim/demand/generator.hpp"
#include "sim/fleet/run.hpp"

// Small fleets and demands for the tests of runs.

namespace berth::sim {

/// Hosts with room for any number of servers but for their GPUs.
inline host_group hosts(std::uint32_t count, int gpus, const std::string& model = "H100") {
  namespace simulated = hostbackend::simulated;
  const auto kind = simulated::generic_machine(gpus, model).value();
  host_group group;
  group.name = model;
  group.machine = simulated::describe(simulated::make_host(model, kind), "1");
  group.machine.capacity = {1'000'000, 1'000'000'000, 1'000'000'000};
  group.reserve_per_gpu = {};
  group.count = count;
  return group;
}

struct asked {
  int at_s = 0;
  int gpus = 0;
  int lifetime_s = 0; ///< 0: endless
};
inline demand demand_of(const std::vector<asked>& list, const std::string& model = "") {
  demand made;
  for (const auto& one : list) {
    arrival next;
    next.when = std::chrono::seconds{one.at_s};
    next.lifetime =
        one.lifetime_s == 0 ? endless : model::duration{std::chrono::seconds{one.lifetime_s}};
    next.vcpus = 1;
    next.memory_mib = 1;
    next.gpus = static_cast<std::uint16_t>(one.gpus);
    next.model = made.names.models.number_of(model);
    made.arrivals.push_back(next);
  }
  return made;
}
inline run_result played(const scenario& what, const demand& all, std::uint64_t seed = 1) {
  demand_source source{all};
  return run(what, source, seed).value();
}
/// Of the one model that there is.
inline const model_figures& only(const run_result& result) {
  EXPECT_EQ(result.models.size(), 1U);
  return result.models.begin()->second;
}
inline void expect_conserved(const run_result& result) {
  EXPECT_EQ(result.arrived, result.placed + result.refused + result.waiting);
  EXPECT_EQ(result.placed + result.standing,
            result.ended + result.failed + result.evicted + result.living);
  EXPECT_EQ(result.waits.count(), result.placed);
  EXPECT_LE(result.gave_up, result.refused);
  std::uint64_t refused = 0;
  for (const auto& [rule, times] : result.refused_by)
    refused += times;
  EXPECT_EQ(refused, result.refused);
  for (const auto& [name, one] : result.models)
    EXPECT_LE(one.held_seconds + one.cleaned_seconds + one.broken_seconds,
              one.gpu_seconds * (1 + 1e-12))
        << name;
  EXPECT_LE(result.series.size(), moments_max);
  for (const auto& one : result.series) {
    EXPECT_EQ(one.models.size(), result.models.size());
    for (const auto& model : one.models) {
      EXPECT_GE(model.free(), 0);
      EXPECT_GE(std::min({model.held, model.cleaned, model.broken}), 0);
    }
    EXPECT_EQ(one.rows.size(), result.rows.size());
  }
}

inline demand_plan busy() {
  demand_plan plan;
  plan.arrivals_per_hour = 30;
  plan.shapes = {{.weight = 3, .gpus = 1}, {.weight = 1, .gpus = 4}, {.weight = 1, .gpus = 8}};
  return plan;
}

inline scenario failing() {
  scenario what;
  what.hosts = {hosts(10, 8)};
  what.horizon = std::chrono::days{30};
  what.turnover = {std::chrono::seconds{2}, std::chrono::seconds{5}};
  what.quarantine_probability = 0.02;
  what.mean_quarantine = std::chrono::hours{1};
  what.devices = {std::chrono::days{20}, std::chrono::hours{12}};
  what.machines = {std::chrono::days{10}, std::chrono::hours{6}};
  return what;
}

} // namespace berth::sim
