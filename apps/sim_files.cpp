#include "apps/sim_files.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <ostream>
#include <system_error>

#include <fmt/format.h>

#include "apps/config.hpp"
#include "apps/sim_options.hpp"
#include "apps/write_file.hpp"
#include "model/amounts.hpp"
#include "sim/demand/berth_csv.hpp"
#include "sim/demand/fit.hpp"
#include "sim/study/offered_demand.hpp"
#include "sim/study/plan_file.hpp"

namespace berth::apps {

namespace {

using model::errc;
using model::fail;
using model::result;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

/// One of these commands.
struct command {
  std::string name;
  std::string intro; ///< of its help
  std::vector<command_flag> own;
  std::vector<sim::scenario_flag> scenario; ///< those of a scenario that it knows
  std::vector<std::string> needed;          ///< of its flags
  std::size_t files_max = 0;
};

result<sim_arguments> arguments_of(const command& what, const std::vector<std::string>& words) {
  auto given = parse_sim_arguments(words, what.own, what.scenario);
  if (!given || given->help)
    return given;
  if (given->files.size() > what.files_max)
    return fail(errc::invalid_argument,
                fmt::format("{} is no flag; see --help", given->files[what.files_max]));
  for (const auto& name : what.needed)
    if (!given->has(name) &&
        std::ranges::find(given->scenario, name, &sim::given_flag::name) == given->scenario.end())
      return fail(errc::invalid_argument, "--" + name + " is missing; see --help");
  return given;
}

int run(const command& what, const std::vector<std::string>& words, std::ostream& out,
        std::ostream& err,
        result<void> (*play)(const sim_arguments&, std::ostream&, std::ostream&)) {
  const auto given = arguments_of(what, words);
  if (!given) {
    err << "berth-sim " << what.name << ": " << given.error().message << "\n";
    return exit_usage;
  }
  if (given->help) {
    out << sim_help(what.intro, what.own, what.scenario);
    return 0;
  }
  const auto done = play(*given, out, err);
  if (done)
    return 0;
  err << "berth-sim " << what.name << ": " << done.error().message << "\n";
  return exit_failed;
}

/// `-` is standard output.
result<void> write(const std::string& path, const std::string& text, std::ostream& out) {
  if (path != "-")
    return write_file(path, text);
  out << text;
  return {};
}

result<void> init(const sim_arguments& given, std::ostream& out, std::ostream& err) {
  const std::string path = given.files.empty() ? "scenario.yaml" : given.files.front();
  std::error_code ignored;
  if (path != "-" && !given.has("force") && std::filesystem::exists(path, ignored))
    return fail(errc::invalid_argument,
                path + " is there already: name another file, or overwrite it with --force");
  auto written = write(path, sim::sample_scenario(), out);
  if (written && path != "-")
    err << path << " written; `berth-sim run " << path << "` plays it\n";
  return written;
}

result<void> fit_to(const sim_arguments& given, std::ostream& out, std::ostream& err) {
  const auto input = sim::read_trace_flags(given.scenario, std::string{version()});
  if (!input)
    return tl::unexpected{input.error()};
  const auto seen = sim::read_trace(*input);
  if (!seen)
    return tl::unexpected{seen.error()};
  if (seen->report.skipped > 0 || !seen->report.remarks.empty())
    err << sim::to_text(seen->report);
  const auto found = sim::fit(*seen);
  if (!found)
    return tl::unexpected{found.error()};
  err << sim::to_text(*found);
  return write(given.text("out"), sim::to_yaml(found->plan), out);
}

result<void> generate(const sim_arguments& given, std::ostream&, std::ostream& err) {
  const auto horizon = model::parse_duration(given.text("horizon"));
  if (!horizon || horizon->count() == 0)
    return fail(errc::invalid_argument, "--horizon is \"" + given.text("horizon") +
                                            "\": must be a time such as 12h or 30d");
  const auto text = given.text("seed", "1");
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc{} || end != text.data() + text.size())
    return fail(errc::invalid_argument,
                "--seed is \"" + text + "\": must be a whole number from 0 to 2^64 - 1");
  auto plan = sim::load_plan(given.text("plan"));
  if (!plan)
    return tl::unexpected{std::move(plan.error())};
  auto source = sim::demand_generator::make(*std::move(plan), seed, *horizon);
  if (!source)
    return fail(source.error().code, given.text("plan") + ": " + source.error().message);
  const auto written = sim::write_berth_csv(*source, given.text("out"));
  if (!written)
    return tl::unexpected{written.error()};
  err << written->arrivals << " servers written\n";
  return {};
}

/// The flags of a scenario that say what a trace is.
std::vector<sim::scenario_flag> trace_flags() {
  std::vector<sim::scenario_flag> chosen;
  for (const auto& flag : sim::scenario_flags())
    for (const auto* name :
         {"demand", "format", "strict", "split", "server-gpus-max", "untimed-gap", "vcpus-per-gpu",
          "memory-per-gpu", "vcpus-without-gpu", "memory-without-gpu", "gpu-model"})
      if (flag.name == name)
        chosen.push_back(flag);
  return chosen;
}

} // namespace

int init_scenario(const std::vector<std::string>& words, std::ostream& out, std::ostream& err) {
  const command what{
      .name = "init",
      .intro =
          "usage: berth-sim init [FILE] [--force]\n"
          "\n"
          "Writes a commented scenario that runs as it is, scenario.yaml if no file is named; - "
          "is\nstandard output. docs/scenario.md has every key.\n",
      .own = {{"force", "", "overwrite the file if it is there"}},
      .scenario = {},
      .needed = {},
      .files_max = 1};
  return run(what, words, out, err, init);
}

int fit_plan(const std::vector<std::string>& words, std::ostream& out, std::ostream& err) {
  const command what{.name = "fit",
                     .intro =
                         "usage: berth-sim fit --demand FILE [--format NAME] --out PLAN.yaml\n"
                         "\n"
                         "Writes a generator's plan that makes arrivals like those of a trace, "
                         "for demand.plan of a\nscenario or berth-sim generate, and says what "
                         "was fitted.\n",
                     .own = {{"out", "FILE", "the plan; - is standard output"}},
                     .scenario = trace_flags(),
                     .needed = {"demand", "out"}};
  return run(what, words, out, err, fit_to);
}

int generate_demand(const std::vector<std::string>& words, std::ostream& out, std::ostream& err) {
  const command what{
      .name = "generate",
      .intro = "usage: berth-sim generate --plan PLAN.yaml --horizon TIME --out FILE [--seed N]\n"
               "\n"
               "Draws arrivals from a generator's plan and writes them as berth's own CSV of a "
               "demand.\nThe same plan and seed give the same bytes on every machine.\n",
      .own = {{"plan", "FILE", "as berth-sim fit writes it; docs/scenario.md has the keys"},
              {"horizon", "TIME", "until then, such as 30d"},
              {"out", "FILE", "compressed if it ends in .gz; - is standard output"},
              {"seed", "N", "another seed, other arrivals (1)"}},
      .scenario = {},
      .needed = {"plan", "horizon", "out"}};
  return run(what, words, out, err, generate);
}

} // namespace berth::apps
