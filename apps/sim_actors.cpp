#include "apps/sim_actors.hpp"

#include <charconv>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <sstream>
#include <utility>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/config.hpp"
#include "apps/machine_files.hpp"
#include "apps/write_file.hpp"
#include "cli/table.hpp"
#include "hostbackend/simulated/faults.hpp"
#include "model/amounts.hpp"
#include "scheduler/policy.hpp"
#include "sim/actors_run/run.hpp"
#include "sim/demand/generator.hpp"
#include "sim/study/offered_demand.hpp"
#include "sim/study/scenario_file.hpp"

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
constexpr int exit_violated = 3;
constexpr std::uint32_t hosts_max = 100'000;

constexpr const char* usage =
    "usage: berth-sim actors --hosts COUNTxMACHINE... --demand FILE [options]\n"
    "       berth-sim actors --hosts COUNTxMACHINE... --rate N --lifetime TIME --horizon TIME "
    "[options]\n"
    "\n"
    "Plays the servers of a demand against the programs' own actors: a controller, its scheduler "
    "and an\n"
    "agent for every host, on virtual time with simulated machines and links. Says what became of "
    "the\n"
    "demand and whether all that must always hold did. One seed, one run: the trace hash proves "
    "it.\n"
    "\n"
    "  --hosts COUNTxMACHINE   such as 20xhgx-h100; a machine of the collection, or a "
    "description's\n"
    "                          path. Several make a mixed fleet\n"
    "  --seed N                of everything that is left to chance (1)\n"
    "  --horizon TIME          of the demand, such as 1d; without it, until the last arrival\n"
    "  --policy NAME           how hosts are compared\n"
    "  --wait TIME             how long a server that fits nowhere waits, if the demand does not "
    "say (0s)\n"
    "  --tell-lifetimes        the scheduler knows when each server will leave\n"
    "What arrives, from a file:\n"
    "  --demand FILE           - reads standard input\n"
    "  --format NAME           berth (the default), alibaba-pods, philly-jobs, packing-timeline, "
    "controller-log\n"
    "or drawn:\n"
    "  --rate N                servers per hour, at random times\n"
    "  --lifetime TIME         their mean lifetime, exponentially distributed (1h)\n"
    "  --gpus SIZE=WEIGHT,...  GPUs of a server and how often (1=1)\n"
    "What goes wrong (nothing, without these):\n"
    "  --host-mtbf TIME --host-mttr TIME        each host loses power, and comes back\n"
    "  --device-mtbf TIME --device-mttr TIME    each device leaves its slot, and is put back\n"
    "  --link-mtbf TIME --link-mttr TIME        each host is cut off from the controller\n"
    "  --loss P --late P --breakage P           of each frame: it is lost, late, takes its "
    "connection down\n"
    "  --faults FILE           a fault plan, as for berth-host --simulated-faults\n"
    "What is told:\n"
    "  --twice                 plays it twice and compares\n"
    "  --json FILE             everything as JSON; - writes it to standard output\n";

/// What arrives.
struct wish {
  sim::actors_scenario scenario;
  std::uint64_t seed = 1;
  std::optional<sim::demand_input> trace; ///< without one: `plan`
  sim::demand_plan plan;
  bool twice = false;
  std::string json;
};

// --- The command line

po::options_description flags() {
  po::options_description known;
  auto add = known.add_options();
  add("help", "");
  add("hosts", po::value<strings>(), "");
  for (const auto* text :
       {"policy", "wait", "demand", "format", "horizon", "lifetime", "gpus", "host-mtbf",
        "host-mttr", "device-mtbf", "device-mttr", "link-mtbf", "link-mttr", "faults", "json"})
    add(text, po::value<std::string>(), "");
  for (const auto* number : {"rate", "loss", "late", "breakage"})
    add(number, po::value<double>(), "");
  add("seed", po::value<std::uint64_t>(), "");
  for (const auto* flag : {"tell-lifetimes", "twice"})
    add(flag, po::bool_switch(), "");
  return known;
}

