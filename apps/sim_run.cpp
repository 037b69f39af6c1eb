#include "apps/sim_run.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <future>
#include <optional>
#include <ostream>
#include <set>
#include <thread>
#include <utility>

#include <boost/math/distributions/students_t.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/machine_files.hpp"
#include "model/amounts.hpp"
#include "cli/table.hpp"
#include "model/text.hpp"
#include "sim/demand/fit.hpp"
#include "sim/demand/generator.hpp"
#include "sim/demand/readers.hpp"
#include "sim/fleet/run.hpp"

namespace berth::apps {

namespace {

namespace po = boost::program_options;
namespace simulated = hostbackend::simulated;
using model::errc;
using model::fail;
using model::result;
using strings = std::vector<std::string>;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;
constexpr std::uint32_t hosts_max = 1'000'000;
constexpr unsigned seeds_max = 10'000;
constexpr unsigned jobs_max = 1'024;

constexpr const char* usage =
    "usage: berth-sim run --hosts COUNTxMACHINE... --demand FILE [options]\n"
    "\n"
    "Plays the servers of a demand on a fleet, with the production scheduler, and says what fits,\n"
    "what is refused and why. Nothing waits: what fits nowhere is refused.\n"
    "\n"
    "  --hosts COUNTxMACHINE   such as 20xhgx-h100; a machine of the collection, or a "
    "description's\n"
    "                          path. Several make a mixed fleet\n"
    "  --demand FILE           what arrives; - reads standard input\n"
    "  --format NAME           berth (the default), alibaba-pods, philly-jobs, packing-timeline\n"
    "  --strict                a row that cannot be used ends it\n"
    "  --split                 a job of more GPUs than a host has becomes several servers\n"
    "  --draw                  each seed draws arrivals like these, from a generator that is "
    "fitted to\n"
    "                          them, up to the horizon; without it, every seed plays these\n"
    "  --growth PERCENT        with --draw: so many more arrivals every month (0)\n"
    "  --policy NAME           how hosts are compared; several are compared side by side\n"
    "  --tell-lifetimes        the scheduler knows when each server will leave\n"
    "  --horizon TIME          ends then, such as 30d; without it, with the last arrival\n"
    "  --turnover TIME         from a server's end to its GPUs' being free (3s)\n"
    "  --device-mtbf TIME --device-mttr TIME    failures of each GPU; none without them\n"
    "  --host-mtbf TIME --host-mttr TIME        failures of each host; none without them\n"
    "  --seeds N               plays N times, each with other failures, and arrivals with --draw "
    "(1)\n"
    "  --jobs N                so many at a time (the number of processors)\n"
    "  --json FILE             everything as JSON\n";

struct wish {
  sim::scenario scenario;
  std::vector<const scheduler::policy*> policies;
  std::string demand;
  sim::trace_format format = sim::trace_format::berth;
  sim::read_options reading;
  bool draw = false;
  double growth = 0; ///< of arrivals per month
  unsigned seeds = 1;
  unsigned jobs = 1;
  std::string json;
};

// --- The command line

po::options_description flags() {
  po::options_description known;
  auto add = known.add_options();
  add("help", "");
  for (const auto* list : {"hosts", "policy"})
    add(list, po::value<strings>(), "");
  for (const auto* text : {"demand", "format", "horizon", "turnover", "device-mtbf", "device-mttr",
                           "host-mtbf", "host-mttr", "json"})
    add(text, po::value<std::string>(), "");
  for (const auto* number : {"seeds", "jobs"})
    add(number, po::value<unsigned>(), "");
  add("growth", po::value<double>(), "");
  for (const auto* flag : {"strict", "split", "tell-lifetimes", "draw"})
    add(flag, po::bool_switch(), "");
  return known;
}

std::string text_of(const po::variables_map& given, const char* key, const char* otherwise = "") {
  return given.count(key) > 0 ? given[key].as<std::string>() : otherwise;
}

result<model::duration> time_of(const po::variables_map& given, const char* key,
                                const char* otherwise = "0s") {
  const auto text = text_of(given, key, otherwise);
  const auto time = model::parse_duration(text);
  if (!time)
    return fail(errc::invalid_argument,
                std::string{"--"} + key + " " + text + " is no time such as 30s, 10m, 12h or 30d");
  return model::duration{*time};
}

result<sim::host_group> group_of(const std::string& text) {
  const auto by = text.find('x');
  sim::host_group group;
  const auto* const end = text.data() + std::min(by, text.size());
  const auto [stop, error] = std::from_chars(text.data(), end, group.count);
  if (by == std::string::npos || error != std::errc{} || stop != end || group.count == 0 ||
      group.count > hosts_max)
    return fail(errc::invalid_argument, "--hosts " + text + " must be a number from 1 to " +
                                            std::to_string(hosts_max) +
                                            ", an x and a machine, such as 20xhgx-h100");
  group.name = text.substr(by + 1);
  const auto machine = find_machine(group.name);
  if (!machine)
    return tl::unexpected{machine.error()};
  group.machine = simulated::describe(simulated::make_host(group.name, *machine), "");
  return group;
}

result<const scheduler::policy*> policy_of(const std::string& name) {
  if (const auto* found = scheduler::find_policy(name))
    return found;
  std::string known;
  for (const auto one : scheduler::policy_names())
    known += (known.empty() ? "" : ", ") + std::string{one};
  return fail(errc::invalid_argument, "--policy " + name + " is none of " + known);
}

result<void> read_times(const po::variables_map& given, sim::scenario& what) {
  const std::pair<const char*, model::duration*> times[] = {
      {"horizon", &what.horizon},
      {"device-mtbf", &what.devices.mean_between},
      {"device-mttr", &what.devices.mean_repair},
      {"host-mtbf", &what.machines.mean_between},
      {"host-mttr", &what.machines.mean_repair}};
  for (const auto& [key, into] : times) {
    const auto time = time_of(given, key);
    if (!time)
      return tl::unexpected{time.error()};
    *into = *time;
  }
  const auto turnover = time_of(given, "turnover", "3s");
  if (!turnover)
    return tl::unexpected{turnover.error()};
  what.turnover.least = *turnover;
  return {};
}

result<wish> wish_of(const po::variables_map& given) {
  wish what;
  if (given.count("hosts") == 0 || given.count("demand") == 0)
    return fail(errc::invalid_argument, "--hosts and --demand are needed");
  for (const auto& text : given["hosts"].as<strings>()) {
    auto group = group_of(text);
    if (!group)
      return tl::unexpected{group.error()};
    what.scenario.hosts.push_back(std::move(*group));
  }
  const auto names = given.count("policy") > 0
                         ? given["policy"].as<strings>()
                         : strings{std::string{scheduler::policy_names().front()}};
  for (const auto& name : names) {
    const auto policy = policy_of(name);
    if (!policy)
      return tl::unexpected{policy.error()};
    what.policies.push_back(*policy);
  }
  const auto format = text_of(given, "format", "berth");
  const auto known = sim::trace_format_from(format);
  if (!known)
    return fail(errc::invalid_argument,
                "--format " + format +
                    " is none of berth, alibaba-pods, philly-jobs, packing-timeline");
  if (auto read = read_times(given, what.scenario); !read)
    return tl::unexpected{read.error()};
  what.format = *known;
  what.demand = text_of(given, "demand");
  what.json = text_of(given, "json");
  what.scenario.tell_lifetimes = given["tell-lifetimes"].as<bool>();
  what.reading.strict = given["strict"].as<bool>();
  if (given["split"].as<bool>())
    what.reading.large = sim::large_jobs::split;
  what.draw = given["draw"].as<bool>();
  what.growth = given.count("growth") > 0 ? given["growth"].as<double>() / 100 : 0;
  if (what.draw && what.scenario.horizon.count() == 0)
    return fail(errc::invalid_argument, "--draw needs a --horizon: it draws until then");
  if (!what.draw && what.growth != 0)
    return fail(errc::invalid_argument, "--growth needs --draw: what was seen does not grow");
  what.seeds = given.count("seeds") > 0 ? given["seeds"].as<unsigned>() : 1;
  what.jobs = given.count("jobs") > 0
                  ? given["jobs"].as<unsigned>()
                  : std::clamp(std::thread::hardware_concurrency(), 1U, jobs_max);
  if (what.seeds == 0 || what.seeds > seeds_max || what.jobs == 0 || what.jobs > jobs_max)
    return fail(errc::invalid_argument, "--seeds must be from 1 to " + std::to_string(seeds_max) +
                                            ", --jobs from 1 to " + std::to_string(jobs_max));
  return what;
}

// --- The runs

using runs = std::vector<sim::run_result>; ///< by seed

/// What arrives: what was read, or a plan that draws the like.
struct offered {
  sim::demand seen;
  std::optional<sim::demand_plan> plan;
};

result<sim::run_result> play_one(const sim::scenario& scenario, const offered& what,
                                 unsigned seed) {
  if (!what.plan) {
    sim::demand_source source{what.seen};
    return sim::run(scenario, source, seed);
  }
  auto drawn = sim::demand_generator::make(*what.plan, seed, scenario.horizon);
  if (!drawn)
    return tl::unexpected{drawn.error()};
  return sim::run(scenario, *drawn, seed);
}

/// Each run is alone on its thread; the results are in the order of the seeds, whatever finished
/// first.
result<runs> play(const wish& what, const offered& demand, const scheduler::policy* policy) {
  auto scenario = what.scenario;
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

/// A part of a model's name will do, as for a server.
result<void> check_models(const sim::demand_names& names, const sim::scenario& what) {
  strings known;
  for (const auto& group : what.hosts)
    for (const auto& device : group.machine.devices)
      known.push_back(device.model);
  sim::demand_names unknown;
  for (const auto& text : names.models.all())
    for (const auto name : sim::alternatives(text))
      if (std::ranges::none_of(
              known, [name](const auto& one) { return model::contains_ignoring_case(one, name); }))
        unknown.models.number_of(name);
  return sim::check_models(unknown, known);
}

result<offered> offer_of(const wish& what, sim::demand&& seen, std::ostream& err) {
  offered made{std::move(seen), std::nullopt};
  if (!what.draw)
    return made;
  auto found = sim::fit(made.seen);
  if (!found)
    return tl::unexpected{found.error()};
  err << sim::to_text(*found);
  found->plan.growth_per_month = what.growth;
  made.plan = std::move(found->plan);
  return made;
}

result<void> simulate(const wish& what, std::ostream& out, std::ostream& err) {
  auto demand = sim::read_demand_file(what.format, what.demand, what.reading);
  if (!demand)
    return tl::unexpected{demand.error()};
  if (demand->report.skipped > 0 || !demand->report.remarks.empty())
    err << sim::to_text(demand->report);
  if (demand->arrivals.empty())
    return fail(errc::invalid_argument, what.demand + " has no arrivals that can be used");
  if (auto checked = check_models(demand->names, what.scenario); !checked)
    return checked;
  auto offer = offer_of(what, std::move(*demand), err);
  if (!offer)
    return tl::unexpected{offer.error()};
  std::vector<std::pair<std::string, runs>> all;
  for (const auto* policy : what.policies) {
    auto played = play(what, *offer, policy);
    if (!played)
      return tl::unexpected{played.error()};
    all.emplace_back(scheduler::name_of(*policy), std::move(*played));
  }
  tell(out, all);
  return what.json.empty() ? result<void>{} : write_json(what.json, all);
}

} // namespace

int run_simulation(const std::vector<std::string>& arguments, std::ostream& out,
                   std::ostream& err) {
  po::variables_map given;
  try {
    po::store(
        po::command_line_parser(arguments)
            .options(flags())
            .style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing)
            .run(),
        given);
  } catch (const po::error& bad) {
    err << "berth-sim run: " << bad.what() << "; see --help\n";
    return exit_usage;
  }
  if (given.count("help") > 0) {
    out << usage;
    return 0;
  }
  const auto what = wish_of(given);
  if (!what) {
    err << "berth-sim run: " << what.error().message << "\n";
    return exit_usage;
  }
  const auto done = simulate(*what, out, err);
  if (done)
    return 0;
  err << "berth-sim run: " << done.error().message << "\n";
  return exit_failed;
}

} // namespace berth::apps
