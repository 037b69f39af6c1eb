#include "apps/sim_replay.hpp"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <optional>
#include <ostream>
#include <utility>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/config.hpp"
#include "apps/write_file.hpp"
#include "cli/table.hpp"
#include "proto/snapshot_codec.hpp"
#include "sim/demand/berth_csv.hpp"
#include "sim/replay/log_demand.hpp"
#include "sim/replay/replayer.hpp"
#include "store/sqlite_store.hpp"

namespace berth::apps {

namespace {

namespace po = boost::program_options;
using model::errc;
using model::fail;
using model::result;
using nlohmann::ordered_json;

constexpr int exit_failed = 1;
constexpr int exit_usage = 2;

constexpr const char* usage =
    "usage: berth-sim replay --store PATH [options]\n"
    "\n"
    "Makes every decision of a controller's store again, with the production fold, scheduler and\n"
    "queue, and compares: the same host and the same devices. The store is only read, also beside\n"
    "a controller that writes it.\n"
    "\n"
    "  --store PATH     the store's file, or the folder in which it is controller.db\n"
    "  --from N         begins with event N (the first there is)\n"
    "  --to N           ends after event N (the last there is)\n"
    "  --policy NAME    says what this policy would have done, from event --from on\n"
    "  --rows N         tells so many decisions and differences one by one (20)\n"
    "  --json FILE      everything as JSON\n";

struct wish {
  std::filesystem::path store;
  sim::replay_options range;
  const scheduler::policy* policy = nullptr; ///< null: none is asked for
  std::size_t rows = 20;
  std::string json; ///< empty: not wanted
};

/// What came out; `would` is there if another policy was asked for.
struct outcome {
  sim::replay_report happened;
  std::optional<sim::counterfactual_report> would;
};

// --- The command line

po::options_description flags() {
  po::options_description known;
  auto add = known.add_options();
  add("help", "");
  for (const auto* text : {"store", "policy", "json"})
    add(text, po::value<std::string>(), "");
  for (const auto* number : {"from", "to"})
    add(number, po::value<model::sequence_number>(), "");
  add("rows", po::value<std::size_t>()->default_value(20), "");
  return known;
}

result<const scheduler::policy*> policy_of(const std::string& name) {
  if (const auto* found = scheduler::find_policy(name))
    return found;
  return fail(errc::invalid_argument, fmt::format("--policy {} is none of {}", name,
                                                  fmt::join(scheduler::policy_names(), ", ")));
}

result<wish> wish_of(const po::variables_map& given) {
  wish what;
  if (given.count("store") == 0)
    return fail(errc::invalid_argument, "--store is needed");
  what.store = store::store_file_of(given["store"].as<std::string>());
  if (given.count("from") > 0)
    what.range.from = given["from"].as<model::sequence_number>();
  if (given.count("to") > 0)
    what.range.to = given["to"].as<model::sequence_number>();
  if (what.range.from < 1 || what.range.from > what.range.to)
    return fail(errc::invalid_argument,
                fmt::format("--from {} --to {}: the range must begin at 1 or later and not end "
                            "before it begins",
                            what.range.from, what.range.to));
  if (given.count("policy") > 0) {
    const auto policy = policy_of(given["policy"].as<std::string>());
    if (!policy)
      return tl::unexpected{policy.error()};
    what.policy = *policy;
  }
  what.rows = given["rows"].as<std::size_t>();
  if (given.count("json") > 0)
    what.json = given["json"].as<std::string>();
  return what;
}

// --- Reading

/// From the first event if it is still there, else from the snapshot on.
result<model::sequence_number> load(const store::event_reader& log, sim::replayer& into) {
  if (log.first_sequence() <= 1)
    return 0;
  return log.load_snapshot([&into](const store::snapshot_chunk& chunk) {
    return proto::decode_chunk(
        chunk, [&into](model::snapshot_item&& item) { return into.add_item(std::move(item)); });
  });
}

result<outcome> replay(const wish& what) {
  const auto log = store::open_reader(what.store, std::string{version()});
  if (!log)
    return tl::unexpected{log.error()};
  sim::replayer again{what.range};
  const auto at = load(**log, again);
  if (!at)
    return tl::unexpected{at.error()};
  if (*at > 0 && what.range.from != sim::replay_options{}.from && what.range.from <= *at)
    return fail(errc::gone, fmt::format("--from {}: the store has the state of event {} and what "
                                        "follows: begin with event {} at the earliest",
                                        what.range.from, *at, *at + 1));
  if (*at > 0 && what.range.to <= *at)
    return fail(errc::gone, fmt::format("--to {}: the store has the state of event {} and what "
                                        "follows: end behind that",
                                        what.range.to, *at));
  again.begin();
  std::unique_ptr<sim::counterfactual> other;
  if (what.policy != nullptr) {
    other = std::make_unique<sim::counterfactual>(
        again.state(),
        sim::counterfactual_options{{what.policy}, what.range.from, what.range.to, 1000});
    again.play_beside(*other);
  }
  result<void> fed;
  const auto read = (*log)->read(*at + 1, [&](const model::log_record& record) {
    if (record.sequence > what.range.to)
      return false;
    fed = again.feed(record);
    return fed.has_value();
  });
  if (!read)
    return tl::unexpected{read.error()};
  if (!fed)
    return tl::unexpected{fed.error()};
  return outcome{again.report(), other ? std::optional{other->report()} : std::nullopt};
}

// --- Telling it

std::string time_text(model::timestamp at) {
  using std::chrono::seconds;
  return fmt::format("{:%Y-%m-%d %H:%M:%S}",
                     std::chrono::time_point_cast<seconds>(
                         std::chrono::time_point_cast<std::chrono::system_clock::duration>(at)));
}

std::string where_text(const std::optional<sim::location>& where) {
  return where ? fmt::format("{} ({} devices)", to_string(where->host), where->devices.size())
               : std::string{"nowhere"};
}

std::string where_text(const sim::server_course& course) {
  return course.where ? fmt::format("{} ({} devices)", cli::printable(course.host_name),
                                    course.where->devices.size())
                      : std::string{"nowhere"};
}

void tell_listed(const wish& what, const sim::replay_report& report, std::ostream& out) {
  cli::table rows{{"event", "time", "server", "decision", "logged", "again", "match"}, {}};
  for (const auto& each : report.listed) {
    if (rows.rows.size() == what.rows)
      break;
    rows.rows.push_back({std::to_string(each.sequence), time_text(each.at),
                         cli::printable(each.name), std::string{to_string(each.kind)},
                         where_text(each.logged), where_text(each.remade),
                         std::string{to_string(each.how)}});
  }
  if (!rows.rows.empty())
    out << cli::to_text(rows);
}

void tell(const wish& what, const sim::replay_report& report, std::ostream& out) {
  if (report.first == 0) {
    out << "there are no events in the range\n";
    return;
  }
  const auto total = report.total();
  out << fmt::format("events {} to {}: {} decisions, {} with a place\n", report.first, report.last,
                     total.all(), report.placed);
  for (const auto& [pool, policy] : report.policies)
    out << fmt::format("{} planned by {}\n",
                       pool.empty() ? std::string{"requests"}
                                    : "requests of project " + cli::printable(pool),
                       policy.empty() ? "a policy that the log does not name" : policy);
  cli::table counts{{"decision", "made again", "the same", "different", "unknown"}, {}};
  for (const auto& [kind, each] : report.kinds)
    counts.rows.push_back({std::string{to_string(kind)}, std::to_string(each.all()),
                           std::to_string(each.same), std::to_string(each.differs),
                           std::to_string(each.unknown)});
  if (!counts.rows.empty())
    out << cli::to_text(counts);
  for (const auto& [why, times] : report.unknown_why)
    out << fmt::format("unknown, {} times: {}\n", times, why);
  if (report.without_plan > 0)
    out << fmt::format("{} waits ended without a plan\n", report.without_plan);
  tell_listed(what, report, out);
  if (total.all() > 0)
    out << fmt::format("{:.2f} % of the decisions are the same\n",
                       100.0 * static_cast<double>(total.same) / static_cast<double>(total.all()));
}

void tell(const wish& what, const sim::counterfactual_report& report, std::ostream& out) {
  using sim::fate;
  const auto count = [&report](fate which) {
    const auto known = report.servers.find(which);
    return known != report.servers.end() ? known->second : 0;
  };
  out << fmt::format("\nWith {} instead, of the servers that were there\n", report.policy);
  cli::table fates{{"would have been", "servers"}, {}};
  const std::pair<fate, const char*> names[] = {
      {fate::same, "where they were"},
      {fate::other_devices, "on other devices of their host"},
      {fate::elsewhere, "on another host"},
      {fate::only_happened, "refused, though they got a place"},
      {fate::only_would, "placed, though they got no place"},
      {fate::nowhere, "refused, as they were"}};
  for (const auto& [which, text] : names)
    fates.rows.push_back({text, std::to_string(count(which))});
  out << cli::to_text(fates)
      << fmt::format("GPU-hours that servers had: {:.2f}; would have had: {:.2f}\n",
                     report.gpu_hours_happened, report.gpu_hours_would);
  if (report.changes_left_out > 0)
    out << fmt::format("{} devices that an operator attached or detached are left out: the server "
                       "would have been elsewhere\n",
                       report.changes_left_out);
  if (report.lost_with_hosts > 0)
    out << fmt::format("{} servers would have gone with hosts that were removed\n",
                       report.lost_with_hosts);
  cli::table rows{{"time", "server", "devices", "happened", "would have"}, {}};
  for (const auto& each : report.listed) {
    if (rows.rows.size() == what.rows)
      break;
    rows.rows.push_back({time_text(each.at), cli::printable(each.name),
                         std::to_string(each.devices), where_text(each.happened),
                         where_text(each.would)});
  }
  if (!rows.rows.empty())
    out << cli::to_text(rows);
}

// --- JSON

ordered_json as_json(const std::optional<sim::location>& where) {
  if (!where)
    return nullptr;
  ordered_json devices = ordered_json::array();
  for (const auto& device : where->devices)
    devices.push_back(to_string(device));
  return {{"host_id", to_string(where->host)}, {"device_ids", std::move(devices)}};
}

double seconds_of(model::timestamp at) {
  return std::chrono::duration<double>(at.time_since_epoch()).count();
}

ordered_json as_json(const sim::match_counts& counts) {
  return {{"same", counts.same}, {"differs", counts.differs}, {"unknown", counts.unknown}};
}

ordered_json as_json(const sim::replay_report& report) {
  ordered_json kinds = ordered_json::object();
  for (const auto& [kind, counts] : report.kinds)
    kinds[std::string{to_string(kind)}] = as_json(counts);
  ordered_json listed = ordered_json::array();
  for (const auto& each : report.listed)
    listed.push_back({{"sequence", each.sequence},
                      {"at_s", seconds_of(each.at)},
                      {"decision", to_string(each.kind)},
                      {"server_id", to_string(each.server)},
                      {"server", each.name},
                      {"logged", as_json(each.logged)},
                      {"again", as_json(each.remade)},
                      {"match", to_string(each.how)},
                      {"why", each.why}});
  ordered_json policies = ordered_json::array();
  for (const auto& [pool, policy] : report.policies)
    policies.push_back({{"project", pool.empty() ? ordered_json{} : ordered_json(pool)},
                        {"policy", policy.empty() ? ordered_json{} : ordered_json(policy)}});
  return {{"first", report.first},
          {"last", report.last},
          {"decisions", as_json(report.total())},
          {"by_decision", std::move(kinds)},
          {"placed", report.placed},
          {"waits_ended_without_plan", report.without_plan},
          {"unknown_why", report.unknown_why},
          {"policies", std::move(policies)},
          {"not_same", std::move(listed)}};
}

ordered_json as_json(const sim::server_course& course) {
  if (!course.where)
    return nullptr;
  auto made = as_json(course.where);
  made["host"] = course.host_name;
  made["placed_at_s"] = seconds_of(course.placed_at);
  return made;
}

ordered_json as_json(const sim::counterfactual_report& report) {
  using sim::fate;
  ordered_json servers = ordered_json::object();
  for (const auto which : {fate::same, fate::other_devices, fate::elsewhere, fate::only_happened,
                           fate::only_would, fate::nowhere}) {
    const auto known = report.servers.find(which);
    servers[std::string{to_string(which)}] = known != report.servers.end() ? known->second : 0;
  }
  ordered_json listed = ordered_json::array();
  for (const auto& each : report.listed)
    listed.push_back({{"sequence", each.sequence},
                      {"at_s", seconds_of(each.at)},
                      {"server_id", to_string(each.server)},
                      {"server", each.name},
                      {"devices", each.devices},
                      {"fate", to_string(each.what)},
                      {"happened", as_json(each.happened)},
                      {"would", as_json(each.would)}});
  return {{"policy", report.policy},
          {"servers", std::move(servers)},
          {"gpu_hours_happened", report.gpu_hours_happened},
          {"gpu_hours_would", report.gpu_hours_would},
          {"device_changes_left_out", report.changes_left_out},
          {"lost_with_hosts", report.lost_with_hosts},
          {"differences", std::move(listed)}};
}

result<void> write_json(const std::string& path, const outcome& all) {
  ordered_json document{{"version", 1}, {"replay", as_json(all.happened)}};
  document["other_policy"] = all.would ? as_json(*all.would) : ordered_json{};
  return write_file(path,
                    document.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

result<int> run(const wish& what, std::ostream& out) {
  const auto all = replay(what);
  if (!all)
    return tl::unexpected{all.error()};
  tell(what, all->happened, out);
  if (all->would)
    tell(what, *all->would, out);
  if (!what.json.empty())
    if (auto written = write_json(what.json, *all); !written)
      return tl::unexpected{written.error()};
  return all->happened.total().differs == 0 ? 0 : exit_failed;
}

} // namespace

int replay_store(const std::vector<std::string>& arguments, std::ostream& out, std::ostream& err) {
  po::variables_map given;
  try {
    po::store(
        po::command_line_parser(arguments)
            .options(flags())
            .positional({})
            .style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing)
            .run(),
        given);
  } catch (const po::error& bad) {
    err << "berth-sim replay: " << bad.what() << "; see --help\n";
    return exit_usage;
  }
  if (given.count("help") > 0) {
    out << usage;
    return 0;
  }
  const auto what = wish_of(given);
  if (!what) {
    err << "berth-sim replay: " << what.error().message << "\n";
    return exit_usage;
  }
  const auto done = run(*what, out);
  if (done)
    return *done;
  err << "berth-sim replay: " << done.error().message << "\n";
  return exit_failed;
}

result<std::uint64_t> write_demand_of(const std::filesystem::path& store, const std::string& out,
                                      std::ostream& err) {
  const auto demand = sim::demand_of_store(store, std::string{version()});
  if (!demand)
    return tl::unexpected{demand.error()};
  if (demand->report.skipped > 0 || !demand->report.remarks.empty())
    err << sim::to_text(demand->report);
  sim::demand_source source{*demand};
  return sim::write_berth_csv(source, out).map([](const auto& written) {
    return written.arrivals;
  });
}

} // namespace berth::apps
