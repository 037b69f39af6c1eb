#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/failure.hpp"
#include "model/random.hpp"
#include "sim/demand/arrival.hpp"
#include "sim/demand/lifetime_law.hpp"

namespace berth::sim {

/// One kind of server that arrives.
struct server_shape {
  double weight = 1; ///< its share of the arrivals is weight / sum of those on offer at the time
  std::uint16_t gpus = 1;
  std::string model{};          ///< of its GPUs, or alternatives `A|B`; empty: any
  std::uint32_t vcpus = 0;      ///< 0: the defaults
  std::uint32_t memory_mib = 0; ///< 0: the defaults
  std::size_t lifetime = 0;     ///< in demand_plan::lifetimes
  packed_topology topology{};
  std::uint8_t priority = 0;
  model::duration from{};          ///< asked for from then on: a new model's date ...
  model::duration until = endless; ///< ... and an old one's end

  friend bool operator==(const server_shape&, const server_shape&) = default;
};

struct project_share {
  double weight = 1;
  std::string name{};

  friend bool operator==(const project_share&, const project_share&) = default;
};

/// Times of many arrivals between times of few, both of exponential length: a Markov-modulated
/// Poisson process of two states. The mean rate stays what it is without bursts.
struct arrival_bursts {
  double quiet_rate = 0.5; ///< relative to the mean rate, 0..1
  double mean_quiet_s = 3'600;
  double mean_burst_s = 600;

  friend bool operator==(const arrival_bursts&, const arrival_bursts&) = default;
};

/// What the generator makes.
struct demand_plan {
  double arrivals_per_hour = 60;           ///< in the mean over a week, at the start
  std::array<double, 24> hour_weights{};   ///< by hour of the day; all 0: the same all day
  std::array<double, 7> weekday_weights{}; ///< from Monday; all 0: the same all week
  model::duration week_offset{};           ///< how far into a week (from Monday 00:00) the start is
  std::optional<arrival_bursts> bursts{};
  double growth_per_month = 0; ///< 0.05: 5 % more every 30.4375 days, compound
  std::vector<server_shape> shapes{server_shape{}};
  std::vector<lifetime_law> lifetimes{lifetime_law{}};
  /// Servers that are there from the start on: they all arrive at 0, and are drawn from shapes of
  /// their own (`from` and `until` do not count).
  std::uint64_t standing = 0;
  std::vector<server_shape> standing_shapes{};
  std::vector<project_share> projects{}; ///< none: without a project
  model::duration patience = unstated;   ///< of all
  server_defaults defaults{};
};

/// Weights of a day that swings like a cosine: 1 + swing * cos around the peak, at the middle of
/// each hour. `swing` 0..1; `peak_hour` 0..24, e.g. 14.5.
[[nodiscard]] std::array<double, 24> daily_swing(double swing, double peak_hour);

/// Draws arrivals: Poisson within each hour, at a rate that follows the hour of the day, the day of
/// the week, growth (hour by hour) and bursts. Equal plans and seeds give equal arrivals on every
/// machine. Gaps, bursts, shapes, projects and lifetimes have dice of their own, so that a change
/// of one leaves the draws of the others as they are.
class demand_generator final : public arrival_source {
public:
  /// Arrivals from 0 to `horizon`, without it. Fails when the plan is not sound, naming what is
  /// wrong and what would be right.
  [[nodiscard]] static model::result<demand_generator> make(demand_plan plan, std::uint64_t seed,
                                                            model::duration horizon);

  [[nodiscard]] std::optional<arrival> next() override;
  [[nodiscard]] const demand_names& names() const override { return names_; }

private:
  demand_generator(demand_plan plan, std::uint64_t seed, model::duration horizon);

  /// What `of` kinds of servers look like before they are drawn.
  [[nodiscard]] std::vector<arrival> prototypes_of(const std::vector<server_shape>& of);
  [[nodiscard]] arrival draw(const arrival& prototype, const server_shape& shape);
  [[nodiscard]] arrival draw_standing();
  /// False at the horizon.
  [[nodiscard]] bool advance_to_next_arrival();
  void enter_hour();
  void enter_phase(bool burst);
  void offer_shapes(model::duration now);
  [[nodiscard]] model::duration into_first_hour() const;
  [[nodiscard]] model::duration now() const;

  demand_plan plan_;
  model::duration horizon_;
  demand_names names_;

  model::random gaps_;
  model::random phases_;
  model::random shapes_;
  model::random projects_;
  model::random lifetimes_;
  model::random standing_;

  std::uint64_t standing_left_;
  std::vector<arrival> standing_prototypes_; ///< by standing shape
  std::vector<double> standing_upto_;        ///< sums of their weights
  std::vector<arrival> prototypes_;          ///< by shape
  std::vector<std::size_t> offered_;         ///< shapes that may arrive now
  std::vector<double> offered_upto_;         ///< sums of their weights
  model::duration offer_changes_{};          ///< when the two must be made anew
  std::vector<std::uint32_t> project_numbers_;
  std::vector<double> projects_upto_;

  std::array<double, 168> week_weights_{}; ///< by hour of the week, mean 1
  std::int64_t hour_ = 0;                  ///< since the one that the start is in
  double second_ = 0;                      ///< in that hour
  double hour_rate_ = 0;                   ///< arrivals per second in it, without bursts
  double phase_rate_ = 1;                  ///< relative, of the present phase
  bool is_burst_ = false;
  double phase_left_s_ = 0;
};

} // namespace berth::sim
