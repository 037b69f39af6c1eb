#include "sim/demand/generator.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <numeric>
#include <set>
#include <utility>

#include "model/portable_math.hpp"

namespace berth::sim {

namespace {

constexpr double seconds_per_hour = 3'600;
constexpr std::int64_t hours_per_week = 168;
constexpr double hours_per_month = 30.4375 * 24;
constexpr double rate_max = 1e9; ///< arrivals per hour

model::result<void> wrong(std::string message) {
  return model::fail(model::errc::invalid_argument, "the demand's " + std::move(message));
}

template <std::size_t N> bool are_weights(const std::array<double, N>& weights) {
  return std::all_of(weights.begin(), weights.end(),
                     [](double weight) { return weight >= 0 && weight <= 1e9; });
}

template <std::size_t N> std::array<double, N> or_flat(std::array<double, N> weights) {
  if (std::all_of(weights.begin(), weights.end(), [](double weight) { return weight == 0; })) {
    weights.fill(1);
  }
  return weights;
}

double growth_over(const demand_plan& plan, double hours) {
  return plan.growth_per_month == 0
             ? 1
             : model::portable_pow(1 + plan.growth_per_month, hours / hours_per_month);
}

model::result<void> check_rates(const demand_plan& plan, model::duration horizon) {
  if (!(plan.arrivals_per_hour > 0 && plan.arrivals_per_hour <= rate_max)) {
    return wrong("arrivals per hour must be above 0 and at most 1e9");
  }
  if (!(plan.growth_per_month > -1 && plan.growth_per_month <= 10)) {
    return wrong("growth per month must be above -1 (-100 %) and at most 10");
  }
  const double hours = std::chrono::duration<double, std::ratio<3600>>{horizon}.count();
  if (plan.arrivals_per_hour * growth_over(plan, hours) > rate_max) {
    return wrong("growth leads to more than 1e9 arrivals per hour within the horizon: shorten it");
  }
  if (!are_weights(plan.hour_weights) || !are_weights(plan.weekday_weights)) {
    return wrong("weights of hours and weekdays must be from 0 to 1e9");
  }
  if (plan.bursts) {
    const auto& bursts = *plan.bursts;
    const auto is_length = [](double seconds) {
      return seconds >= 1 && seconds <= static_cast<double>(seconds_max);
    };
    if (!(bursts.quiet_rate >= 0 && bursts.quiet_rate <= 1) || !is_length(bursts.mean_quiet_s) ||
        !is_length(bursts.mean_burst_s)) {
      return wrong("bursts need a quiet rate from 0 to 1 and mean lengths from one second");
    }
  }
  return {};
}

model::result<void> check_shape(const server_shape& shape, const demand_plan& plan) {
  if (!(shape.weight >= 0 && shape.weight <= 1e12)) {
    return wrong("shapes must have weights from 0 to 1e12");
  }
  if (shape.gpus > gpus_max || shape.vcpus > vcpus_max || shape.memory_mib > memory_mib_max) {
    return wrong("shapes must have at most " + std::to_string(gpus_max) + " GPUs, " +
                 std::to_string(vcpus_max) + " vCPUs and " + std::to_string(memory_mib_max) +
                 " MiB");
  }
  if (shape.priority > priority_max) {
    return wrong("shapes must have priorities from 0 to " + std::to_string(priority_max));
  }
  if (shape.lifetime >= plan.lifetimes.size()) {
    return wrong("shapes refer to lifetime " + std::to_string(shape.lifetime) + ", and there are " +
                 std::to_string(plan.lifetimes.size()));
  }
  return {};
}

bool is_offered(const server_shape& shape, model::duration now) {
  return shape.weight > 0 && shape.from <= now && now < shape.until;
}

/// At every moment something must be able to arrive.
model::result<void> check_offers(const demand_plan& plan, model::duration horizon) {
  std::set<model::duration> changes{model::duration{}};
  for (const auto& shape : plan.shapes) {
    changes.insert({shape.from, shape.until});
  }
  for (const auto now : changes) {
    if (now < model::duration{} || now >= horizon) {
      continue;
    }
    if (std::none_of(plan.shapes.begin(), plan.shapes.end(),
                     [now](const auto& shape) { return is_offered(shape, now); })) {
      return wrong("shapes leave nothing that could arrive after second " +
                   std::to_string(std::chrono::floor<std::chrono::seconds>(now).count()));
    }
  }
  return {};
}

model::result<void> validate(const demand_plan& plan, model::duration horizon) {
  if (horizon < model::duration{} || horizon > std::chrono::seconds{seconds_max}) {
    return wrong("horizon must be from 0 to a hundred years");
  }
  if (plan.week_offset < model::duration{} || plan.week_offset >= std::chrono::weeks{1}) {
    return wrong("start must be within a week from Monday 00:00");
  }
  for (const auto& law : plan.lifetimes) {
    if (auto checked = validate(law); !checked) {
      return checked;
    }
  }
  for (const auto* shapes : {&plan.shapes, &plan.standing_shapes}) {
    for (const auto& shape : *shapes) {
      if (auto checked = check_shape(shape, plan); !checked) {
        return checked;
      }
    }
  }
  if (plan.standing > 0 && std::none_of(plan.standing_shapes.begin(), plan.standing_shapes.end(),
                                        [](const auto& shape) { return shape.weight > 0; })) {
    return wrong("standing servers need shapes of their own");
  }
  for (const auto& project : plan.projects) {
    if (!(project.weight > 0 && project.weight <= 1e12)) {
      return wrong("projects must have weights above 0 and up to 1e12");
    }
  }
  return check_rates(plan, horizon).and_then([&] { return check_offers(plan, horizon); });
}

std::array<double, hours_per_week> week_of(const demand_plan& plan) {
  const auto hours = or_flat(plan.hour_weights);
  const auto days = or_flat(plan.weekday_weights);
  std::array<double, hours_per_week> week{};
  for (std::size_t i = 0; i < week.size(); ++i) {
    week[i] = hours[i % hours.size()] * days[i / hours.size()];
  }
  const double mean = std::accumulate(week.begin(), week.end(), 0.0) / hours_per_week;
  for (auto& weight : week) {
    weight /= mean;
  }
  return week;
}

/// Position of a draw among sums of weights.
std::size_t position(const std::vector<double>& upto, model::random& dice) {
  const auto found = std::upper_bound(upto.begin(), upto.end(), dice.unit() * upto.back());
  return std::min(static_cast<std::size_t>(found - upto.begin()), upto.size() - 1);
}

} // namespace

std::array<double, 24> daily_swing(double swing, double peak_hour) {
  std::array<double, 24> weights{};
  for (std::size_t hour = 0; hour < weights.size(); ++hour) {
    weights[hour] =
        1 + swing * model::portable_cosine((static_cast<double>(hour) + 0.5 - peak_hour) / 24);
  }
  return weights;
}

model::result<demand_generator> demand_generator::make(demand_plan plan, std::uint64_t seed,
                                                       model::duration horizon) {
  if (auto checked = validate(plan, horizon); !checked) {
    return tl::unexpected{checked.error()};
  }
  return demand_generator{std::move(plan), seed, horizon};
}

demand_generator::demand_generator(demand_plan plan, std::uint64_t seed, model::duration horizon)
    : plan_(std::move(plan)), horizon_(horizon), gaps_(seed), phases_(gaps_.split()),
      shapes_(gaps_.split()), projects_(gaps_.split()), lifetimes_(gaps_.split()),
      standing_(gaps_.split()), standing_left_(horizon.count() > 0 ? plan_.standing : 0),
      standing_prototypes_(prototypes_of(plan_.standing_shapes)),
      prototypes_(prototypes_of(plan_.shapes)), week_weights_(week_of(plan_)) {
  double upto = 0;
  for (const auto& shape : plan_.standing_shapes) {
    standing_upto_.push_back(upto += shape.weight);
  }
  upto = 0;
  for (const auto& project : plan_.projects) {
    project_numbers_.push_back(names_.projects.number_of(project.name));
    projects_upto_.push_back(upto += project.weight);
  }
  offer_shapes({});
  second_ = std::chrono::duration<double>{into_first_hour()}.count();
  enter_hour();
  const auto& bursts = plan_.bursts;
  enter_phase(bursts && phases_.unit() * (bursts->mean_quiet_s + bursts->mean_burst_s) <
                            bursts->mean_burst_s);
}

std::vector<arrival> demand_generator::prototypes_of(const std::vector<server_shape>& of) {
  std::vector<arrival> made;
  for (const auto& shape : of) {
    const auto& wanted = shape.model.empty() ? plan_.defaults.gpu_model : shape.model;
    arrival one;
    one.gpus = shape.gpus;
    one.model = shape.gpus == 0 ? 0 : names_.models.number_of(wanted);
    one.vcpus = shape.vcpus;
    one.memory_mib = shape.memory_mib;
    one.topology = shape.topology;
    one.priority = shape.priority;
    one.patience = plan_.patience;
    fill_in(one, plan_.defaults);
    made.push_back(one);
  }
  return made;
}

std::optional<arrival> demand_generator::next() {
  if (standing_left_ > 0) {
    --standing_left_;
    return draw_standing();
  }
  if (!advance_to_next_arrival()) {
    return std::nullopt;
  }
  const auto when = now();
  if (when >= offer_changes_) {
    offer_shapes(when);
  }
  const auto shape = offered_[position(offered_upto_, shapes_)];
  auto one = draw(prototypes_[shape], plan_.shapes[shape]);
  one.when = when;
  return one;
}

arrival demand_generator::draw_standing() {
  const auto shape = position(standing_upto_, standing_);
  return draw(standing_prototypes_[shape], plan_.standing_shapes[shape]);
}

arrival demand_generator::draw(const arrival& prototype, const server_shape& shape) {
  auto one = prototype;
  if (!project_numbers_.empty()) {
    one.project = project_numbers_[position(projects_upto_, projects_)];
  }
  // Dice of its own for each: laws take different numbers of draws.
  auto dice = lifetimes_.split();
  one.lifetime = draw_lifetime(plan_.lifetimes[shape.lifetime], dice);
  return one;
}

/// Time runs on until the rate, summed up over it, reaches an exponential draw.
bool demand_generator::advance_to_next_arrival() {
  double wanted = gaps_.exponential(1);
  while (now() < horizon_) {
    const double rate = hour_rate_ * phase_rate_;
    const double hour_left_s = seconds_per_hour - second_;
    const double piece_s = std::min(hour_left_s, phase_left_s_);
    if (rate * piece_s > wanted) {
      const double step = wanted / rate;
      second_ += step;
      phase_left_s_ -= step;
      return now() < horizon_;
    }
    wanted -= rate * piece_s;
    if (phase_left_s_ < hour_left_s) {
      second_ += phase_left_s_;
      enter_phase(!is_burst_);
    } else {
      phase_left_s_ -= hour_left_s;
      second_ = 0;
      ++hour_;
      enter_hour();
    }
  }
  return false;
}

void demand_generator::enter_hour() {
  const auto first = std::chrono::floor<std::chrono::hours>(plan_.week_offset).count();
  const auto of_week = static_cast<std::size_t>((first + hour_) % hours_per_week);
  hour_rate_ = plan_.arrivals_per_hour / seconds_per_hour * week_weights_[of_week] *
               growth_over(plan_, static_cast<double>(hour_));
}

void demand_generator::enter_phase(bool burst) {
  if (!plan_.bursts) {
    phase_left_s_ = std::numeric_limits<double>::infinity();
    return;
  }
  const auto& bursts = *plan_.bursts;
  is_burst_ = burst;
  const double burst_share = bursts.mean_burst_s / (bursts.mean_quiet_s + bursts.mean_burst_s);
  phase_rate_ =
      burst ? (1 - (1 - burst_share) * bursts.quiet_rate) / burst_share : bursts.quiet_rate;
  phase_left_s_ = phases_.exponential(burst ? bursts.mean_burst_s : bursts.mean_quiet_s);
}

void demand_generator::offer_shapes(model::duration when) {
  offered_.clear();
  offered_upto_.clear();
  offer_changes_ = endless;
  double upto = 0;
  for (std::size_t i = 0; i < plan_.shapes.size(); ++i) {
    const auto& shape = plan_.shapes[i];
    for (const auto change : {shape.from, shape.until}) {
      if (change > when) {
        offer_changes_ = std::min(offer_changes_, change);
      }
    }
    if (is_offered(shape, when)) {
      offered_.push_back(i);
      offered_upto_.push_back(upto += shape.weight);
    }
  }
}

/// Hours are those of the week, so the start may be in the middle of one.
model::duration demand_generator::into_first_hour() const {
  return plan_.week_offset % std::chrono::hours{1};
}

model::duration demand_generator::now() const {
  constexpr double nanoseconds = 1e9;
  const model::duration in_hour{static_cast<std::int64_t>(second_ * nanoseconds)};
  return std::max(std::chrono::hours{hour_} + in_hour - into_first_hour(), model::duration{});
}

} // namespace berth::sim
