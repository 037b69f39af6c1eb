// berth-sim: plays demands on fleets, and brings real traces to a cluster.

#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>

#include "apps/api_access.hpp"
#include "apps/sim_actors.hpp"
#include "apps/sim_files.hpp"
#include "apps/sim_plan.hpp"
#include "apps/sim_play.hpp"
#include "apps/sim_replay.hpp"
#include "apps/write_file.hpp"
#include "sim/demand/berth_csv.hpp"
#include "sim/demand/byte_source.hpp"
#include "sim/demand/readers.hpp"
#include "sim/traces/alibaba.hpp"
#include "sim/traces/submit.hpp"

namespace {

namespace po = boost::program_options;
using namespace berth;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

constexpr const char* usage =
    "usage: berth-sim run [SCENARIO.yaml] [options]; see run --help\n"
    "       berth-sim compare SCENARIO.yaml [SCENARIO.yaml]... [options]\n"
    "       berth-sim plan [SCENARIO.yaml] [options]\n"
    "       berth-sim forecast [SCENARIO.yaml] [options]\n"
    "       berth-sim replay --store PATH [options]\n"
    "       berth-sim actors --hosts COUNTxMACHINE... --demand FILE [options]\n"
    "       berth-sim init [FILE]\n"
    "       berth-sim fit --demand FILE [--format NAME] --out PLAN.yaml\n"
    "       berth-sim generate --plan PLAN.yaml --horizon TIME --out FILE [--seed N]\n"
    "       berth-sim convert demand --format NAME --in FILE --out FILE\n"
    "       berth-sim convert store --store PATH --out FILE\n"
    "       berth-sim convert alibaba --nodes FILE --inventory FILE [--storage-mib N]\n"
    "       berth-sim submit --pods FILE [--controller URL] [--token-file FILE] [--ca-file FILE]\n"
    "                        [--concurrency N] [--limit N] [--report FILE]\n"
    "\n"
    "run       plays a demand on a fleet and says what fits, what waits and what is refused\n"
    "compare   plays scenarios and policies side by side and says how much they differ\n"
    "plan      finds the cheapest purchase that keeps the service as good as wanted\n"
    "forecast  says when servers of a shape will fit no more\n"
    "replay    makes the decisions of a controller's store again, also under another policy\n"
    "actors    plays a demand against the production actors on virtual time, with faults, and "
    "says\n"
    "          whether all that must hold did\n"
    "init      writes a commented scenario to begin with\n"
    "fit       finds the plan of a generator that makes arrivals like those of a trace\n"
    "generate  draws a trace from such a plan\n"
    "convert   turns a trace (- is standard input or output), or what a controller's store says "
    "was\n"
    "          asked for, into berth's own CSV of a demand; or a node list of Alibaba's GPU trace "
    "of\n"
    "          2023 into an inventory for berth-host --simulated\n"
    "submit    creates the trace's pods as servers, in trace order, and reports what became of "
    "them\n";

int fail(const std::string& message) {
  std::cerr << "berth-sim: " << message << "\n";
  return exit_failed;
}

void tell_faulty(const std::string& file, const std::vector<sim::bad_row>& faulty) {
  for (const auto& row : faulty) {
    std::cerr << "berth-sim: " << file << ":" << row.line << ": left out: " << row.message << "\n";
  }
}

int convert(const po::variables_map& given) {
  const auto& path = given["nodes"].as<std::string>();
  const auto& out = given["inventory"].as<std::string>();
  const auto nodes = sim::open_bytes(path).and_then(
      [&path](auto bytes) { return sim::read_alibaba_nodes(std::move(bytes), path); });
  if (!nodes) {
    return fail(nodes.error().message);
  }
  tell_faulty(path, nodes->faulty);
  const auto yaml = sim::to_inventory_yaml(nodes->items, given["storage-mib"].as<std::int64_t>());
  if (const auto written = apps::write_file(out, yaml); !written) {
    return fail(written.error().message);
  }
  std::int64_t gpus = 0;
  for (const auto& node : nodes->items) {
    gpus += node.gpus;
  }
  std::cout << nodes->items.size() << " hosts with " << gpus << " GPUs written to " << out << "\n";
  return nodes->faulty.empty() ? 0 : exit_failed;
}

int convert_demand(const po::variables_map& given) {
  const auto format = sim::trace_format_from(given["format"].as<std::string>());
  if (!format) {
    return fail("--format is none of berth, alibaba-pods, philly-jobs, packing-timeline");
  }
  const auto seen = sim::read_demand_file(*format, given["in"].as<std::string>());
  if (!seen) {
    return fail(seen.error().message);
  }
  std::cerr << sim::to_text(seen->report);
  sim::demand_source source{*seen};
  const auto written = sim::write_berth_csv(source, given["out"].as<std::string>());
  if (!written) {
    return fail(written.error().message);
  }
  std::cerr << written->arrivals << " servers written\n";
  return 0;
}

int convert_store(const po::variables_map& given) {
  const auto written = apps::write_demand_of(given["store"].as<std::string>(),
                                             given["out"].as<std::string>(), std::cerr);
  if (!written) {
    return fail(written.error().message);
  }
  std::cerr << *written << " servers written\n";
  return 0;
}

int submit(const po::variables_map& given) {
  const auto& path = given["pods"].as<std::string>();
  auto pods = sim::open_bytes(path).and_then(
      [&path](auto bytes) { return sim::read_alibaba_pods(std::move(bytes), path); });
  if (!pods) {
    return fail(pods.error().message);
  }
  tell_faulty(path, pods->faulty);
  const auto limit = given["limit"].as<std::size_t>();
  if (limit > 0 && limit < pods->items.size()) {
    pods->items.resize(limit);
  }
  const auto text_of = [&given](const char* key) {
    return given.count(key) > 0 ? given[key].as<std::string>() : std::string{};
  };
  auto api = apps::client_options(
      {given["controller"].as<std::string>(), text_of("token-file"), text_of("ca-file")});
  if (!api) {
    return fail(api.error().message);
  }
  sim::submit_options options;
  options.api = *std::move(api);
  options.concurrency = given["concurrency"].as<std::size_t>();
  options.now = [] { return std::chrono::steady_clock::now().time_since_epoch(); };
  options.progress = [](std::size_t answered, std::size_t all) {
    std::cerr << answered << " of " << all << " answered\n";
  };
  const auto report = sim::submit(pods->items, options);
  if (!report) {
    return fail(report.error().message);
  }
  std::cout << sim::to_text(*report);
  if (given.count("report") > 0) {
    if (const auto written = apps::write_file(text_of("report"), sim::to_json(*report)); !written) {
      return fail(written.error().message);
    }
  }
  return report->failed == 0 && pods->faulty.empty() ? 0 : exit_failed;
}

/// Parses the flags of one command and runs it.
int run(const std::vector<std::string>& arguments, const po::options_description& flags,
        const std::vector<std::string>& needed, int (*command)(const po::variables_map&)) {
  po::variables_map given;
  try {
    po::store(
        po::command_line_parser(arguments)
            .options(flags)
            .style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing)
            .run(),
        given);
  } catch (const po::error& bad) {
    std::cerr << "berth-sim: " << bad.what() << "\n" << usage;
    return exit_usage;
  }
  for (const auto& name : needed) {
    if (given.count(name) == 0) {
      std::cerr << "berth-sim: --" << name << " is missing\n" << usage;
      return exit_usage;
    }
  }
  return command(given);
}

} // namespace