std::string text_of(const po::variables_map& given, const char* key, const char* otherwise = "") {
  return given.count(key) > 0 ? given[key].as<std::string>() : otherwise;
}

result<void> read_time(const po::variables_map& given, const char* key, model::duration& into) {
  if (given.count(key) == 0)
    return {};
  const auto text = text_of(given, key);
  const auto time = model::parse_duration(text);
  if (!time)
    return fail(errc::invalid_argument,
                std::string{"--"} + key + " " + text + " is no time such as 30s, 10m, 12h or 30d");
  into = *time;
  return {};
}

result<void> read_times(const po::variables_map& given, sim::actors_scenario& what) {
  auto& rates = what.mishaps;
  const std::pair<const char*, model::duration*> times[] = {
      {"horizon", &what.horizon},
      {"wait", &what.patience},
      {"host-mtbf", &rates.machines.mean_between},
      {"host-mttr", &rates.machines.mean_repair},
      {"device-mtbf", &rates.devices.mean_between},
      {"device-mttr", &rates.devices.mean_repair},
      {"link-mtbf", &rates.links.mean_between},
      {"link-mttr", &rates.links.mean_repair}};
  for (const auto& [key, into] : times)
    if (auto read = read_time(given, key, *into); !read)
      return read;
  for (const auto* rate : {&rates.machines, &rates.devices, &rates.links})
    if ((rate->mean_between.count() > 0) != (rate->mean_repair.count() > 0))
      return fail(errc::invalid_argument, "a -mtbf needs its -mttr, and the other way round");
  return {};
}

result<void> read_chances(const po::variables_map& given, sim::link_faults& into) {
  const std::pair<const char*, double*> chances[] = {
      {"loss", &into.loss}, {"late", &into.late}, {"breakage", &into.breakage}};
  for (const auto& [key, chance] : chances) {
    if (given.count(key) == 0)
      continue;
    *chance = given[key].as<double>();
    if (!(*chance >= 0 && *chance <= 0.5))
      return fail(errc::invalid_argument,
                  std::string{"--"} + key + " must be a chance from 0 to 0.5");
  }
  return {};
}

