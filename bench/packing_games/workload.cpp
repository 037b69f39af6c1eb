#include "bench/packing_games/workload.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace berth::packing {

namespace {

using row = std::vector<std::string>;

row split(std::string_view line, char at) {
  row parts;
  while (true) {
    const auto end = line.find(at);
    parts.emplace_back(line.substr(0, end));
    if (end == std::string_view::npos) {
      return parts;
    }
    line.remove_prefix(end + 1);
  }
}

/// A table with a header line; columns are asked for by name.
class table {
public:
  static model::result<table> open(const std::filesystem::path& csv) {
    table made;
    made.name_ = csv.string();
    std::ifstream file{csv};
    std::string line;
    if (!std::getline(file, line)) {
      return model::fail(model::errc::invalid_argument,
                         made.name_ +
                             " cannot be read or is empty, expected a table with a header");
    }
    const auto header = split(line, ',');
    for (std::size_t i = 0; i < header.size(); ++i) {
      made.columns_.emplace(header[i], i);
    }
    while (std::getline(file, line)) {
      if (!line.empty()) {
        made.rows_.push_back(split(line, ','));
      }
    }
    return made;
  }

  [[nodiscard]] std::size_t size() const { return rows_.size(); }

  /// Empty where there is no such column.
  [[nodiscard]] std::string_view text(std::size_t line, const std::string& column) const {
    const auto at = columns_.find(column);
    return at == columns_.end() || at->second >= rows_[line].size()
               ? std::string_view{}
               : std::string_view{rows_[line][at->second]};
  }

  /// A cell that is no number is remembered (the first one); then the answer is 0.
  [[nodiscard]] double number(std::size_t line, const std::string& column) {
    const auto cell = text(line, column);
    double value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (cell.empty() || error != std::errc{} || end != cell.data() + cell.size()) {
      blame(line, column, cell, "a number");
      return 0;
    }
    return value;
  }
  /// Seconds of a cell like `2017-10-09 07:01:55`.
  [[nodiscard]] double moment(std::size_t line, const std::string& column) {
    const std::string cell{text(line, column)};
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    int hours = 0;
    int minutes = 0;
    int seconds = 0;
    if (std::sscanf(cell.c_str(), "%d-%u-%u %d:%d:%d", &year, &month, &day, &hours, &minutes,
                    &seconds) != 6) {
      blame(line, column, cell, "a moment like 2017-10-09 07:01:55");
      return 0;
    }
    const std::chrono::sys_days date{std::chrono::year{year} / std::chrono::month{month} /
                                     std::chrono::day{day}};
    return static_cast<double>(date.time_since_epoch().count()) * 86'400 + hours * 3'600 +
           minutes * 60 + seconds;
  }
  [[nodiscard]] std::int64_t whole(std::size_t line, const std::string& column) {
    return static_cast<std::int64_t>(number(line, column));
  }

  /// `read`, unless a cell was no number.
  template <class T> model::result<T> unless_wrong(T read) {
    if (wrong_) {
      return model::fail(model::errc::invalid_argument, *wrong_);
    }
    return read;
  }

private:
  void blame(std::size_t line, const std::string& column, std::string_view cell,
             const char* expected) {
    if (!wrong_) {
      wrong_ = name_ + " line " + std::to_string(line + 2) + ": " + column + " is '" +
               std::string{cell} + "', expected " + expected;
    }
  }

  std::string name_;
  std::map<std::string, std::size_t> columns_;
  std::vector<row> rows_;
  std::optional<std::string> wrong_;
};

void keep_if_asked_for(std::vector<stay>& stays, double arrives, double leaves, int gpus,
                       int gpus_max) {
  if (gpus >= 1 && gpus <= gpus_max) {
    stays.push_back({arrives, std::max(leaves, arrives + 1), {gpus, 0, 0, {}}});
  }
}

std::vector<stay> by_arrival(std::vector<stay> stays) {
  std::stable_sort(stays.begin(), stays.end(),
                   [](const stay& a, const stay& b) { return a.arrives < b.arrives; });
  return stays;
}

} // namespace

bool fits_empty(const machine& host, const demand& wanted) {
  return wanted.gpus <= host.gpus && wanted.cpus <= host.cpus &&
         wanted.memory_mib <= host.memory_mib &&
         (wanted.models.empty() ||
          std::find(wanted.models.begin(), wanted.models.end(), host.model) != wanted.models.end());
}

