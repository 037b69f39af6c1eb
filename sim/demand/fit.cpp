#include "sim/demand/fit.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <map>
#include <span>
#include <tuple>
#include <utility>

#include "sim/demand/fit_arrivals.hpp"
#include "sim/demand/fit_lifetimes.hpp"

namespace berth::sim {

namespace {

double seconds_of(model::duration time) {
  return std::chrono::duration<double>{time}.count();
}

/// How far into a week, from Monday 00:00, a moment is. The epoch was a Thursday.
model::duration into_week(model::timestamp moment) {
  return (moment.time_since_epoch() + std::chrono::days{3}) % std::chrono::weeks{1};
}

using arrivals_seen = std::span<const arrival>;

/// The lifetimes of servers of one GPU count.
struct lifetime_sample {
  std::vector<double> seconds;
  std::uint64_t endless = 0;

  [[nodiscard]] std::uint64_t size() const { return seconds.size() + endless; }
  void add(lifetime_sample other) {
    seconds.insert(seconds.end(), other.seconds.begin(), other.seconds.end());
    endless += other.endless;
  }
};

/// The law of each GPU count, as its position in the plan's lifetimes.
std::map<std::uint16_t, std::size_t> fit_lifetimes(arrivals_seen seen, bool standing,
                                                   const fit_options& options, demand_fit& found) {
  std::map<std::uint16_t, lifetime_sample> samples;
  for (const auto& one : seen) {
    auto& sample = samples[one.gpus];
    if (one.lifetime == endless) {
      ++sample.endless;
    } else {
      sample.seconds.push_back(seconds_of(one.lifetime));
    }
  }
  std::map<std::uint16_t, std::size_t> laws;
  const auto add_law = [&](lifetime_sample sample, std::vector<std::uint16_t> gpus) {
    for (const auto count : gpus) {
      laws[count] = found.plan.lifetimes.size();
    }
    auto& report = found.lifetimes.emplace_back();
    report.gpus = std::move(gpus);
    report.standing = standing;
    found.plan.lifetimes.push_back(
        fit_lifetime(std::move(sample.seconds), sample.endless, options, report));
  };
  lifetime_sample rest;
  std::vector<std::uint16_t> rest_gpus;
  for (auto& [gpus, sample] : samples) {
    if (sample.size() >= options.own_lifetime_min) {
      add_law(std::move(sample), {gpus});
    } else {
      rest.add(std::move(sample));
      rest_gpus.push_back(gpus);
    }
  }
  if (!rest_gpus.empty()) {
    add_law(std::move(rest), std::move(rest_gpus));
  }
  return laws;
}

struct shape_group {
  std::uint16_t gpus = 0;
  std::uint32_t model = 0;
  packed_topology topology;
  std::uint8_t priority = 0;

  friend auto operator<=>(const shape_group&, const shape_group&) = default;
};
struct shape_kind {
  shape_group group;
  std::uint32_t vcpus = 0;
  std::uint32_t memory_mib = 0;