int main(int argc, char** argv) {
  std::vector<std::string> arguments{argv + 1, argv + argc};
  const auto take = [&arguments](const std::string& word) {
    const bool found = !arguments.empty() && arguments.front() == word;
    if (found) {
      arguments.erase(arguments.begin());
    }
    return found;
  };
  using command = int (*)(const std::vector<std::string>&, std::ostream&, std::ostream&);
  const std::pair<const char*, command> commands[] = {
      {"run", apps::run_scenario},        {"compare", apps::compare_scenarios},
      {"plan", apps::plan_purchase},      {"forecast", apps::forecast_capacity},
      {"replay", apps::replay_store},     {"actors", apps::run_actors_simulation},
      {"init", apps::init_scenario},      {"fit", apps::fit_plan},
      {"generate", apps::generate_demand}};
  for (const auto& [name, make] : commands) {
    if (take(name)) {
      return make(arguments, std::cout, std::cerr);
    }
  }
  po::options_description flags;
  const bool converts = take("convert");
  if (converts && take("demand")) {
    flags.add_options()("format", po::value<std::string>());
    flags.add_options()("in", po::value<std::string>());
    flags.add_options()("out", po::value<std::string>());
    return run(arguments, flags, {"format", "in", "out"}, convert_demand);
  }
  if (converts && take("store")) {
    flags.add_options()("store", po::value<std::string>());
    flags.add_options()("out", po::value<std::string>());
    return run(arguments, flags, {"store", "out"}, convert_store);
  }
  if (converts && take("alibaba")) {
    flags.add_options()("nodes", po::value<std::string>());
    flags.add_options()("inventory", po::value<std::string>());
    flags.add_options()("storage-mib",
                        po::value<std::int64_t>()->default_value(std::int64_t{4} * 1024 * 1024));
    return run(arguments, flags, {"nodes", "inventory"}, convert);
  }
  if (take("submit")) {
    flags.add_options()("controller",
                        po::value<std::string>()->default_value(apps::api_access{}.controller));
    flags.add_options()("token-file", po::value<std::string>());
    flags.add_options()("ca-file", po::value<std::string>());
    flags.add_options()("pods", po::value<std::string>());
    flags.add_options()("concurrency", po::value<std::size_t>()->default_value(64));
    flags.add_options()("limit", po::value<std::size_t>()->default_value(0));
    flags.add_options()("report", po::value<std::string>());
    return run(arguments, flags, {"pods"}, submit);
  }
  const bool asked = take("--help") || take("help");
  (asked ? std::cout : std::cerr) << usage;
  return asked ? 0 : exit_usage;
}
