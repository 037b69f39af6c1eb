#include "sim/study/study_keys.hpp"

namespace berth::sim {

namespace {

constexpr double weight_max = 1e12;

/// When they arrive.
std::vector<key<plan_entry>> rate_keys() {
  return {
      value_key<&plan_entry::plan, &demand_plan::arrivals_per_hour>(
          {.name = "arrivals_per_hour",
           .rule = between(value_kind::number, 1e-6, 1e9),
           .help = "in the mean over a week, at the start",
           .example = "3",
           .shown = true}),
      numbers_key<&plan_entry::plan, &demand_plan::hour_weights>(
          {.name = "hours",
           .rule = between(value_kind::number, 0, 1e9),
           .help = "24 weights of the hours of the day, from 00:00; only their proportions count; "
                   "without it every hour is the same",
           .example = "[1, 1, 1, 1, 1, 1, 1, 2, 4, 6, 6, 6, 5, 6, 6, 6, 5, 4, 3, 2, 2, 1, 1, 1]"},
          24, 24),
      section_key<&plan_entry::swing>(
          {.name = "daily_swing",
           .help = "instead of hours: the rate swings over the day like a cosine",
           .shown = true}),
      numbers_key<&plan_entry::plan, &demand_plan::weekday_weights>(
          {.name = "weekdays",
           .rule = between(value_kind::number, 0, 1e9),
           .help =
               "7 weights of the days of the week, from Monday; without it every day is the same",
           .example = "[5, 5, 5, 5, 4, 1, 1]",
           .shown = true},
          7, 7),
      value_key<&plan_entry::plan, &demand_plan::week_offset>(
          {.name = "week_offset",
           .rule = between(value_kind::duration, 0, 7 * 86'400 - 0.001),
           .help = "how far into a week, from Monday 00:00, the start is",
           .example = "9h"}),
      section_key<&plan_entry::plan, &demand_plan::bursts>(
          {.name = "bursts",
           .help = "times of many arrivals between times of few, exponentially distributed; the "
                   "mean rate stays"}),
      value_key<&plan_entry::plan, &demand_plan::growth_per_month>(
          {.name = "growth",
           .rule = between(value_kind::share, -0.99, 10),
           .help = "so many more arrivals every month of 30.4375 days, compound",
           .example = "5%"})};
}

/// What arrives.
std::vector<key<plan_entry>> server_keys() {
  return {
      sections_key<&plan_entry::shapes>({.name = "shapes",
                                         .help = "kinds of servers that arrive",
                                         .example =
                                             "{gpus: 1, weight: 60, lifetime: short}\n"
                                             "{gpus: 2, weight: 20, lifetime: short}\n"
                                             "{gpus: 8, model: H100, weight: 2, lifetime: long}",
                                         .shown = true},
                                        10'000),
      sections_key<&plan_entry::lifetimes>(
          {.name = "lifetimes",
           .help = "how long servers live, by name; without it one hour, exponentially distributed",
           .example = "{name: short, law: lognormal, median: 2h, sigma: 1.2}\n"
                      "{name: long, law: exponential, mean: 1d, endless: 1%}",
           .shown = true},
          1'000),
      value_key<&plan_entry::plan, &demand_plan::standing>(
          {.name = "standing",
           .rule = between(value_kind::count, 0, 1e9),
           .help = "servers that are there from the start on",
           .example = "20"}),
      sections_key<&plan_entry::standing_shapes>(
          {.name = "standing_shapes",
           .help = "kinds of the standing servers; their `from` and `until` do not count",
           .example = "{gpus: 1, lifetime: long}"},
          10'000),
      sections_key<&plan_entry::plan, &demand_plan::projects>(
          {.name = "projects",
           .help = "who asks; without it nobody in particular",
           .example = "{name: research, weight: 3}\n{name: web, weight: 1}"},
          100'000),
      value_key<&plan_entry::plan, &demand_plan::patience>(
          {.name = "patience",
           .rule = {.kind = value_kind::duration,
                    .least = 0,
                    .most = up_to_a_century().most,
                    .forever = true},
           .help = "how long each waits for a place; without it as the scenario says",
           .example = "1h"}),
      section_key<&plan_entry::plan, &demand_plan::defaults>(
          {.name = "defaults", .help = "what a server gets of which its shape says no more"})};
}

} // namespace

template <> const std::vector<key<plan_entry>>& keys_of() {
  static const auto keys = [] {
    auto all = rate_keys();
    for (auto& one : server_keys())
      all.push_back(std::move(one));
    return all;
  }();
  return keys;
}

template <> const std::vector<key<day_swing>>& keys_of() {
  static const std::vector<key<day_swing>> keys{
      value_key<&day_swing::swing>({.name = "swing",
                                    .rule = between(value_kind::share, 0, 1),
                                    .help = "how far up and down",
                                    .example = "60%",
                                    .shown = true}),
      value_key<&day_swing::peak_hour>({.name = "peak_hour",
                                        .rule = between(value_kind::number, 0, 24),
                                        .help = "the hour of the day at which it is highest",
                                        .example = "14.5",
                                        .shown = true})};
  return keys;
}

template <> const std::vector<key<arrival_bursts>>& keys_of() {
  static const std::vector<key<arrival_bursts>> keys{
      value_key<&arrival_bursts::quiet_rate>({.name = "quiet_rate",
                                              .rule = between(value_kind::share, 0, 1),
                                              .help = "of the mean rate, in the quiet times",
                                              .example = "40%"}),
      value_key<&arrival_bursts::mean_quiet_s>({.name = "mean_quiet",
                                                .rule = up_to_a_century(value_kind::seconds, 1),
                                                .help = "length of a quiet time",
                                                .example = "2h"}),
      value_key<&arrival_bursts::mean_burst_s>({.name = "mean_burst",
                                                .rule = up_to_a_century(value_kind::seconds, 1),
                                                .help = "length of a burst",
                                                .example = "10m"})};
  return keys;
}

template <> const std::vector<key<shape_entry>>& keys_of() {
  static const std::vector<key<shape_entry>> keys{
      value_key<&shape_entry::shape, &server_shape::gpus>(
          {.name = "gpus",
           .rule = between(value_kind::count, 0, gpus_max),
           .help = "of the server",
           .example = "8"}),
      value_key<&shape_entry::shape, &server_shape::model>(
          {.name = "model",
           .rule = {.kind = value_kind::text},
           .help =
               "of its GPUs, a part of the name will do; alternatives in order of preference as "
               "H100|A100 (any)",
           .example = "H100"}),
      value_key<&shape_entry::shape, &server_shape::vcpus>(
          {.name = "vcpus",
           .rule = between(value_kind::count, 0, vcpus_max),
           .help = "0: the defaults",
           .example = "96"}),
      value_key<&shape_entry::shape, &server_shape::memory_mib>(
          {.name = "memory",
           .rule = between(value_kind::memory, 1, memory_mib_max),
           .help = "without it the defaults",
           .example = "1t"}),
      value_key<&shape_entry::shape, &server_shape::weight>(
          {.name = "weight",
           .rule = between(value_kind::number, 0, weight_max),
           .help = "its share of the arrivals is this over the sum of those on offer at the time",
           .example = "10"}),
      value_key<&shape_entry::lifetime>({.name = "lifetime",
                                         .rule = {.kind = value_kind::text},
                                         .help = "the name of a law (the first)",
                                         .example = "long"}),
      value_key<&shape_entry::topology>(
          {.name = "topology",
           .rule = {.kind = value_kind::text},
           .help =
               "how close its GPUs must be: numa, pcie_root, pcie_switch and fabric, each none, "
               "prefer or require (prefer)",
           .example = "numa=require fabric=none"}),
      value_key<&shape_entry::shape, &server_shape::priority>(
          {.name = "priority",
           .rule = between(value_kind::count, 0, priority_max),
           .help = "among servers that wait; higher first",
           .example = "50"}),
      value_key<&shape_entry::shape, &server_shape::from>(
          {.name = "from",
           .rule = up_to_a_century(),
           .help = "asked for from then on: a new model's date",
           .example = "180d"}),
      value_key<&shape_entry::shape, &server_shape::until>(
          {.name = "until",
           .rule = {.kind = value_kind::duration,
                    .least = 0,
                    .most = up_to_a_century().most,
                    .forever = true},
           .help = "and until then: an old one's end",
           .example = "365d"})};
  return keys;
}

template <> const std::vector<key<named_law>>& keys_of() {
  static const auto time = up_to_a_century(value_kind::seconds, 1e-9);
  static const std::vector<key<named_law>> keys{
      value_key<&named_law::name>({.name = "name",
                                   .rule = {.kind = value_kind::text},
                                   .help = "that shapes refer to",
                                   .example = "long"}),
      value_key<&named_law::family>(
          {.name = "law",
           .rule = {.kind = value_kind::choice,
                    .words = {"constant", "exponential", "lognormal", "weibull", "empirical"}},
           .help = "the distribution (exponential)",
           .example = "lognormal"}),
      value_key<&named_law::time_s>(
          {.name = "time", .rule = time, .help = "constant: of all", .example = "1h"}),
      value_key<&named_law::mean_s>(
          {.name = "mean", .rule = time, .help = "exponential: the mean", .example = "3d"}),
      value_key<&named_law::median_s>({.name = "median",
                                       .rule = time,
                                       .help = "lognormal: half of them are below",
                                       .example = "2h"}),
      value_key<&named_law::sigma>(
          {.name = "sigma",
           .rule = between(value_kind::number, 0.01, 100),
           .help = "lognormal: standard deviation of the natural logarithm",
           .example = "1.2"}),
      value_key<&named_law::shape>({.name = "shape",
                                    .rule = between(value_kind::number, 0.01, 100),
                                    .help = "weibull: below 1, what has lived long lives on",
                                    .example = "0.7"}),
      value_key<&named_law::scale_s>({.name = "scale",
                                      .rule = time,
                                      .help = "weibull: 63.2 % of them are below",
                                      .example = "4h"}),
      numbers_key<&named_law::values_s>({.name = "values",
                                         .rule = up_to_a_century(value_kind::seconds),
                                         .help = "empirical: lifetimes, each equally likely",
                                         .example = "[10m, 1h, 3h]"},
                                        1, 10'000),
      value_key<&named_law::endless>({.name = "endless",
                                      .rule = between(value_kind::share, 0, 1),
                                      .help = "of those that stay for ever",
                                      .example = "1%"})};
  return keys;
}

template <> const std::vector<key<project_share>>& keys_of() {
  static const std::vector<key<project_share>> keys{
      value_key<&project_share::name>({.name = "name",
                                       .rule = {.kind = value_kind::text},
                                       .help = "without it: those without a project",
                                       .example = "research"}),
      value_key<&project_share::weight>({.name = "weight",
                                         .rule = between(value_kind::number, 1e-12, weight_max),
                                         .help = "its share of the arrivals is this over the sum",
                                         .example = "3"})};
  return keys;
}

} // namespace berth::sim
