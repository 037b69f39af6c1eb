#pragma once

#include <cstdint>
#include <string>

#include "sim/study/result.hpp"

namespace berth::sim {

/// A run made by hand in which everything happens: two models, followed shapes, servers that wait,
/// give up, fail and are evicted. `luck` moves the figures a little; `moments` of an hour each.
inline run_result made_run(std::uint64_t luck, int moments = 6) {
  using std::chrono::hours;
  using std::chrono::seconds;
  run_result run;
  run.span = hours{moments};
  run.arrived = 40 + luck;
  run.placed = 30 + luck;
  run.refused = 8;
  run.gave_up = 3;
  run.waiting = 2;
  run.longest_queue = 5 + luck;
  run.refused_by = {{"devices", 5}, {"memory", 3}};
  run.ended = 20;
  run.failed = 1;
  run.evicted = 2;
  run.standing = 4;
  run.living = 7 + luck;
  run.gpus_asked = 100 + static_cast<double>(luck);
  run.gpus_refused = 25;
  const auto add = [&](std::uint16_t gpus, std::uint64_t arrived, std::uint64_t at_once) {
    auto& size = run.sizes[gpus];
    size.arrived = arrived;
    size.waits.add({}, at_once);
    for (std::uint64_t i = 0; i < 5 + luck % 3; ++i)
      size.waits.add(seconds{90 * gpus * (1U << i)});
    size.placed = size.waits.count();
    run.waits.add(size.waits);
  };
  add(1, 20 + luck, 12);
  add(8, 20, 3);
  const auto whole = static_cast<double>(moments) * 3600;
  run.models["A100"] = {8, 8 * whole, 6 * whole, 0.25 * whole, 0};
  run.models["H100 80GB"] = {16, 16 * whole, 11 * whole, 0.5 * whole, 1 * whole};
  run.shapes = {{"A100", 1}, {"H100 80GB", 1}, {"H100 80GB", 8}};
  run.rows = {{"node-0", "node-0"}, {"node-1", "node-2"}};
  wait_record waits;
  for (int i = 0; i <= moments; ++i) {
    moment at;
    if (i > 0) {
      waits.add(1, {});
      waits.add(8, seconds{90 * static_cast<std::int64_t>(luck + 1) * i});
    }
    at.waits = waits.by_class();
    at.at = hours{i};
    const auto wave = static_cast<std::int64_t>((static_cast<std::uint64_t>(i) * 7 + luck) % 5);
    at.models = {{8, 4 + wave / 2, wave % 2, 0}, {i == 0 ? 8 : 16, 3 + wave, 1, wave % 2}};
    at.placeable = {at.models[0].free(), at.models[1].free() - 1, at.models[1].free() / 8};
    at.models[0].fragmentation = 0.125 * static_cast<double>(wave);
    at.models[1].fragmentation = 0.25;
    at.models[1].stranded = 1;
    at.waiting = static_cast<std::uint64_t>(wave);
    at.gpus_waiting = 4 * at.waiting;
    at.arrived = run.arrived * static_cast<std::uint64_t>(i) / static_cast<std::uint64_t>(moments);
    at.placed = run.placed * static_cast<std::uint64_t>(i) / static_cast<std::uint64_t>(moments);
    at.failed = i > 3 ? 1 : 0;
    at.living = 5 + luck;
    at.hosts = i == 0 ? 2 : 3;
    at.hosts_down = i == 2 ? 1 : 0;
    if (i > 0)
      at.refused_by = {{"devices", static_cast<std::uint64_t>(i < moments ? i / 2 : 5)}};
    if (i > 2)
      at.refused_by["memory"] = 3;
    at.rows = {static_cast<std::uint16_t>(wave * 250), i == 0 ? nothing_there : std::uint16_t{500}};
    run.series.push_back(std::move(at));
  }
  run.waits_by_class = waits.by_class();
  return run;
}

/// Two variants of three seeds.
inline study_result made_study(int moments = 6, std::uint64_t seeds = 3) {
  study_result study;
  study.scenario = "spring";
  study.seeds_wanted = seeds;
  for (const auto* name : {"best-fit", "spread"}) {
    variant one;
    one.name = name;
    const std::uint64_t more = study.variants.empty() ? 0 : 4;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed)
      one.runs.push_back({seed, made_run(seed + more, moments)});
    study.variants.push_back(std::move(one));
  }
  return study;
}

/// Names that would break out of any format that does not quote them.
inline const std::string hostile =
    "a,b\"c'd\\e\n</script><img src=x onerror=alert(1)>&amp;{}\x01\xff]]>";

/// Everything that comes from outside is hostile.
inline study_result hostile_study() {
  auto study = made_study(3, 2);
  study.scenario = hostile;
  for (auto& one : study.variants) {
    one.name += hostile;
    for (auto& [seed, run] : one.runs) {
      run.models = {{"A100" + hostile, run.models["A100"]},
                    {"H100" + hostile, run.models["H100 80GB"]}};
      run.shapes = {{"A100" + hostile, 1}, {"H100" + hostile, 1}, {"H100" + hostile, 8}};
      run.rows[0] = {hostile, hostile};
      run.refused_by = {{hostile, 8}};
      for (auto& at : run.series)
        if (!at.refused_by.empty())
          at.refused_by = {{hostile, 2}};
    }
  }
  return study;
}

} // namespace berth::sim
