// How well servers are packed: plays games with the real scheduler and with plain policies, and
// compares them with bounds that no placement can beat. See docs/performance.md, "Packing quality".

#include <algorithm>
#include <filesystem>
#include <functional>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include "bench/packing_games/fgd.hpp"
#include "bench/packing_games/games.hpp"
#include "bench/packing_games/linear_bound.hpp"
#include "bench/packing_games/tables.hpp"

namespace {

using namespace berth;
using namespace berth::packing;

struct settings {
  std::filesystem::path data;
  std::vector<std::string> games;
  std::vector<std::string> players; ///< baselines plain, policies of the scheduler with "berth:"
  std::uint64_t seeds = 10;
  std::size_t arrivals = 0; ///< of the churn games; 0 = as many as usual
};

constexpr std::string_view scheduler_prefix = "berth:";

std::unique_ptr<packer> make_player(const std::string& name, const std::vector<machine>& hosts,
                                    std::uint64_t seed) {
  if (name.starts_with(scheduler_prefix)) {
    return make_scheduler(name.substr(scheduler_prefix.size()), hosts);
  }
  return make_baseline(name, hosts, seed);
}

struct filling_samples {
  sample first;
  sample at_100;
  sample at_130;

  void add(const unallocated& left) {
    first.add(left.at_first_refusal);
    at_100.add(left.at_100);
    at_130.add(left.at_130);
  }
};

using arrivals_of_seed = std::function<std::vector<demand>(std::uint64_t seed)>;

void fill(const settings& how, const std::string& title, const std::vector<machine>& hosts,
          std::uint64_t seeds, const arrivals_of_seed& arrivals) {
  print_head(title, {"policy", "first refusal", "arrived 100 %", "arrived 130 %"});
  const auto print = [](const std::string& name, const filling_samples& left) {
    print_row({name, left.first.text(2), left.at_100.text(2), left.at_130.text(2)});
  };
  filling_samples bound;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    if (const auto least = linear_bound(hosts, arrivals(seed))) {
      bound.add(*least);
    } else {
      fmt::print("(built without GLPK: no linear bound)\n");
      break;
    }
  }
  print("linear bound", bound);
  for (const auto& name : how.players) {
    filling_samples left;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      const auto player = make_player(name, hosts, seed);
      left.add(play_filling(hosts, arrivals(seed), *player));
    }
    print(name, left);
  }
}

void play_alibaba(const settings& how, const std::string& game, const std::string& pods_file) {
  const auto folder = how.data / "alibaba-2023";
  const auto hosts_read = read_nodes(folder / "openb_node_list_gpu_node.csv");
  const auto pods_read = read_whole_gpu_pods(folder / pods_file);
  const auto* hosts = or_skip(hosts_read, game);
  const auto* pods = or_skip(pods_read, game);
  if (hosts == nullptr || pods == nullptr) {
    return;
  }
  fill(how,
       fmt::format("{}: whole GPUs of {}, unallocated GPUs in %, {} seeds", game, pods_file,
                   how.seeds),
       *hosts, how.seeds, [&](std::uint64_t seed) {
         model::random dice{seed};
         return arrivals_of(*pods, gpus_of(*hosts), dice);
       });
}

void play_sequence(const settings& how, const std::string& game) {
  const auto folder = how.data / "alibaba-2023";
  const auto hosts_read = read_nodes(folder / "openb_node_list_gpu_node.csv");
  const auto pods_read = read_whole_gpu_pods(folder / "arrivals_wholemulti50_seed42.csv");
  const auto* hosts = or_skip(hosts_read, game);
  const auto* pods = or_skip(pods_read, game);
  if (hosts == nullptr || pods == nullptr) {
    return;
  }
  fill(how,
       game + ": one recorded order of arrivals, unallocated GPUs in % (FGD by its authors: "
              "4.25, 0.85, 0.80)",
       *hosts, 1, [&](std::uint64_t) { return *pods; });
}

/// A player of churn: its name, and whether it is told when servers will leave.
struct churn_player {
  std::string name;
  bool hints = false;
};

void play_churn_game(const settings& how, const std::string& game, int hosts, std::size_t usual) {
  constexpr double load = 0.95;
  const std::size_t count = how.arrivals == 0 ? usual : how.arrivals;
  const auto fleet = hosts_of_eight(static_cast<std::size_t>(hosts));
  std::vector<churn_player> players{{"best-fit", false}};
  for (const auto& name : how.players) {
    if (name != "best-fit") {
      players.push_back({name, false});
    }
    if (name == "berth:lifetime") {
      players.push_back({name, true});
    }
  }
  std::map<std::string, sample> figures; // by name and column
  sample pooled;
  for (std::uint64_t seed = 1; seed <= how.seeds; ++seed) {
    model::random dice{seed};
    const auto stays = steady_stream(hosts, load, count, dice);
    const double bound = pooled_bound(stays, gpus_of(fleet)).gpus;
    pooled.add(bound);
    double of_best_fit = 0;
    for (const auto& each : players) {
      const auto player = make_player(each.name, fleet, seed);
      const auto lost = play_churn(stays, *player, each.hints);
      of_best_fit = each.name == "best-fit" ? lost.gpus : of_best_fit;
      const std::string key = each.name + (each.hints ? " with hints" : "");
      figures[key + "/gpus"].add(lost.gpus);
      figures[key + "/eights"].add(lost.eights);
      figures[key + "/regret"].add((lost.gpus - bound) / (of_best_fit - bound));
    }
  }
  print_head(fmt::format("{}: {} hosts of 8, load {}, {} arrivals, {} seeds", game, hosts, load,
                         count, how.seeds),
             {"policy", "refused GPUs %", "refused 8-GPU servers %", "regret, mean of seeds",
              "regret of the means"});
  print_row({"pooled bound", pooled.text(3), "", "0", "0"});
  for (const auto& each : players) {
    const std::string key = each.name + (each.hints ? " with hints" : "");
    const double regret = (figures[key + "/gpus"].mean() - pooled.mean()) /
                          (figures["best-fit/gpus"].mean() - pooled.mean());
    print_row({key, figures[key + "/gpus"].text(3), figures[key + "/eights"].text(2),
               figures[key + "/regret"].text(2), fmt::format("{:.2f}", regret)});
  }
}

