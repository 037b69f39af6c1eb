#include <array>
#include <memory>

#include "sim/demand/trace_table.hpp"

namespace berth::sim {

namespace {

enum column : std::size_t { arrive_s, depart_s, gpus, columns_known };

constexpr std::array<trace_column, columns_known> timeline_columns{{
    {"arrive_s", true},
    {"depart_s", true},
    {"gpus", true},
}};

class packing_reader final : public trace_reader {
public:
  std::span<const trace_column> columns() const override { return timeline_columns; }

  void convert(trace_row& row, demand_builder& into) override {
    arrival one;
    one.when = row.seconds(arrive_s);
    one.gpus = static_cast<std::uint16_t>(row.positive(gpus, gpus_max));
    if (!row.is_empty(depart_s)) {
      one.lifetime = row.seconds(depart_s) - one.when;
      if (one.lifetime < model::duration{}) {
        row.blame(depart_s, "must not be before arrive_s");
      }
    }
    if (!row.fault()) {
      one.model = into.model({});
    }
    into.add(one, 1, row, gpus);
  }
};

} // namespace

std::unique_ptr<trace_reader> make_packing_reader() {
  return std::make_unique<packing_reader>();
}

} // namespace berth::sim
