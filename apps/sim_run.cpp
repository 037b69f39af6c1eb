#include "apps/sim_run.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <future>
#include <ostream>
#include <set>
#include <utility>

#include <boost/math/distributions/students_t.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/sim_options.hpp"
#include "cli/table.hpp"
#include "sim/demand/fit.hpp"
#include "sim/fleet/run.hpp"
#include "sim/study/offered_demand.hpp"

namespace berth::apps {

namespace {

using model::errc;
using model::fail;
using model::result;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

constexpr const char* intro =
    "usage: berth-sim run [SCENARIO.yaml] [options]\n"
    "       berth-sim run --hosts COUNTxMACHINE... --demand FILE [options]\n"
    "\n"
    "Plays the servers of a demand on a fleet, with the production scheduler, and says what fits,\n"
    "what is refused and why. `berth-sim init` writes a scenario to begin with.\n";

const std::vector<command_flag>& own_flags() {
  static const std::vector<command_flag> flags{{"json", "FILE", "everything as JSON"}};
  return flags;
}

// --- The runs

using runs = std::vector<sim::run_result>; ///< by seed

result<sim::run_result> play_one(const sim::scenario& scenario, const sim::offered_demand& demand,
                                 unsigned seed) {
  const auto source = demand.arrivals(seed);
  if (!source)
    return tl::unexpected{source.error()};
  return sim::run(scenario, **source, seed);
}

/// Each run is alone on its thread; the results are in the order of the seeds, whatever finished
/// first.
result<runs> play(const sim::study& what, const sim::offered_demand& demand,
                  const scheduler::policy* policy) {
  auto scenario = what.base;
  scenario.policy = policy;
  runs done;
  for (unsigned first = 1; first <= what.seeds; first += what.jobs) {
    std::vector<std::future<result<sim::run_result>>> under_way;
    for (unsigned seed = first; seed <= what.seeds && seed < first + what.jobs; ++seed)
      under_way.push_back(std::async(std::launch::async, [&scenario, &demand, seed] {
        return play_one(scenario, demand, seed);
      }));
    for (auto& one : under_way) {
      auto played = one.get();
      if (!played)
        return tl::unexpected{played.error()};
      done.push_back(std::move(*played));
    }
  }
  return done;
}

/// The mean of a figure over the runs, with half the width of its 95 % interval if there are
/// several that differ (Student's t).
template <class Figure> std::string mean(const runs& all, const char* format, Figure figure) {
  double sum = 0;
  for (const auto& one : all)
    sum += figure(one);
  const auto count = static_cast<double>(all.size());
  const auto middle = sum / count;
  double squares = 0;
  for (const auto& one : all)
    squares += (figure(one) - middle) * (figure(one) - middle);
  auto text = fmt::format(fmt::runtime(format), middle);
  if (all.size() > 1 && squares > 0) {
    const auto t = boost::math::quantile(boost::math::students_t{count - 1}, 0.975);
    text += " ± " + fmt::format(fmt::runtime(format), t * std::sqrt(squares / (count - 1) / count));
  }
  return text;
}

double share(double part, double whole) {
  return whole > 0 ? 100 * part / whole : 0;
}

double total(const sim::run_result& one, double sim::model_figures::*figure) {
  double sum = 0;
  for (const auto& [name, model] : one.models)
    sum += model.*figure;
  return sum;
}

// --- What is said of them

cli::table overview(const std::vector<std::pair<std::string, runs>>& all) {
  cli::table table{{"policy", "servers placed", "servers refused", "GPUs refused %",
                    "GPUs allocated %", "in turnover %", "broken %", "servers failed"},
                   {}};
  for (const auto& [policy, played] : all) {
    const auto of_time = [](double sim::model_figures::*figure) {
      return [figure](const sim::run_result& one) {
        return share(total(one, figure), total(one, &sim::model_figures::gpu_seconds));
      };
    };
    table.rows.push_back(
        {policy, mean(played, "{:.0f}", [](const auto& one) { return double(one.placed); }),
         mean(played, "{:.0f}", [](const auto& one) { return double(one.refused); }),
         mean(played, "{:.2f}",
              [](const auto& one) { return share(one.gpus_refused, one.gpus_asked); }),
         mean(played, "{:.2f}", of_time(&sim::model_figures::held_seconds)),
         mean(played, "{:.2f}", of_time(&sim::model_figures::cleaned_seconds)),
         mean(played, "{:.2f}", of_time(&sim::model_figures::broken_seconds)),
         mean(played, "{:.0f}", [](const auto& one) { return double(one.failed); })});
  }
  return table;
}

cli::table by_size(const std::vector<std::pair<std::string, runs>>& all) {
  cli::table table{{"GPUs of the server", "arrived"}, {}};
  for (const auto& [policy, played] : all)
    table.header.push_back("refused, " + policy);
  std::set<std::uint16_t> sizes; // a seed may draw one that another does not
  for (const auto& one : all.front().second)
    for (const auto& [gpus, figures] : one.sizes)
      sizes.insert(gpus);
  const auto of = [](const sim::run_result& one, std::uint16_t gpus) {
    const auto found = one.sizes.find(gpus);
    return found == one.sizes.end() ? sim::size_figures{} : found->second;
  };
  for (const auto gpus : sizes) {
    std::vector<std::string> row{std::to_string(gpus)};
    row.push_back(mean(all.front().second, "{:.0f}",
                       [&](const auto& one) { return double(of(one, gpus).arrived); }));
    for (const auto& [policy, played] : all)
      row.push_back(mean(played, "{:.0f}", [&](const auto& one) {
        return double(of(one, gpus).arrived - of(one, gpus).placed);
      }));
    table.rows.push_back(std::move(row));
  }
  return table;
}

void tell(std::ostream& out, const std::vector<std::pair<std::string, runs>>& all) {
  const auto& first = all.front().second.front();
  out << mean(all.front().second, "{:.0f}", [](const auto& one) { return double(one.arrived); })
      << fmt::format(" servers in {:.1f} days",
                     std::chrono::duration<double>(first.span).count() / 86'400);
  for (const auto& [name, model] : first.models)
    out << fmt::format(", {} {}", model.gpus, name);
  out << "\n" << cli::to_text(overview(all)) << cli::to_text(by_size(all));
  for (const auto& [policy, played] : all)
    for (const auto& [rule, times] : played.front().refused_by)
      out << fmt::format("{}: {} refused by rule {}{}\n", policy, times, rule,
                         played.size() > 1 ? " (seed 1)" : "");
}

nlohmann::ordered_json as_json(const sim::run_result& one) {
  nlohmann::ordered_json sizes = nlohmann::ordered_json::array();
  for (const auto& [gpus, size] : one.sizes)
    sizes.push_back({{"gpus", gpus}, {"arrived", size.arrived}, {"placed", size.placed}});
  nlohmann::ordered_json models = nlohmann::ordered_json::array();
  for (const auto& [name, model] : one.models)
    models.push_back({{"model", name},
                      {"gpus", model.gpus},
                      {"gpu_seconds", model.gpu_seconds},
                      {"held_seconds", model.held_seconds},
                      {"cleaned_seconds", model.cleaned_seconds},
                      {"broken_seconds", model.broken_seconds}});
  nlohmann::ordered_json series = nlohmann::ordered_json::array();
  for (const auto& at : one.series) {
    std::int64_t gpus = 0;
    std::int64_t held = 0;
    std::int64_t free = 0;
    for (const auto& model : at.models) {
      gpus += model.gpus;
      held += model.held;
      free += model.free();
    }
    series.push_back({{"at_s", std::chrono::duration<double>(at.at).count()},
                      {"gpus", gpus},
                      {"held", held},
                      {"free", free}});
  }
  return {{"arrived", one.arrived},
          {"placed", one.placed},
          {"refused", one.refused},
          {"refused_by", one.refused_by},
          {"ended", one.ended},
          {"failed", one.failed},
          {"living", one.living},
          {"gpus_asked", one.gpus_asked},
          {"gpus_refused", one.gpus_refused},
          {"span_s", std::chrono::duration<double>(one.span).count()},
          {"events", one.events},
          {"sizes", std::move(sizes)},
          {"models", std::move(models)},
          {"series", std::move(series)}};
}

result<void> write_json(const std::string& path,
                        const std::vector<std::pair<std::string, runs>>& all) {
  nlohmann::ordered_json document = nlohmann::ordered_json::array();
  for (const auto& [policy, played] : all)
    for (std::size_t i = 0; i < played.size(); ++i)
      document.push_back({{"policy", policy}, {"seed", i + 1}, {"result", as_json(played[i])}});
  std::ofstream file{path, std::ios::binary};
  file << document.dump(1) << "\n";
  file.flush();
  if (!file)
    return fail(errc::store_failed, "cannot write " + path);
  return {};
}

result<void> simulate(const sim::study& what, const std::string& json, std::ostream& out,
                      std::ostream& err) {
  const auto demand = sim::offer(what);
  if (!demand)
    return tl::unexpected{demand.error()};
  if (const auto* seen = demand->seen();
      seen != nullptr && (seen->report.skipped > 0 || !seen->report.remarks.empty()))
    err << sim::to_text(seen->report);
  if (const auto* fitted = demand->fitted())
    err << sim::to_text(*fitted);
  std::vector<std::pair<std::string, runs>> all;
  for (const auto* policy : what.policies) {
    auto played = play(what, *demand, policy);
    if (!played)
      return tl::unexpected{played.error()};
    all.emplace_back(scheduler::name_of(*policy), std::move(*played));
  }
  tell(out, all);
  return json.empty() ? result<void>{} : write_json(json, all);
}

} // namespace

int run_simulation(const std::vector<std::string>& arguments, std::ostream& out,
                   std::ostream& err) {
  const auto options = read_sim_options(arguments, own_flags());
  if (!options) {
    err << "berth-sim run: " << options.error().message << "\n";
    return exit_usage;
  }
  if (options->given.help) {
    out << sim_help(intro, own_flags(), sim::scenario_flags());
    return 0;
  }
  const auto done = simulate(options->what, options->given.text("json"), out, err);
  if (done)
    return 0;
  err << "berth-sim run: " << done.error().message << "\n";
  return exit_failed;
}

} // namespace berth::apps