void play_hosts(const settings& how, const std::string& game,
                const model::result<std::vector<stay>>& read) {
  const auto* stays = or_skip(read, game);
  if (stays == nullptr) {
    return;
  }
  const std::size_t bound = hosts_bound(*stays);
  print_head(
      fmt::format("{}: {} servers, hosts of 8 needed so that none is refused", game, stays->size()),
      {"policy", "hosts", "of the bound"});
  print_row({"lower bound", std::to_string(bound), "1.000"});
  for (const auto& name : how.players) {
    const auto needed = hosts_needed(*stays, bound, [&](const std::vector<machine>& hosts) {
      return make_player(name, hosts, 1);
    });
    print_row({name, std::to_string(needed),
               fmt::format("{:.3f}", static_cast<double>(needed) / static_cast<double>(bound))});
  }
}

using game = std::function<void(const settings& how, const std::string& name)>;

const std::vector<std::pair<std::string, game>>& games() {
  static const std::vector<std::pair<std::string, game>> all{
      {"default",
       [](const settings& how, const std::string& name) {
         play_alibaba(how, name, "openb_pod_list_default.csv");
       }},
      {"multigpu50",
       [](const settings& how, const std::string& name) {
         play_alibaba(how, name, "openb_pod_list_multigpu50.csv");
       }},
      {"sequence", play_sequence},
      {"fgd",
       [](const settings& how, const std::string& name) { play_fgd(how.data, name, how.seeds); }},
      {"churn100", [](const settings& how,
                      const std::string& name) { play_churn_game(how, name, 100, 400'000); }},
      {"churn1000", [](const settings& how,
                       const std::string& name) { play_churn_game(how, name, 1000, 1'000'000); }},
      {"philly",
       [](const settings& how, const std::string& name) {
         play_hosts(
             how, name,
             read_stays(sim::trace_format::philly_jobs, how.data / "philly" / "philly.csv", 8));
       }},
      {"azure",
       [](const settings& how, const std::string& name) {
         play_hosts(how, name,
                    read_stays(sim::trace_format::packing_timeline,
                               how.data / "azure-packing" / "timeline_batched0.csv", 8));
       }},
  };
  return all;
}

std::vector<std::string> all_players() {
  auto names = baseline_names();
  for (const auto& policy : policy_names()) {
    names.push_back(std::string{scheduler_prefix} + policy);
  }
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

/// Throws std::runtime_error with the sentence to print.
settings parse(int argc, char** argv) {
  namespace options = boost::program_options;
  settings how;
  std::vector<std::string> game_names;
  for (const auto& [name, play] : games()) {
    game_names.push_back(name);
  }
  const std::string players_help = "players: " + joined(all_players());
  const std::string games_help = "games: " + joined(game_names);
  options::options_description described{
      "packing [DATA]: how well servers are packed, in games on recorded and made workloads.\n"
      "DATA holds the traces (default ../shared/data); games whose trace is absent are skipped"};
  auto add = described.add_options();
  add("help,h", "this text");
  add("data", options::value(&how.data)->default_value("../shared/data"), "folder of the traces");
  add("game,g", options::value(&how.games)->composing(), games_help.c_str());
  add("policy,p", options::value(&how.players)->composing(), players_help.c_str());
  add("seeds,s", options::value(&how.seeds)->default_value(10), "games of each kind");
  add("arrivals", options::value(&how.arrivals)->default_value(0),
      "arrivals of a churn game; 0 = 400,000 or 1,000,000");
  options::positional_options_description positions;
  positions.add("data", 1);
  options::variables_map given;
  options::store(
      options::command_line_parser(argc, argv).options(described).positional(positions).run(),
      given);
  options::notify(given);
  if (given.count("help") != 0) {
    std::cout << described;
    std::exit(0);
  }
  const auto check = [](std::vector<std::string>& chosen, const std::vector<std::string>& known,
                        const char* what) {
    for (const auto& name : chosen) {
      if (std::find(known.begin(), known.end(), name) == known.end()) {
        throw std::runtime_error{
            fmt::format("no {} is called '{}'; there are: {}", what, name, joined(known))};
      }
    }
    if (chosen.empty()) {
      chosen = known;
    }
  };
  check(how.games, game_names, "game");
  check(how.players, all_players(), "policy");
  if (how.seeds == 0) {
    throw std::runtime_error{"--seeds is 0, expected at least 1"};
  }
  return how;
}

} // namespace

int main(int argc, char** argv) {
  try {
    const auto how = parse(argc, argv);
    for (const auto& [name, play] : games()) {
      if (std::find(how.games.begin(), how.games.end(), name) != how.games.end()) {
        play(how, name);
      }
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "packing: " << error.what() << '\n';
    return 2;
  }
}
