#include <algorithm>
#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>

#include "sim/demand/trace_table.hpp"

namespace berth::sim {

namespace {

enum column : std::size_t {
  name,
  cpu_milli,
  memory_mib,
  num_gpu,
  gpu_milli,
  gpu_spec,
  qos,
  pod_phase,
  creation_time,
  deletion_time,
  scheduled_time,
  columns_known
};

constexpr std::array<trace_column, columns_known> pod_columns{{
    {"name"},
    {"cpu_milli", true},
    {"memory_mib", true},
    {"num_gpu", true},
    {"gpu_milli", true},
    {"gpu_spec"},
    {"qos"},
    {"pod_phase"},
    {"creation_time"},
    {"deletion_time"},
    {"scheduled_time"},
}};

class alibaba_reader final : public trace_reader {
public:
  std::span<const trace_column> columns() const override { return pod_columns; }

  model::result<void> begin(const column_places& places, demand_builder& into) override {
    has_times_ = places.has(creation_time);
    if (!has_times_ && into.options().untimed_gap.value_or(unstated) < model::duration{}) {
      return model::fail(model::errc::invalid_argument,
                         into.report().source +
                             " has no column creation_time: say how long after each other its "
                             "pods arrive");
    }
    return {};
  }

  void convert(trace_row& row, demand_builder& into) override {
    arrival one;
    const auto milli = row.whole(cpu_milli, vcpus_max * 1000);
    one.vcpus = static_cast<std::uint32_t>(std::max<std::int64_t>(1, (milli + 999) / 1000));
    one.memory_mib = static_cast<std::uint32_t>(
        std::max<std::int64_t>(1, row.whole(memory_mib, memory_mib_max)));
    one.gpus = static_cast<std::uint16_t>(row.whole(num_gpu, gpus_max));
    const bool is_fraction = row.whole(gpu_milli, 1000) < 1000 && one.gpus > 0;
    if (has_times_) {
      read_times(row, one);
    } else {
      place_in_order(row, one, *into.options().untimed_gap);
    }
    const auto spec = row.name(gpu_spec);
    if (one.gpus > 0 && !row.fault()) {
      one.model = into.model(model_of(spec, into.options()));
    }
    into.add(one, 1, row, num_gpu);
    if (!row.fault()) {
      ++untimed_;
      fractions_ += is_fraction ? 1U : 0U;
    }
  }

  void end(demand_builder& into) override {
    if (fractions_ > 0) {
      into.remark(std::to_string(fractions_) +
                  " pods ask for a fraction of a GPU: each counts as a whole one");
    }
    if (!has_times_) {
      into.remark("the table has no times: its pods arrive in the order of the file and stay");
    }
  }

private:
  /// A pod that never ran there (no scheduled_time) lives as long as it was wanted.
  static void read_times(trace_row& row, arrival& one) {
    one.when = row.seconds(creation_time);
    if (row.is_empty(deletion_time)) {
      return;
    }
    const auto from = row.is_empty(scheduled_time) ? one.when : row.seconds(scheduled_time);
    one.lifetime = row.seconds(deletion_time) - from;
    if (one.lifetime < model::duration{}) {
      row.blame(deletion_time, "must not be before the pod was created and scheduled");
    }
  }

  void place_in_order(trace_row& row, arrival& one, model::duration gap) const {
    if (gap.count() > 0 && untimed_ > model::duration{std::chrono::seconds{seconds_max}} / gap) {
      row.blame(name, "must come within a hundred years: let pods follow each other sooner");
      return;
    }
    one.when = gap * untimed_;
  }

  /// `A|B` with the inventory's names, without empty alternatives.
  const std::string& model_of(std::string_view spec, const read_options& options) {
    auto& known = models_[std::string{spec}];
    if (known.empty()) {
      for (const auto word : alternatives(spec)) {
        known += (known.empty() ? "" : "|") +
                 (options.rename_model ? options.rename_model(word) : std::string{word});
      }
    }
    return known;
  }

  bool has_times_ = true;
  std::int64_t untimed_ = 0;
  std::uint64_t fractions_ = 0;
  std::unordered_map<std::string, std::string> models_; ///< by the trace's words
};

} // namespace

std::unique_ptr<trace_reader> make_alibaba_reader() {
  return std::make_unique<alibaba_reader>();
}

} // namespace berth::sim
