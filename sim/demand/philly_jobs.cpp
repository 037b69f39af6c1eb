#include <array>
#include <memory>

#include "sim/demand/trace_table.hpp"

namespace berth::sim {

namespace {

enum column : std::size_t { timestamp, duration, num_gpus, gpu_time, cluster, columns_known };

constexpr std::array<trace_column, columns_known> job_columns{{
    {"timestamp", true},
    {"duration", true},
    {"num_gpus", true},
    {"gpu_time"},
    {"cluster"},
}};

class philly_reader final : public trace_reader {
public:
  std::span<const trace_column> columns() const override { return job_columns; }

  model::result<void> begin(const column_places& /*places*/, demand_builder& into) override {
    into.times_are_absolute();
    return {};
  }

  void convert(trace_row& row, demand_builder& into) override {
    arrival job;
    job.when = row.moment(timestamp).time_since_epoch();
    job.lifetime = row.seconds(duration);
    job.gpus = static_cast<std::uint16_t>(row.positive(num_gpus, gpus_max));
    const auto virtual_cluster = row.name(cluster);
    if (!row.fault()) {
      job.model = into.model({});
      job.project = into.project(virtual_cluster);
    }
    into.add(job, 1, row, num_gpus);
  }
};

} // namespace

std::unique_ptr<trace_reader> make_philly_reader() {
  return std::make_unique<philly_reader>();
}

} // namespace berth::sim