template <class Number> std::optional<Number> number_of(std::string_view text) {
  Number number{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && stop == text.data() + text.size() ? std::optional{number}
                                                                   : std::nullopt;
}

/// Hosts of all groups are numbered through: hgx-h100-0, hgx-h100-1, dgx-a100-2.
result<void> add_hosts(const std::string& text, std::vector<simulated::simulated_host>& to) {
  const auto by = text.find('x');
  const auto count = number_of<std::uint32_t>(std::string_view{text}.substr(0, by));
  if (by == std::string::npos || !count || *count == 0 || to.size() + *count > hosts_max)
    return fail(errc::invalid_argument, "--hosts " + text + " must be a number from 1 to " +
                                            std::to_string(hosts_max) +
                                            ", an x and a machine, such as 20xhgx-h100");
  const auto machine = find_machine(text.substr(by + 1));
  if (!machine)
    return tl::unexpected{machine.error()};
  const auto name = std::filesystem::path{text.substr(by + 1)}.stem().string();
  for (std::uint32_t i = 0; i < *count; ++i)
    to.push_back(simulated::make_host(name + "-" + std::to_string(to.size()), *machine));
  return {};
}

result<std::vector<sim::server_shape>> shapes_of(const std::string& text) {
  std::vector<sim::server_shape> shapes;
  std::istringstream parts{text};
  for (std::string part; std::getline(parts, part, ',');) {
    const auto by = part.find('=');
    const auto gpus = number_of<std::uint16_t>(std::string_view{part}.substr(0, by));
    const auto weight = by == std::string::npos
                            ? std::optional{1.0}
                            : number_of<double>(std::string_view{part}.substr(by + 1));
    if (!gpus || *gpus > sim::gpus_max || !weight || !(*weight > 0))
      return fail(errc::invalid_argument,
                  "--gpus " + text + " must be sizes and weights, such as 1=6,2=3,8=1");
    shapes.push_back({.weight = *weight, .gpus = *gpus});
  }
  return shapes;
}

result<void> read_plan(const po::variables_map& given, wish& what) {
  if (what.scenario.horizon.count() == 0)
    return fail(errc::invalid_argument, "--rate needs a --horizon: it draws until then");
  model::duration lifetime = std::chrono::hours{1};
  if (auto read = read_time(given, "lifetime", lifetime); !read)
    return read;
  auto shapes = shapes_of(text_of(given, "gpus", "1=1"));
  if (!shapes)
    return tl::unexpected{shapes.error()};
  what.plan.arrivals_per_hour = given["rate"].as<double>();
  what.plan.shapes = std::move(*shapes);
  what.plan.lifetimes = {sim::lifetime_law{
      sim::exponential_lifetime{std::chrono::duration<double>(lifetime).count()}, 0}};
  return {};
}

result<void> read_demand_flags(const po::variables_map& given, wish& what) {
  if ((given.count("demand") > 0) == (given.count("rate") > 0))
    return fail(errc::invalid_argument, "give either --demand or --rate");
  if (given.count("rate") > 0)
    return read_plan(given, what);
  std::vector<sim::given_flag> flags;
  for (const auto* name : {"demand", "format"})
    if (given.count(name) > 0)
      flags.push_back({name, text_of(given, name)});
  auto trace = sim::read_trace_flags(flags, std::string{version()});
  if (!trace)
    return tl::unexpected{std::move(trace.error())};
  what.trace = std::move(*trace);
  return {};
}

result<void> read_rest(const po::variables_map& given, wish& what) {
  if (given.count("policy") > 0) {
    const auto name = text_of(given, "policy");
    what.scenario.policy = scheduler::find_policy(name);
    if (what.scenario.policy == nullptr)
      return fail(errc::invalid_argument,
                  "--policy " + name + " is unknown: " +
                      fmt::format("{}", fmt::join(scheduler::policy_names(), ", ")) + " are known");
  }
  if (given.count("faults") > 0) {
    auto plan = simulated::load_fault_plan(text_of(given, "faults"));
    if (!plan)
      return tl::unexpected{plan.error()};
    what.scenario.machines.faults = std::move(*plan);
  }
  what.seed = given.count("seed") > 0 ? given["seed"].as<std::uint64_t>() : 1;
  what.scenario.tell_lifetimes = given["tell-lifetimes"].as<bool>();
  what.twice = given["twice"].as<bool>();
  what.json = text_of(given, "json");
  return {};
}

result<wish> wish_of(const po::variables_map& given) {
  wish what;
  if (given.count("hosts") == 0)
    return fail(errc::invalid_argument, "--hosts is needed");
  for (const auto& text : given["hosts"].as<strings>())
    if (auto added = add_hosts(text, what.scenario.hosts); !added)
      return tl::unexpected{added.error()};
  auto read = read_times(given, what.scenario)
                  .and_then([&] { return read_chances(given, what.scenario.network); })
                  .and_then([&] { return read_demand_flags(given, what); })
                  .and_then([&] { return read_rest(given, what); });
  if (!read)
    return tl::unexpected{read.error()};
  return what;
}

// --- The run

/// How long it took; the one clock of this command.
struct speed {
  double wall_s = 0;
  double cpu_s = 0;
};

struct played {
  sim::actors_result result;
  speed took;
};

result<played> play(const wish& what, const sim::demand& seen) {
  std::unique_ptr<sim::arrival_source> source = std::make_unique<sim::demand_source>(seen);
  if (!what.trace) {
    auto drawn = sim::demand_generator::make(what.plan, what.seed, what.scenario.horizon);
    if (!drawn)
      return tl::unexpected{drawn.error()};
    source = std::make_unique<sim::demand_generator>(std::move(*drawn));
  }
  const auto begin = std::chrono::steady_clock::now();
  const auto cpu_begin = std::clock();
  auto done = sim::run_actors(what.scenario, *source, what.seed);
  const auto cpu = std::clock() - cpu_begin;
  const auto wall = std::chrono::steady_clock::now() - begin;
  if (!done)
    return tl::unexpected{done.error()};
  return played{std::move(*done),
                {std::chrono::duration<double>(wall).count(),
                 static_cast<double>(cpu) / static_cast<double>(CLOCKS_PER_SEC)}};
}

// --- What is said of it

double seconds_of(model::duration time) {
  return std::chrono::duration<double>(time).count();
}

nlohmann::ordered_json as_json(const sim::distribution& times) {
  return {{"count", times.count()},
          {"mean_s", seconds_of(times.mean())},
          {"p50_s", seconds_of(times.quantile(0.5))},
          {"p99_s", seconds_of(times.quantile(0.99))},
          {"max_s", seconds_of(times.max())}};
}

nlohmann::ordered_json as_json(const wish& what, const played& done) {
  const auto& [result, took] = done;
  const auto& load = result.load;
  return {{"seed", what.seed},
          {"hosts", what.scenario.hosts.size()},
          {"trace_hash", fmt::format("{:016x}", result.trace_hash)},
          {"violations", result.violations},
          {"arrived", load.arrived},
          {"placed", load.placed},
          {"refused", load.refused},
          {"gave_up", load.gave_up},
          {"refused_by", load.refused_by},
          {"rejected", load.rejected},
          {"waiting", load.waiting},
          {"longest_queue", load.longest_queue},
          {"living", load.living},
          {"living_max", load.living_max},
          {"ended", load.ended},
          {"retries", load.retries},
          {"troubles", load.troubles},
          {"waits", as_json(load.waits)},
          {"starts", as_json(load.starts)},
          {"mishaps",
           {{"machines", result.mishaps.machines},
            {"devices", result.mishaps.devices},
            {"links", result.mishaps.links}}},
          {"guest_starts", result.starts},
          {"span_s", seconds_of(result.span)},
          {"steps", result.steps},
          {"frames", result.frames},
          {"frames_lost", result.frames_lost},
          {"events", result.events},
          {"wall_s", took.wall_s},
          {"cpu_s", took.cpu_s}};
}

std::string joined(const std::map<std::string, std::uint64_t>& counts) {
  std::string text;
  for (const auto& [name, count] : counts)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, name);
  return text;
}

