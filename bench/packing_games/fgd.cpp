#include "bench/packing_games/fgd.hpp"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "bench/packing_games/games.hpp"
#include "bench/packing_games/tables.hpp"

namespace berth::packing {

namespace {

const std::vector<int> marks{80, 90, 100, 110, 120, 130};
constexpr std::size_t deciding_mark = 2; ///< orders are read at arrived 100 %

/// One line of a table: a policy, and what it has given at each mark.
struct line {
  std::string name;
  std::vector<double> means;
  std::vector<std::string> cells;
};

/// Says in which order the policies come, the worst first.
void print_lines(std::vector<line> lines) {
  for (const auto& each : lines) {
    std::vector<std::string> cells{each.name};
    cells.insert(cells.end(), each.cells.begin(), each.cells.end());
    print_row(cells);
  }
  std::stable_sort(lines.begin(), lines.end(), [](const line& a, const line& b) {
    return a.means[deciding_mark] < b.means[deciding_mark];
  });
  std::string order;
  for (const auto& each : lines) {
    order += (order.empty() ? "" : " < ") + each.name;
  }
  fmt::print("\nat {} %: {}\n", marks[deciding_mark], order);
}

void print_title(const std::string& title) {
  std::vector<std::string> columns{"policy"};
  for (const int mark : marks) {
    columns.push_back(fmt::format("arrived {} %", mark));
  }
  print_head(title, columns);
}

void print_theirs(const published& all, const std::string& workload) {
  const auto found = all.find(workload);
  if (found == all.end()) {
    return;
  }
  print_title(workload + ", published: GPUs shared, allocated % of all");
  std::vector<line> lines;
  for (const auto& [policy, figures] : found->second) {
    line each{policy, {}, {}};
    for (const int mark : marks) {
      const auto& told = figures.at(mark);
      each.means.push_back(told.mean);
      each.cells.push_back(fmt::format("{:.2f} ±{:.2f}", told.mean, told.deviation));
    }
    lines.push_back(std::move(each));
  }
  print_lines(std::move(lines));
}

using player_of = std::function<std::unique_ptr<packer>(std::uint64_t seed)>;
using named_player = std::pair<std::string, player_of>;

/// `reserve`: what each GPU keeps for servers with GPUs.
std::vector<named_player> our_players(const std::vector<machine>& hosts,
                                      const model::resources& reserve = {}) {
  std::vector<named_player> players;
  for (const auto* policy : {"random", "dot-product", "best-fit", "fragmentation"}) {
    players.emplace_back(policy, [&hosts, policy, reserve](std::uint64_t /*seed*/) {
      return make_scheduler(policy, hosts, reserve);
    });
  }
  return players;
}

/// The paper's rules for whole GPUs, which take the same arrivals.
std::vector<named_player> their_players(const std::vector<machine>& hosts,
                                        const std::vector<demand>& mix) {
  return {{"BestFit by its formula",
           [&hosts](std::uint64_t seed) { return make_baseline("fgd-best-fit", hosts, seed); }},
          {"FGD by its formula",
           [&hosts, &mix](std::uint64_t /*seed*/) { return make_fgd(hosts, mix); }}};
}

void print_ours(const std::vector<machine>& hosts, const std::vector<demand>& pods,
                const std::vector<named_player>& players, std::uint64_t seeds) {
  std::vector<line> lines;
  for (const auto& [name, make] : players) {
    std::vector<sample> given(marks.size());
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
      model::random dice{seed};
      const auto player = make(seed);
      const auto at = allocated_at(marks, hosts, arrivals_of(pods, gpus_of(hosts), dice), *player);
      for (std::size_t i = 0; i < marks.size(); ++i) {
        given[i].add(at[i]);
      }
    }
    line each{name, {}, {}};
    for (const auto& figures : given) {
      each.means.push_back(figures.mean());
      each.cells.push_back(figures.text(2));
    }
    lines.push_back(std::move(each));
  }
  print_lines(std::move(lines));
}

void play_workload(const std::filesystem::path& folder, const std::string& workload,
                   const std::vector<machine>& hosts, std::uint64_t seeds) {
  const auto csv = folder / (workload + ".csv");
  const auto rounded = read_rounded_pods(csv);
  const auto whole = read_whole_gpu_pods(csv);
  if (or_skip(rounded, workload) == nullptr || or_skip(whole, workload) == nullptr) {
    return;
  }
  const auto print = [&](const std::string& which, const std::vector<demand>& pods,
                         const std::vector<named_player>& players) {
    print_title(fmt::format("{}, here: {}, {} seeds", workload, which, seeds));
    print_ours(hosts, pods, players, seeds);
  };
  print("every pod, fractions rounded up to a GPU", *rounded, our_players(hosts));
  print("the same, and each GPU keeps 8 CPUs and 8 GiB for pods with GPUs", *rounded,
        our_players(hosts, {8'000, 8'192, 0}));
  auto wanting = *rounded;
  std::erase_if(wanting, [](const demand& pod) { return pod.gpus == 0; });
  print("the pods that want GPUs, fractions rounded up", wanting, our_players(hosts));
  if (whole->empty()) {
    return;
  }
  auto players = our_players(hosts);
  const auto theirs = their_players(hosts, *whole);
  players.insert(players.end(), theirs.begin(), theirs.end());
  print("the pods that want whole GPUs", *whole, players);
}

/// The one order of arrivals that was recorded from the authors' simulator, with its figures.
void play_recorded(const std::filesystem::path& folder, const std::vector<machine>& hosts) {
  const auto read = read_whole_gpu_pods(folder / "arrivals_wholemulti50_seed42.csv");
  const auto* arrivals = or_skip(read, "recorded order");
  if (arrivals == nullptr) {
    return;
  }
  print_head("one recorded order of whole GPUs of multigpu50: unallocated GPUs in %",
             {"policy", "first refusal", "arrived 100 %", "arrived 130 %"});
  print_row({"BestFit in its authors' simulator", "4.25", "1.14", "1.08"});
  print_row({"FGD in its authors' simulator", "4.25", "0.85", "0.80"});
  auto players = their_players(hosts, *arrivals);
  const auto ours = our_players(hosts);
  players.insert(players.end(), ours.begin(), ours.end());
  for (const auto& [name, make] : players) {
    const auto left = play_filling(hosts, *arrivals, *make(1));
    print_row({name, fmt::format("{:.2f}", left.at_first_refusal),
               fmt::format("{:.2f}", left.at_100), fmt::format("{:.2f}", left.at_130)});
  }
}

} // namespace

void play_fgd(const std::filesystem::path& data, const std::string& game, std::uint64_t seeds) {
  const auto folder = data / "alibaba-2023";
  const auto hosts_read = read_nodes(folder / "openb_node_list_gpu_node.csv");
  const auto theirs_read = read_published(data / "fgd-expected.csv");
  const auto* hosts = or_skip(hosts_read, game);
  const auto* theirs = or_skip(theirs_read, game);
  if (hosts == nullptr || theirs == nullptr) {
    return;
  }
  for (const auto* workload : {"openb_pod_list_default", "openb_pod_list_multigpu20",
                               "openb_pod_list_multigpu50", "openb_pod_list_gpushare100"}) {
    print_theirs(*theirs, workload);
    play_workload(folder, workload, *hosts, seeds);
  }
  play_recorded(folder, *hosts);
}

} // namespace berth::packing
