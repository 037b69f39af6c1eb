#pragma once

#include "sim/study/draft.hpp"
#include "sim/study/schema.hpp"

namespace berth::sim {

// The tables of every section, in the order of the documentation.

template <> const std::vector<key<study_draft>>& keys_of();
template <> const std::vector<key<host_entry>>& keys_of();
template <> const std::vector<key<offer_entry>>& keys_of();
template <> const std::vector<key<demand_entry>>& keys_of();
template <> const std::vector<key<server_defaults>>& keys_of();
template <> const std::vector<key<random_time>>& keys_of();
template <> const std::vector<key<quarantine_entry>>& keys_of();
template <> const std::vector<key<failure_entry>>& keys_of();
template <> const std::vector<key<failures_entry>>& keys_of();
template <> const std::vector<key<maintenance_entry>>& keys_of();
template <> const std::vector<key<capacity_entry>>& keys_of();
template <> const std::vector<key<goal_entry>>& keys_of();

template <> const std::vector<key<plan_entry>>& keys_of();
template <> const std::vector<key<day_swing>>& keys_of();
template <> const std::vector<key<arrival_bursts>>& keys_of();
template <> const std::vector<key<shape_entry>>& keys_of();
template <> const std::vector<key<named_law>>& keys_of();
template <> const std::vector<key<project_share>>& keys_of();

template <> short_form short_form_of<host_entry>();
template <> short_form short_form_of<offer_entry>();
template <> short_form short_form_of<random_time>();
template <> short_form short_form_of<quarantine_entry>();
template <> short_form short_form_of<maintenance_entry>();
template <> short_form short_form_of<capacity_entry>();

/// A value between bounds, for the tables.
[[nodiscard]] inline value_rule between(value_kind kind, double least, double most) {
  return {.kind = kind, .least = least, .most = most};
}
/// A time of at most a hundred years.
[[nodiscard]] inline value_rule up_to_a_century(value_kind kind = value_kind::duration,
                                                double least = 0) {
  const double most =
      kind == value_kind::seconds ? static_cast<double>(seconds_max) : 100.0 * 365 * 86'400;
  return {.kind = kind, .least = least, .most = most};
}

} // namespace berth::sim
