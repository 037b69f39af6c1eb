// berth-sim: plays demands on fleets, and brings real traces to a cluster.

#include <chrono>
#include <fstream>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>

#include "apps/api_access.hpp"
#include "apps/sim_replay.hpp"
#include "apps/sim_run.hpp"
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
    "usage: berth-sim run --hosts COUNTxMACHINE... --demand FILE [options]; see run --help\n"
    "       berth-sim replay --store PATH [options]; see replay --help\n"
    "       berth-sim convert demand --format NAME --in FILE --out FILE\n"
    "       berth-sim convert alibaba --nodes FILE --inventory FILE [--storage-mib N]\n"
    "       berth-sim submit --pods FILE [--controller URL] [--token-file FILE] [--ca-file FILE]\n"
    "                        [--concurrency N] [--limit N] [--report FILE]\n"
    "\n"
    "run       plays a demand on a fleet and says what fits and what is refused\n"
    "replay    makes the decisions of a controller's store again, also under another policy\n"
    "convert   turns a trace into berth's own CSV of a demand (- is standard input or output), or\n"
    "          turns a node list of Alibaba's GPU trace of 2023 into an inventory for\n"
    "          berth-host --simulated\n"
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

bool write_file(const std::string& path, const std::string& text) {
  std::ofstream out{path, std::ios::binary};
  out << text;
  out.flush();
  return out.good();
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
  if (!write_file(out, yaml)) {
    return fail("cannot write " + out);
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
  if (given.count("report") > 0 && !write_file(text_of("report"), sim::to_json(*report))) {
    return fail("cannot write " + text_of("report"));
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
  if (take("run")) {
    return apps::run_simulation(arguments, std::cout, std::cerr);
  }
  if (take("replay")) {
    return apps::replay_store(arguments, std::cout, std::cerr);
  }
  po::options_description flags;
  const bool converts = take("convert");
  if (converts && take("demand")) {
    flags.add_options()("format", po::value<std::string>());
    flags.add_options()("in", po::value<std::string>());
    flags.add_options()("out", po::value<std::string>());
    return run(arguments, flags, {"format", "in", "out"}, convert_demand);
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
