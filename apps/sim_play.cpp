#include "apps/sim_play.hpp"

#include <cmath>
#include <filesystem>
#include <ostream>
#include <set>

#include <fmt/format.h>

#include "apps/report_text.hpp"
#include "apps/sim_session.hpp"
#include "cli/table.hpp"
#include "sim/report/figures.hpp"
#include "sim/report/text.hpp"

namespace berth::apps {

using model::errc;
using model::fail;
using model::result;

namespace {

constexpr const char* run_intro =
    "usage: berth-sim run [SCENARIO.yaml] [flags]\n"
    "\n"
    "Plays the servers of a demand on a fleet, with the production scheduler and the production\n"
    "waiting queue, and says what fits, what waits, what is refused and why. `berth-sim init`\n"
    "writes a scenario to start from. Several --policy stand side by side.\n";

constexpr const char* compare_intro =
    "usage: berth-sim compare SCENARIO.yaml [SCENARIO.yaml]... [flags]\n"
    "\n"
    "Plays scenarios, and each under several --policy if there are, and says how much each "
    "differs\n"
    "from the first: the mean of the differences seed by seed, with its interval. With one demand\n"
    "they meet the same arrivals, and hosts and GPUs the same fates. Flags count for all.\n";

result<void> play_and_tell(const sim_arguments& given, const sim::study& what,
                           const std::vector<sim::variant_plan>& variants, std::ostream& err,
                           sim::study_result& into) {
  sim_session session{given, err};
  auto played = session.play(variants, what);
  if (!played)
    return tl::unexpected{std::move(played.error())};
  into = sim::result_of(what, *std::move(played));
  return {};
}

// --- compare

/// Whether the interval leaves zero out.
std::string verdict(const sim::estimate& difference) {
  if (difference.mean == 0 && difference.half_width.value_or(0) == 0)
    return "the same";
  if (difference.half_width && std::abs(difference.mean) <= *difference.half_width)
    return "no difference seen";
  return difference.half_width ? (difference.mean > 0 ? "more" : "less") : "one seed: not sure";
}

/// One table for each variant behind the first, of the figures in which they can differ.
std::string differences_text(const sim::study_result& all) {
  std::string text;
  const auto& base = all.variants.front();
  for (std::size_t i = 1; i < all.variants.size(); ++i) {
    const auto& other = all.variants[i];
    cli::table table{{"", base.name, other.name, "difference", ""}, {}};
    for (const auto& figure : sim::run_figures()) {
      const auto of = [&](const sim::run_result& one) { return figure.of(one); };
      const auto difference = sim::difference_over(other, base, all.confidence, of);
      table.rows.push_back(
          {std::string{figure.title},
           sim::to_text(sim::mean_over(base, all.confidence, of), figure.unit, sim::digits::plain),
           sim::to_text(sim::mean_over(other, all.confidence, of), figure.unit, sim::digits::plain),
           sim::difference_text(difference, figure.unit), verdict(difference)});
    }
    text += cli::to_text(table);
  }
  return text;
}

/// The files' names tell scenarios apart, policies the rest.
result<std::vector<sim::variant_plan>> plans_of(const std::vector<std::string>& files,
                                                const std::vector<sim::study>& studies,
                                                std::ostream& err) {
  std::vector<sim::variant_plan> all;
  std::set<std::string> names;
  for (std::size_t i = 0; i < studies.size(); ++i) {
    const auto demand = offer_and_tell(studies[i], err);
    if (!demand)
      return tl::unexpected{demand.error()};
    for (auto& plan : sim::variants_of(studies[i], *demand)) {
      const auto file = std::filesystem::path{files[i]}.stem().string();
      if (studies.size() > 1)
        plan.name = studies[i].policies.size() > 1 ? file + ", " + plan.name : file;
      if (!names.insert(plan.name).second)
        return fail(errc::invalid_argument, "two of what is compared are called " + plan.name +
                                                ": give the files other "
                                                "names");
      all.push_back(std::move(plan));
    }
  }
  if (all.size() < 2)
    return fail(errc::invalid_argument,
                "there is nothing to compare: give two scenarios, or two --policy");
  return all;
}

result<std::vector<sim::study>> load_all(const sim_arguments& given) {
  if (given.files.empty())
    return fail(errc::invalid_argument, "compare needs at least one scenario; see --help");
  std::vector<sim::study> studies;
  for (const auto& file : given.files) {
    auto one = load_study(file, given);
    if (!one)
      return tl::unexpected{std::move(one.error())};
    studies.push_back(*std::move(one));
  }
  return studies;
}

result<void> compare(const sim_arguments& given, std::ostream& out, std::ostream& err) {
  auto studies = load_all(given);
  if (!studies)
    return tl::unexpected{std::move(studies.error())};
  const auto plans = plans_of(given.files, *studies, err);
  if (!plans)
    return tl::unexpected{plans.error()};
  const auto& first = studies->front();
  for (const auto& other : *studies)
    if (other.seeds != first.seeds || other.confidence != first.confidence)
      return fail(errc::invalid_argument,
                  "the scenarios ask for different seeds or confidence: must be the same, or given "
                  "as --seeds and --confidence");
  sim::study_result all;
  if (auto played = play_and_tell(given, first, *plans, err, all); !played)
    return played;
  out << report_text(all);
  if (!all.variants.front().runs.empty())
    out << differences_text(all);
  return write_wanted(given, all, {}, err);
}

} // namespace

int run_scenario(const std::vector<std::string>& words, std::ostream& out, std::ostream& err) {
  const auto own = session_flags();
  const auto read = read_sim_options(words, own);
  if (!read)
    return ended("run", tl::unexpected{read.error()}, err);
  if (read->given.help) {
    out << sim_help(run_intro, own, sim::scenario_flags());
    return 0;
  }
  const auto play = [&]() -> result<void> {
    const auto demand = offer_and_tell(read->what, err);
    if (!demand)
      return tl::unexpected{demand.error()};
    sim::study_result all;
    const auto variants = sim::variants_of(read->what, *demand);
    if (auto played = play_and_tell(read->given, read->what, variants, err, all); !played)
      return played;
    out << report_text(all);
    return write_wanted(read->given, all, {}, err);
  };
  return ended("run", play(), err);
}

int compare_scenarios(const std::vector<std::string>& words, std::ostream& out, std::ostream& err) {
  const auto own = session_flags();
  const auto given = parse_sim_arguments(words, own, sim::scenario_flags());
  if (!given)
    return ended("compare", tl::unexpected{given.error()}, err);
  if (given->help) {
    out << sim_help(compare_intro, own, sim::scenario_flags());
    return 0;
  }
  return ended("compare", compare(*given, out, err), err);
}

} // namespace berth::apps
