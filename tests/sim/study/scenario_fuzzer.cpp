// Any bytes as a scenario, or as a plan: never a crash, and always a message. What is accepted as a
// plan is written and read again without a change.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "sim/study/plan_file.hpp"
#include "sim/study/scenario_file.hpp"

namespace {

namespace sim = berth::sim;

void must(bool holds) {
  if (!holds)
    std::abort();
}

void check_plan(std::string_view text) {
  const auto plan = sim::read_plan(text, "input");
  must(plan || !plan.error().message.empty());
  if (!plan)
    return;
  const auto once = sim::to_yaml(*plan);
  const auto again = sim::read_plan(once, "own");
  must(again && sim::to_yaml(*again) == once);
}

void check_study(const sim::study& what) {
  must(!what.base.hosts.empty() && !what.policies.empty());
  must(what.seeds > 0 && what.jobs > 0);
  must(what.demand.plan || !what.demand.trace.empty());
  must(what.base.quarantine_probability >= 0 && what.base.quarantine_probability <= 1);
  must(what.base.horizon.count() >= 0 && what.base.patience.count() >= 0);
  for (const auto& group : what.base.hosts)
    must(group.count > 0 && group.from.count() >= 0 && group.cpu_overcommit_milli > 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0)
    return 0;
  const std::string_view text{reinterpret_cast<const char*>(data) + 1, size - 1};
  if ((data[0] & 1U) != 0) {
    check_plan(text);
    return 0;
  }
  // A collection without machines, but for those whose paths the input names.
  const sim::scenario_surroundings around{.machines = "machines", .jobs = 1};
  const auto what = sim::read_scenario(text, "input", "", around);
  must(what || !what.error().message.empty());
  if (what)
    check_study(*what);
  return 0;
}