model::result<std::vector<machine>> read_nodes(const std::filesystem::path& csv) {
  auto nodes = table::open(csv);
  if (!nodes) {
    return tl::unexpected{nodes.error()};
  }
  std::vector<machine> hosts;
  for (std::size_t i = 0; i < nodes->size(); ++i) {
    machine host{static_cast<int>(nodes->whole(i, "gpu")), nodes->whole(i, "cpu_milli"),
                 nodes->whole(i, "memory_mib"), std::string{nodes->text(i, "model")}};
    if (host.gpus > 0) {
      hosts.push_back(std::move(host));
    }
  }
  return nodes->unless_wrong(std::move(hosts));
}

model::result<std::vector<demand>> read_whole_gpu_pods(const std::filesystem::path& csv) {
  auto pods = table::open(csv);
  if (!pods) {
    return tl::unexpected{pods.error()};
  }
  std::vector<demand> wanted;
  for (std::size_t i = 0; i < pods->size(); ++i) {
    const auto gpus = static_cast<int>(pods->whole(i, "num_gpu"));
    if (gpus < 1 || pods->whole(i, "gpu_milli") != 1000) {
      continue;
    }
    const auto spec = pods->text(i, "gpu_spec");
    wanted.push_back({gpus, pods->whole(i, "cpu_milli"), pods->whole(i, "memory_mib"),
                      spec.empty() ? row{} : split(spec, '|')});
  }
  return pods->unless_wrong(std::move(wanted));
}

model::result<std::vector<stay>> read_philly(const std::filesystem::path& csv, int gpus_max) {
  auto jobs = table::open(csv);
  if (!jobs) {
    return tl::unexpected{jobs.error()};
  }
  std::vector<stay> stays;
  for (std::size_t i = 0; i < jobs->size(); ++i) {
    const double arrives = jobs->moment(i, "timestamp");
    keep_if_asked_for(stays, arrives, arrives + jobs->number(i, "duration"),
                      static_cast<int>(jobs->whole(i, "num_gpus")), gpus_max);
  }
  return jobs->unless_wrong(by_arrival(std::move(stays)));
}

model::result<std::vector<stay>> read_timeline(const std::filesystem::path& csv, int gpus_max) {
  auto jobs = table::open(csv);
  if (!jobs) {
    return tl::unexpected{jobs.error()};
  }
  std::vector<stay> stays;
  for (std::size_t i = 0; i < jobs->size(); ++i) {
    keep_if_asked_for(stays, jobs->number(i, "arrive_s"), jobs->number(i, "depart_s"),
                      static_cast<int>(jobs->whole(i, "gpus")), gpus_max);
  }
  return jobs->unless_wrong(by_arrival(std::move(stays)));
}

std::vector<demand> arrivals_of(const std::vector<demand>& pods, std::int64_t gpus,
                                model::random& dice) {
  std::vector<demand> arrivals = pods;
  std::int64_t wanted = 0;
  for (const auto& pod : pods) {
    wanted += pod.gpus;
  }
  const std::int64_t enough = gpus * 13 / 10;
  while (wanted < enough) {
    arrivals.push_back(pods[dice.below(pods.size())]);
    wanted += arrivals.back().gpus;
  }
  while (wanted > enough) {
    auto& out = arrivals[dice.below(arrivals.size())];
    wanted -= out.gpus;
    std::swap(out, arrivals.back());
    arrivals.pop_back();
  }
  for (std::size_t i = arrivals.size(); i > 1; --i) {
    std::swap(arrivals[i - 1], arrivals[dice.below(i)]);
  }
  return arrivals;
}

std::vector<stay> steady_stream(int hosts, double load, std::size_t count, model::random& dice) {
  constexpr double mean_gpus = 0.4 * 1 + 0.2 * 2 + 0.2 * 4 + 0.2 * 8;
  const double mean_gap = mean_gpus / (load * hosts * 8);
  std::vector<stay> stays;
  stays.reserve(count);
  double now = 0;
  for (std::size_t i = 0; i < count; ++i) {
    now += dice.exponential(mean_gap);
    const auto draw = dice.below(10);
    const int gpus = draw < 4 ? 1 : draw < 6 ? 2 : draw < 8 ? 4 : 8;
    stays.push_back({now, now + dice.exponential(1), {gpus, 0, 0, {}}});
  }
  return stays;
}

std::int64_t gpus_of(const std::vector<machine>& hosts) {
  std::int64_t sum = 0;
  for (const auto& host : hosts) {
    sum += host.gpus;
  }
  return sum;
}

} // namespace berth::packing