void tell_load(std::ostream& out, const sim::actors_result& result) {
  const auto& load = result.load;
  cli::table table{{"arrived", "placed", "refused", "gave up", "waiting", "longest queue",
                    "living at most", "ended"},
                   {}};
  std::vector<std::string> row;
  for (const auto figure : {load.arrived, load.placed, load.refused, load.gave_up, load.waiting,
                            load.longest_queue, load.living_max, load.ended})
    row.push_back(std::to_string(figure));
  table.rows.push_back(std::move(row));
  out << cli::to_text(table);
  const auto tell_times = [&out](const char* what, const sim::distribution& times) {
    out << fmt::format("{}: mean {:.2f} s, p99 {:.2f} s, at most {:.2f} s\n", what,
                       seconds_of(times.mean()), seconds_of(times.quantile(0.99)),
                       seconds_of(times.max()));
  };
  tell_times("from the request to the place", load.waits);
  tell_times("from the place to the running guest", load.starts);
  const std::pair<const char*, std::string> rest[] = {{"refused by rule", joined(load.refused_by)},
                                                      {"not valid", joined(load.rejected)},
                                                      {"fell to", joined(load.troubles)}};
  for (const auto& [what, text] : rest)
    if (!text.empty())
      out << what << ": " << text << "\n";
  const auto& mishaps = result.mishaps;
  if (mishaps.machines + mishaps.devices + mishaps.links + result.frames_lost > 0)
    out << fmt::format("went wrong: {} power losses, {} devices gone, {} hosts cut off, {} frames "
                       "lost\n",
                       mishaps.machines, mishaps.devices, mishaps.links, result.frames_lost);
}