  friend auto operator<=>(const shape_kind&, const shape_kind&) = default;
};

struct merged_shapes {
  shape_group group;
  std::uint64_t count = 0;
  std::uint64_t vcpus = 0;
  std::uint64_t memory_mib = 0;
};

std::vector<server_shape> fit_shapes(arrivals_seen seen, const name_table& models,
                                     const std::map<std::uint16_t, std::size_t>& laws,
                                     std::size_t shapes_max) {
  std::map<shape_kind, std::uint64_t> kinds;
  for (const auto& one : seen) {
    ++kinds[{{one.gpus, one.model, one.topology, one.priority}, one.vcpus, one.memory_mib}];
  }
  std::vector<std::pair<shape_kind, std::uint64_t>> frequent{kinds.begin(), kinds.end()};
  std::stable_sort(frequent.begin(), frequent.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::vector<server_shape> shapes;
  const auto add_shape = [&](const shape_group& group, std::uint64_t count, std::uint64_t vcpus,
                             std::uint64_t memory_mib) {
    server_shape shape;
    shape.weight = static_cast<double>(count);
    shape.gpus = group.gpus;
    shape.model = models.name(group.model);
    shape.topology = group.topology;
    shape.priority = group.priority;
    shape.vcpus = static_cast<std::uint32_t>(vcpus);
    shape.memory_mib = static_cast<std::uint32_t>(memory_mib);
    shape.lifetime = laws.at(shape.gpus);
    shapes.push_back(std::move(shape));
  };
  std::map<std::pair<std::uint16_t, std::uint32_t>, merged_shapes> rare;
  for (std::size_t i = 0; i < frequent.size(); ++i) {
    const auto& [kind, count] = frequent[i];
    const auto& [group, vcpus, memory_mib] = kind;
    if (i < shapes_max) {
      add_shape(group, count, vcpus, memory_mib);
      continue;
    }
    auto& merged = rare[{group.gpus, group.model}];
    if (merged.count == 0)
      merged.group = group; // the most frequent of them
    merged.count += count;
    merged.vcpus += count * vcpus;
    merged.memory_mib += count * memory_mib;
  }
  for (const auto& [gpus_and_model, merged] : rare) {
    const auto half = merged.count / 2; // rounds to the nearest
    add_shape(merged.group, merged.count, (merged.vcpus + half) / merged.count,
              (merged.memory_mib + half) / merged.count);
  }
  return shapes;
}

/// Servers that were there before: see fit_options::standing_hours_min.
std::uint64_t count_standing(const demand& seen, const fit_options& options,
                             model::duration observed) {
  const auto after = std::find_if(seen.arrivals.begin(), seen.arrivals.end(),
                                  [](const arrival& one) { return one.when > model::duration{}; });
  const auto at_once = after - seen.arrivals.begin();
  const double per_hour =
      static_cast<double>(seen.arrivals.end() - after) / (seconds_of(observed) / 3'600);
  constexpr std::int64_t few = 20;
  const bool are_many =
      at_once > few && static_cast<double>(at_once) > options.standing_hours_min * per_hour;
  return are_many ? static_cast<std::uint64_t>(at_once) : 0;
}

void fit_projects(const demand& seen, demand_plan& plan) {
  std::vector<std::uint64_t> counts(seen.names.projects.size());
  for (const auto& one : seen.arrivals) {
    ++counts[one.project];
  }
  for (std::uint32_t i = 0; i < counts.size(); ++i) {
    const bool is_nameless_only = i == 0 && counts[0] == seen.arrivals.size();
    if (counts[i] > 0 && !is_nameless_only) {
      plan.projects.push_back({static_cast<double>(counts[i]), seen.names.projects.name(i)});
    }
  }
}

std::string decimals(double value, int places) {
  std::array<char, 64> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.*f", places, value); // NOLINT
  return {text.data(), std::min(static_cast<std::size_t>(std::max(length, 0)), text.size() - 1)};
}

std::string text_of(const lifetime_fit& report, const lifetime_law& chosen) {
  std::string text =
      report.standing ? "lifetimes of standing servers with" : "lifetimes of servers with";
  for (const auto gpus : report.gpus) {
    text += " " + std::to_string(gpus);
  }
  text += " GPUs: " + std::string{family_name(chosen)} + ", mean " +
          decimals(mean_seconds(chosen), 0) + " s, " + std::to_string(report.servers) +
          " servers, " + std::to_string(report.endless) + " without an end\n";
  for (const auto& candidate : report.candidates) {
    text += "  " + std::string{family_name(candidate.law)} + ": distance " +
            decimals(candidate.distance, 4) + " (good up to " + decimals(report.distance_max, 4) +
            "), mean off by " + decimals(100 * candidate.mean_error, 1) + " %\n";
  }
  return text;
}

} // namespace

model::result<demand_fit> fit(const demand& seen, const fit_options& options) {
  demand_fit found;
  found.arrivals = seen.arrivals.size();
  found.observed = options.observed.value_or(seen.arrivals.empty() ? model::duration{}
                                                                   : seen.arrivals.back().when);
  if (found.arrivals < 2 || found.observed < std::chrono::seconds{1}) {
    return model::fail(model::errc::invalid_argument,
                       "a fit needs at least two arrivals, and a second from first to last");
  }
  if (seen.arrivals.back().when > found.observed) {
    return model::fail(model::errc::invalid_argument,
                       "a fit must look at least until the last arrival");
  }
  auto& plan = found.plan;
  plan.lifetimes.clear();
  plan.week_offset = seen.start ? into_week(*seen.start) : model::duration{};
  plan.standing = count_standing(seen, options, found.observed);
  const auto standing = arrivals_seen{seen.arrivals}.first(plan.standing);
  const auto coming = arrivals_seen{seen.arrivals}.subspan(plan.standing);
  const auto& models = seen.names.models;
  fit_rates(coming, options, found);
  fit_bursts(coming, found);
  const auto laws = fit_lifetimes(coming, false, options, found);
  plan.shapes = fit_shapes(coming, models, laws, options.shapes_max);
  const auto standing_laws = fit_lifetimes(standing, true, options, found);
  plan.standing_shapes = fit_shapes(standing, models, standing_laws, options.shapes_max);
  fit_projects(seen, plan);
  return found;
}

std::string to_text(const demand_fit& found) {
  const auto& plan = found.plan;
  std::string text = std::to_string(plan.standing) + " servers from the start on, " +
                     std::to_string(found.arrivals - plan.standing) + " arrivals in " +
                     decimals(seconds_of(found.observed) / 86'400, 1) +
                     " days: " + decimals(plan.arrivals_per_hour, 2) + " per hour, " +
                     std::to_string(plan.shapes.size()) + " kinds of servers, " +
                     std::to_string(plan.projects.size()) + " projects\n";
  const auto [least, most] =
      std::minmax_element(plan.hour_weights.begin(), plan.hour_weights.end());
  text += "hours of the day: weights from " + decimals(*least, 2) + " to " + decimals(*most, 2) +
          "; weekdays from Monday:";
  for (const double weight : plan.weekday_weights) {
    text += " " + decimals(weight, 2);
  }
  text += "\nindex of dispersion:";
  for (const auto& one : found.dispersions) {
    text += " " + decimals(one.index, 2) + " (" +
            std::to_string(std::chrono::floor<std::chrono::minutes>(one.window).count()) + " min)";
  }
  text += plan.bursts ? "\nbursts: quiet rate " + decimals(plan.bursts->quiet_rate, 3) + " for " +
                            decimals(plan.bursts->mean_quiet_s, 0) + " s, then bursts of " +
                            decimals(plan.bursts->mean_burst_s, 0) + " s\n"
                      : "\nno bursts\n";
  for (std::size_t i = 0; i < found.lifetimes.size(); ++i) {
    text += text_of(found.lifetimes[i], plan.lifetimes[i]);
  }
  return text;
}

} // namespace berth::sim
