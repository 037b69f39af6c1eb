// Any bytes as a trace. The first byte chooses the format and the options; what is accepted holds
// what arrival.hpp promises, survives being written and read again, and can be fitted.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "sim/demand/berth_csv.hpp"
#include "sim/demand/fit.hpp"
#include "sim/demand/readers.hpp"

namespace {

namespace sim = berth::sim;

void must(bool holds) {
  if (!holds)
    std::abort();
}

void check(const sim::demand& read) {
  const berth::model::duration longest = std::chrono::seconds{sim::seconds_max};
  berth::model::duration last{};
  for (const auto& one : read.arrivals) {
    must(one.when >= last && one.when <= longest);
    must(one.lifetime == sim::endless ||
         (one.lifetime >= berth::model::duration{} && one.lifetime <= longest));
    must(one.vcpus > 0 && one.memory_mib > 0 && one.parts > 0);
    must(one.gpus <= sim::gpus_max && (one.gpus > 0 || one.model == 0));
    must(one.model < read.names.models.size() && one.project < read.names.projects.size());
    last = one.when;
  }
  must(read.report.skipped <= read.report.rows);
}

std::string rewritten(const sim::demand& from) {
  auto text = sim::berth_csv_header();
  for (const auto& one : from.arrivals)
    sim::append_berth_csv(text, one, 1, from.names);
  return text;
}

/// A generator can always be made of what was fitted.
void check_fit(const sim::demand& read) {
  const auto found = sim::fit(read);
  if (!found)
    return;
  must(!sim::to_text(*found).empty());
  auto generator = sim::demand_generator::make(found->plan, 1, std::chrono::hours{1});
  must(generator.has_value() || !generator.error().message.empty());
  for (int i = 0; generator && i < 100; ++i)
    static_cast<void>(generator->next());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  sim::read_options options;
  options.strict = (data[0] & 4U) != 0;
  options.large = static_cast<sim::large_jobs>((data[0] >> 3U) % 3U);
  options.table = {.row_bytes_max = 512, .columns_max = 32, .bytes_max = 1U << 20U};
  options.arrivals_max = 20'000;
  options.untimed_gap = std::chrono::seconds{data[0]};
  const auto format = static_cast<sim::trace_format>(data[0] & 3U);
  const auto read = sim::read_demand(format, sim::bytes_of(text), "input", options);
  must(read || !read.error().message.empty());
  if (!read)
    return 0;
  check(*read);
  static_cast<void>(sim::to_text(read->report));
  const auto once = rewritten(*read);
  const auto again =
      sim::read_demand(sim::trace_format::berth, sim::bytes_of(once), "own", {.strict = true});
  must(again && rewritten(*again) == once);
  if ((data[0] & 128U) != 0)
    check_fit(*read);
  return 0;
}