void tell_speed(std::ostream& out, const played& done) {
  const auto& [result, took] = done;
  const auto span = seconds_of(result.span);
  out << fmt::format("{:.2f} virtual hours in {:.1f} s ({:.1f} s of CPU): {:.0f} times real time, "
                     "{:.0f} on a core of its own\n",
                     span / 3600, took.wall_s, took.cpu_s, span / took.wall_s, span / took.cpu_s);
  out << fmt::format("{} steps ({:.2f} million per CPU second), {} frames, {} events in the log\n",
                     result.steps, static_cast<double>(result.steps) / took.cpu_s / 1e6,
                     result.frames, result.events);
  out << fmt::format("trace hash {:016x}\n", result.trace_hash);
}

/// What does not hold, first of all with the way to see it again.
int tell_violations(std::ostream& err, const wish& what, const strings& violations,
                    const strings& arguments) {
  constexpr std::size_t told_max = 20;
  err << fmt::format("SEED={}: {} violations; berth-sim actors {} does it again\n", what.seed,
                     violations.size(), fmt::join(arguments, " "));
  for (std::size_t i = 0; i < violations.size() && i < told_max; ++i)
    err << "  " << violations[i] << "\n";
  if (violations.size() > told_max)
    err << fmt::format("  and {} more\n", violations.size() - told_max);
  return exit_violated;
}

result<int> simulate(const wish& what, const strings& arguments, std::ostream& out,
                     std::ostream& err) {
  sim::demand seen;
  if (what.trace) {
    auto read = sim::read_trace(*what.trace);
    if (!read)
      return tl::unexpected{read.error()};
    if (read->report.skipped > 0 || !read->report.remarks.empty())
      err << sim::to_text(read->report);
    if (read->arrivals.empty())
      return fail(errc::invalid_argument, what.trace->trace + " has no arrivals that can be used");
    seen = std::move(*read);
  }
  auto first = play(what, seen);
  if (!first)
    return tl::unexpected{first.error()};
  auto violations = first->result.violations;
  if (what.twice) {
    const auto second = play(what, seen);
    if (!second)
      return tl::unexpected{second.error()};
    if (!(second->result == first->result))
      violations.push_back("a second run with the same seed went another way");
  }
  const int status = violations.empty() ? 0 : tell_violations(err, what, violations, arguments);
  if (what.json != "-") {
    out << fmt::format("seed {}, {} hosts\n", what.seed, what.scenario.hosts.size());
    tell_load(out, first->result);
    tell_speed(out, *first);
    if (violations.empty())
      out << fmt::format("nothing was given twice or lost, and all settled{}\n",
                         what.twice ? "; a second run went the same way" : "");
  }
  const auto json = as_json(what, *first).dump(1) + "\n";
  if (what.json == "-")
    out << json;
  else if (!what.json.empty())
    if (auto written = write_file(what.json, json); !written)
      return tl::unexpected{written.error()};
  return status;
}

} // namespace

int run_actors_simulation(const std::vector<std::string>& arguments, std::ostream& out,
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
    err << "berth-sim actors: " << bad.what() << "; see --help\n";
    return exit_usage;
  }
  if (given.count("help") > 0) {
    out << usage;
    return 0;
  }
  const auto what = wish_of(given);
  if (!what) {
    err << "berth-sim actors: " << what.error().message << "\n";
    return exit_usage;
  }
  const auto status = simulate(*what, arguments, out, err);
  if (status)
    return *status;
  err << "berth-sim actors: " << status.error().message << "\n";
  return exit_failed;
}

} // namespace berth::apps
