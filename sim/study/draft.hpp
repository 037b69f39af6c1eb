#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/scheduler.hpp"
#include "sim/demand/generator.hpp"
#include "sim/study/study.hpp"

namespace berth::sim {

// A scenario as its keys say it, before machines are found and names are looked up. `path` is
// where an item stands, for messages.

/// What hosts have of their own, or all that do not.
struct host_settings {
  std::optional<double> cpu_overcommit;
  std::optional<double> memory_overcommit;
  std::optional<std::uint32_t> hosts_per_rack;
};

/// An item of `inventory`.
struct host_entry {
  std::string path;
  std::string machine;
  std::string alibaba_nodes;
  std::string snapshot;
  std::optional<std::int64_t> storage_mib;
  std::optional<std::uint32_t> count;
  std::string name;
  model::duration from{};
  host_settings own;
};

struct offer_entry {
  std::string path;
  std::string machine;
  std::optional<double> price;
  std::uint32_t max = 1'000;
  std::string name;
  host_settings own;
};

struct named_law {
  std::string path;
  std::string name;
  std::string family; ///< empty: exponential
  std::optional<double> time_s;
  std::optional<double> mean_s;
  std::optional<double> median_s;
  std::optional<double> sigma;
  std::optional<double> shape;
  std::optional<double> scale_s;
  std::vector<double> values_s;
  double endless = 0;
};

struct shape_entry {
  std::string path;
  server_shape shape;
  std::string lifetime; ///< a law's name; empty: the first
  std::string topology; ///< as model::to_string has it
};

struct day_swing {
  double swing = 0.5;
  double peak_hour = 14;
};

/// `demand.plan`, or a plan's file.
struct plan_entry {
  std::string path;
  demand_plan plan; ///< but for what follows
  std::optional<day_swing> swing;
  std::vector<shape_entry> shapes;
  std::vector<shape_entry> standing_shapes;
  std::vector<named_law> lifetimes;
};

/// `demand.format` of a trace that is a controller's store.
inline constexpr std::string_view controller_log = "controller-log";

struct demand_entry {
  std::string trace;
  std::string format{to_string(trace_format::berth)};
  read_options reading;
  bool split = false;
  bool draw = false;
  std::optional<double> growth;
  std::string plan_file;
  std::optional<plan_entry> plan;
};

struct quarantine_entry {
  double probability = 0;
  model::duration mean{};
};

/// Of one kind of thing that fails.
struct failure_entry {
  std::optional<model::duration> mean_between;
  std::optional<model::duration> mean_repair;
};

struct failures_entry {
  failure_entry device;
  failure_entry host;
  failure_entry rack;
};

struct maintenance_entry {
  std::string path;
  maintenance_plan plan; ///< but for its `lasts`
  std::optional<model::duration> lasts;
};

struct capacity_entry {
  std::string path;
  capacity_shape shape;
};

struct goal_entry {
  double refused_max = service_goal{}.refused_max;
  std::optional<model::duration> wait_p95_max;
  model::duration from{};
  std::vector<offer_entry> offers;
};

struct study_draft {
  study made; ///< what needs no second look
  std::vector<host_entry> inventory;
  host_settings everywhere;
  demand_entry demand;
  std::vector<std::string> policies{std::string{scheduler::policy_names().front()}};
  random_time turnover{.least = std::chrono::seconds{3}, .mean_rest = {}};
  quarantine_entry quarantine;
  failures_entry failures;
  std::vector<maintenance_entry> maintenance;
  std::vector<capacity_entry> shapes;
  goal_entry goal;
  std::optional<unsigned> jobs;
};

} // namespace berth::sim
