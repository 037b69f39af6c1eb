#include "apps/sim_plan.hpp"

#include <ostream>

#include <fmt/format.h>

#include "apps/report_text.hpp"
#include "apps/sim_session.hpp"
#include "cli/table.hpp"
#include "model/amounts.hpp"
#include "sim/report/figures.hpp"
#include "sim/report/text.hpp"
#include "sim/study/depletion.hpp"
#include "sim/study/purchase.hpp"

namespace berth::apps {

using model::errc;
using model::fail;
using model::result;

namespace {

constexpr const char* plan_intro =
    "usage: berth-sim plan [SCENARIO.yaml] [flags]\n"
    "\n"
    "Looks for the cheapest purchase among the scenario's offers with which no more than so many "
    "of\n"
    "the GPUs that are asked for are refused, and servers wait no longer than they may, at the\n"
    "scenario's confidence over its seeds. Shows every purchase that was played: cost against\n"
    "service. Says so, with the bound that proves it, when no purchase can do.\n";

constexpr const char* forecast_intro =
    "usage: berth-sim forecast [SCENARIO.yaml] [flags]\n"
    "\n"
    "Says when servers of each shape will fit no more, as the demand goes on: the median over the\n"
    "seeds and the interval that holds the middle of them. Start from today with the inventory of "
    "a\n"
    "snapshot; let the demand be fitted to what has arrived, with its growth.\n";

// --- plan

std::string label_of(const sim::study& what, const sim::purchase_trial& trial) {
  std::string text;
  for (std::size_t i = 0; i < trial.counts.size(); ++i)
    if (trial.counts[i] > 0)
      text += fmt::format("{}{} x {}", text.empty() ? "" : ", ", trial.counts[i],
                          what.goal.offers[i].hosts.name);
  return text.empty() ? "nothing" : text;
}

sim::frontier frontier_of(const sim::study& what, const sim::purchase_answer& found) {
  sim::frontier points;
  for (std::size_t i = 0; i < found.trials.size(); ++i) {
    const auto& one = found.trials[i];
    points.push_back({label_of(what, one), one.cost, one.refused_percent, one.wait_p95_s,
                      one.meets_goal, found.chosen == i});
  }
  return points;
}

std::string goal_text(const sim::study& what) {
  auto text =
      fmt::format("GPUs refused at most {} %", sim::to_text(100 * what.goal.refused_max, 2));
  if (what.goal.wait_p95_max)
    text += fmt::format(", p95 of the waits at most {}",
                        sim::time_text(sim::in_seconds(*what.goal.wait_p95_max)));
  return text + fmt::format(", with {} % confidence over {} seeds",
                            sim::to_text(100 * what.confidence, 0), what.seeds);
}

void tell(const sim::study& what, const sim::purchase_answer& found, const sim::frontier& points,
          std::ostream& out) {
  using sim::digits;
  out << "goal: " << goal_text(what) << "\n";
  cli::table table{{"purchase", "cost", "GPUs refused", "wait, p95", ""}, {}};
  for (const auto& one : points)
    table.rows.push_back(
        {one.label, sim::to_text(one.cost, 0, digits::plain),
         sim::to_text(one.refused_percent, sim::figure_unit::percent, digits::plain),
         one.wait_p95_s ? sim::to_text(*one.wait_p95_s, sim::figure_unit::seconds, digits::plain)
                        : "-",
         one.chosen ? "the cheapest that does" : (one.meets_goal ? "does" : "")});
  out << cli::to_text(table);
  if (found.partial)
    out << "PARTIAL: ended before the search was over\n";
  if (found.chosen)
    out << "buy: " << points[*found.chosen].label << ", for "
        << sim::to_text(points[*found.chosen].cost, 0, digits::plain) << "\n";
  else if (found.impossible)
    out << "impossible: " << *found.impossible << "\n";
  else if (!found.partial)
    out << "not met with everything on offer; no bound proves that no policy could\n";
}

/// The page shows the runs of the purchase that was chosen, or of the one that came closest.
sim::study_result shown_runs(const sim::study& what, sim::purchase_answer& found,
                             const sim::frontier& points) {
  if (found.trials.empty())
    return sim::result_of(what, {});
  const auto which = found.chosen.value_or(found.trials.size() - 1);
  auto runs = std::move(found.trials[which].runs);
  runs.name = points[which].label;
  std::vector<sim::variant> only;
  only.push_back(std::move(runs));
  auto all = sim::result_of(what, std::move(only));
  all.partial = found.partial;
  return all;
}

result<bool> plan(const sim_options& read, std::ostream& out, std::ostream& err) {
  std::vector<sim::host_group> on_offer;
  for (const auto& offer : read.what.goal.offers)
    on_offer.push_back(offer.hosts);
  const auto demand = offer_and_tell(read.what, err, on_offer);
  if (!demand)
    return tl::unexpected{demand.error()};
  sim_session session{read.given, err};
  auto found = session.shop(read.what, *demand);
  if (!found)
    return tl::unexpected{std::move(found.error())};
  const auto points = frontier_of(read.what, *found);
  tell(read.what, *found, points, out);
  const bool met = found->chosen.has_value();
  const auto shown = shown_runs(read.what, *found, points);
  if (!shown.variants.empty())
    if (auto written = write_wanted(read.given, shown, points, err); !written)
      return tl::unexpected{std::move(written.error())};
  return met;
}

// --- forecast

std::vector<command_flag> forecast_flags() {
  auto own = session_flags();
  own.push_back(
      {"lasting", "TIME", "a shape has run out when nothing of it fits for so long (1d)"});
  return own;
}

std::string day_text(const std::optional<model::duration>& time) {
  return time ? fmt::format("day {}",
                            sim::to_text(sim::in_seconds(*time) / 86'400, 1, sim::digits::plain))
              : "later";
}

void tell(const sim::study_result& all, model::duration lasting, std::ostream& out) {
  for (const auto& variant : all.variants) {
    if (variant.runs.empty())
      continue;
    out << variant.name << ": when servers fit no more\n";
    cli::table table{{"server", "runs out in", "median", "interval"}, {}};
    for (const auto& one : sim::depletions_of(variant, lasting, all.confidence))
      table.rows.push_back(
          {sim::to_text(one.shape), fmt::format("{} of {} fates", one.run_out, one.fates),
           day_text(one.median), day_text(one.earliest) + " to " + day_text(one.latest)});
    out << cli::to_text(table);
    const auto& first = variant.runs.front().result;
    out << fmt::format("played: {} days, looked at every {}; later: after that, or never\n",
                       sim::to_text(sim::in_seconds(first.span) / 86'400, 1, sim::digits::plain),
                       first.series.size() > 1 ? sim::time_text(sim::in_seconds(first.series[1].at))
                                               : "run");
  }
}

result<void> forecast(const sim_options& read, std::ostream& out, std::ostream& err) {
  const auto text = read.given.text("lasting", "1d");
  const auto lasting = model::parse_duration(text);
  if (!lasting)
    return fail(errc::invalid_argument, "--lasting " + text + " is no time such as 12h or 1d");
  if (read.what.base.horizon.count() == 0)
    return fail(errc::invalid_argument, "a forecast needs a horizon: --horizon 180d");
  const auto demand = offer_and_tell(read.what, err);
  if (!demand)
    return tl::unexpected{demand.error()};
  sim_session session{read.given, err};
  auto played = session.play(sim::variants_of(read.what, *demand), read.what);
  if (!played)
    return tl::unexpected{std::move(played.error())};
  const auto all = sim::result_of(read.what, *std::move(played));
  if (all.partial)
    out << "PARTIAL: ended before all seeds were played\n";
  tell(all, model::duration{*lasting}, out);
  return write_wanted(read.given, all, {}, err);
}

} // namespace

int plan_purchase(const std::vector<std::string>& words, std::ostream& out, std::ostream& err) {
  const auto own = output_flags();
  const auto read = read_sim_options(words, own);
  if (!read)
    return ended("plan", tl::unexpected{read.error()}, err);
  if (read->given.help) {
    out << sim_help(plan_intro, own, sim::scenario_flags());
    return 0;
  }
  const auto met = plan(*read, out, err);
  if (!met)
    return ended("plan", tl::unexpected{met.error()}, err);
  const auto status = ended("plan", {}, err);
  return status == 0 && !*met ? exit_failed : status;
}

int forecast_capacity(const std::vector<std::string>& words, std::ostream& out, std::ostream& err) {
  const auto own = forecast_flags();
  const auto read = read_sim_options(words, own);
  if (!read)
    return ended("forecast", tl::unexpected{read.error()}, err);
  if (read->given.help) {
    out << sim_help(forecast_intro, own, sim::scenario_flags());
    return 0;
  }
  return ended("forecast", forecast(*read, out, err), err);
}

} // namespace berth::apps
