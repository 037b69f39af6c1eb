#include "bench/packing_games/workload.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "sim/demand/csv_reader.hpp"

namespace berth::packing {

namespace {

/// A small table with a header line; columns are asked for by name.
class table {
public:
  static model::result<table> open(const std::filesystem::path& csv) {
    auto bytes = sim::open_bytes(csv.string());
    if (!bytes) {
      return tl::unexpected{bytes.error()};
    }
    auto reader = sim::csv_reader::open(std::move(*bytes), csv.string(), {});
    if (!reader) {
      return tl::unexpected{reader.error()};
    }
    table made;
    made.name_ = csv.string();
    for (std::size_t i = 0; i < reader->columns().size(); ++i) {
      made.columns_.emplace(reader->columns()[i], i);
    }
    sim::csv_record record;
    while (true) {
      const auto more = reader->next(record);
      if (!more) {
        return tl::unexpected{more.error()};
      }
      if (!*more) {
        return made;
      }
      if (!record.rule.empty()) {
        return model::fail(model::errc::invalid_argument, made.name_ + " line " +
                                                              std::to_string(record.line) + ": " +
                                                              sim::to_text(record));
      }
      made.rows_.push_back({record.line, {record.fields.begin(), record.fields.end()}});
    }
  }

  [[nodiscard]] std::size_t size() const { return rows_.size(); }

  /// Empty where there is no such column.
  [[nodiscard]] std::string_view text(std::size_t row, const std::string& column) const {
    const auto at = columns_.find(column);
    return at == columns_.end() ? std::string_view{}
                                : std::string_view{rows_[row].fields[at->second]};
  }

  /// A cell that is no number is remembered (the first one); then the answer is 0.
  [[nodiscard]] double number(std::size_t row, const std::string& column) {
    const auto cell = text(row, column);
    double value = 0;
    const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (cell.empty() || error != std::errc{} || end != cell.data() + cell.size()) {
      if (!wrong_) {
        wrong_ = name_ + " line " + std::to_string(rows_[row].line) + ": " + column + " is '" +
                 std::string{cell} + "', expected a number";
      }
      return 0;
    }
    return value;
  }
  [[nodiscard]] std::int64_t whole(std::size_t row, const std::string& column) {
    return static_cast<std::int64_t>(number(row, column));
  }

  /// `read`, unless a cell was no number.
  template <class T> model::result<T> unless_wrong(T read) {
    if (wrong_) {
      return model::fail(model::errc::invalid_argument, *wrong_);
    }
    return read;
  }

private:
  struct entry {
    std::uint64_t line = 0;
    std::vector<std::string> fields;
  };

  std::string name_;
  std::map<std::string, std::size_t> columns_;
  std::vector<entry> rows_;
  std::optional<std::string> wrong_;
};

demand pod_at(table& pods, std::size_t row) {
  demand pod{static_cast<int>(pods.whole(row, "num_gpu")),
             pods.whole(row, "cpu_milli"),
             pods.whole(row, "memory_mib"),
             {}};
  for (const auto name : sim::alternatives(pods.text(row, "gpu_spec"))) {
    pod.models.emplace_back(name);
  }
  return pod;
}

model::result<std::vector<demand>>
read_pods_if(const std::filesystem::path& csv,
             const std::function<bool(int gpus, bool whole)>& take) {
  auto pods = table::open(csv);
  if (!pods) {
    return tl::unexpected{pods.error()};
  }
  std::vector<demand> wanted;
  for (std::size_t i = 0; i < pods->size(); ++i) {
    auto pod = pod_at(*pods, i);
    if (take(pod.gpus, pods->whole(i, "gpu_milli") == 1000)) {
      wanted.push_back(std::move(pod));
    }
  }
  return pods->unless_wrong(std::move(wanted));
}

} // namespace

model::result<std::vector<stay>> read_stays(sim::trace_format format,
                                            const std::filesystem::path& csv, int gpus_max) {
  sim::read_options how;
  how.strict = true;
  how.large = sim::large_jobs::leave_out;
  how.gpus_per_server_max = static_cast<std::uint16_t>(gpus_max);
  const auto read = sim::read_demand_file(format, csv.string(), how);
  if (!read) {
    return tl::unexpected{read.error()};
  }
  const auto seconds = [](model::duration time) {
    return std::chrono::duration<double>{time}.count();
  };
  std::vector<stay> stays;
  for (const auto& each : read->arrivals) {
    const double arrives = seconds(each.when);
    stays.push_back(
        {arrives, arrives + std::max(1.0, seconds(each.lifetime)), {each.gpus, 0, 0, {}}});
  }
  return stays;
}

model::result<published> read_published(const std::filesystem::path& csv) {
  auto lines = table::open(csv);
  if (!lines) {
    return tl::unexpected{lines.error()};
  }
  published all;
  for (std::size_t i = 0; i < lines->size(); ++i) {
    const auto policy = lines->text(i, "policy");
    auto& figures = all[std::string{lines->text(i, "workload")}]
                       [std::string{policy.substr(policy.find('-') + 1)}];
    figures[static_cast<int>(lines->whole(i, "arrived_percent"))] = {
        lines->number(i, "allocated_percent_mean"), lines->number(i, "allocated_percent_sd")};
  }
  return lines->unless_wrong(std::move(all));
}

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
  return read_pods_if(csv, [](int gpus, bool whole) { return gpus >= 1 && whole; });
}

model::result<std::vector<demand>> read_rounded_pods(const std::filesystem::path& csv) {
  return read_pods_if(csv, [](int, bool) { return true; });
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
