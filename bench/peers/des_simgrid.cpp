// The demand of a CSV on hosts of 8 GPUs in SimGrid (S4U): an actor that lets servers arrive, and
// one for each server. Built by des.sh.
//
//   des_simgrid HOSTS DEMAND.csv    prints events, seconds of processor time, refused servers, peak
//   memory in MiB
#include <cstdio>
#include <ctime>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include <simgrid/s4u.hpp>

namespace {

namespace grid = simgrid::s4u;

struct row {
  double arrives = 0;
  double lifetime = 0;
  int gpus = 0;
};

std::vector<row> read(const char* path) {
  std::ifstream table{path};
  std::string header;
  std::getline(table, header);
  std::vector<row> rows;
  row each;
  char comma = ',';
  while (table >> each.arrives >> comma >> each.lifetime >> comma >> each.gpus) {
    rows.push_back(each);
  }
  return rows;
}

/// Hosts by how many of their 8 GPUs are free.
class rooms {
public:
  explicit rooms(int hosts) : free_(static_cast<std::size_t>(hosts), 8), place_(free_.size()) {
    for (std::size_t host = 0; host < free_.size(); ++host) {
      place_[host] = with_free_[8].size();
      with_free_[8].push_back(host);
    }
  }

  /// A host with as few free GPUs as will do, less `gpus`; -1: there is none.
  int take(int gpus) {
    for (std::size_t free = static_cast<std::size_t>(gpus); free <= 8; ++free) {
      if (!with_free_[free].empty()) {
        const auto host = with_free_[free].back();
        change(host, -gpus);
        return static_cast<int>(host);
      }
    }
    return -1;
  }

  void change(std::size_t host, int gpus) {
    auto& from = with_free_[static_cast<std::size_t>(free_[host])];
    place_[from.back()] = place_[host];
    std::swap(from[place_[host]], from.back());
    from.pop_back();
    free_[host] += gpus;
    auto& to = with_free_[static_cast<std::size_t>(free_[host])];
    place_[host] = to.size();
    to.push_back(host);
  }

private:
  std::vector<int> free_;
  std::vector<std::size_t> place_;
  std::vector<std::size_t> with_free_[9];
};

} // namespace

int main(int argc, char** argv) {
  grid::Engine engine{&argc, argv};
  const int count = std::stoi(argv[1]);
  const auto demand = read(argv[2]);
  auto* const zone = grid::create_full_zone("fleet");
  std::vector<grid::Host*> hosts;
  for (int i = 0; i < count; ++i) {
    hosts.push_back(zone->create_host("host-" + std::to_string(i), 1e9));
  }
  zone->seal();
  rooms fleet{count};
  std::size_t events = 0;
  std::size_t refused = 0;
  grid::Actor::create("arrivals", hosts[0], [&] {
    for (const auto& each : demand) {
      grid::this_actor::sleep_until(each.arrives);
      ++events;
      const int host = fleet.take(each.gpus);
      if (host < 0) {
        ++refused;
        continue;
      }
      grid::Actor::create("server", hosts[static_cast<std::size_t>(host)], [&, host, each] {
        grid::this_actor::sleep_for(each.lifetime);
        ++events;
        fleet.change(static_cast<std::size_t>(host), each.gpus);
      });
    }
  });
  const auto begin = std::clock();
  engine.run();
  const double took = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf("%zu %.6f %zu %ld\n", events, took, refused, used.ru_maxrss / 1024);
}
