#include "tests/sim/study/study_text.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sim/study/plan_file.hpp"

namespace berth::sim {

namespace {

std::string time(model::duration what) {
  return fmt::format("{}", what.count());
}

std::string group(const host_group& one) {
  const auto& machine = one.machine;
  auto text = fmt::format("{} {} {} {}/{}/{} numa {} devices", one.name, one.count, time(one.from),
                          machine.capacity.cpus, machine.capacity.memory_mib,
                          machine.capacity.storage_mib, machine.numa_nodes);
  for (const auto& device : machine.devices)
    text += " " + device.model;
  return text + fmt::format(" overcommit {} {} rack {}\n", one.cpu_overcommit_milli,
                            one.memory_overcommit_milli, one.hosts_per_rack);
}

std::string rate(const failure_rate& one) {
  return time(one.mean_between) + "/" + time(one.mean_repair);
}

std::string demand_text(const demand_input& one) {
  const auto& reading = one.reading;
  return fmt::format("trace {} {} strict {} large {} of {} gap {} defaults {} {} {} {} {} draw {} "
                     "growth {} renames {}\n",
                     one.trace, to_string(one.format), reading.strict,
                     static_cast<int>(reading.large), reading.gpus_per_server_max,
                     reading.untimed_gap ? time(*reading.untimed_gap) : "-",
                     reading.defaults.vcpus_per_gpu, reading.defaults.memory_mib_per_gpu,
                     reading.defaults.vcpus_without_gpu, reading.defaults.memory_mib_without_gpu,
                     reading.defaults.gpu_model, one.draw, one.growth_per_month,
                     static_cast<bool>(reading.rename_model)) +
         (one.plan ? to_yaml(*one.plan) : "no plan\n");
}

} // namespace

std::string text_of(const study& what) {
  const auto& base = what.base;
  std::string text = what.name + "\n";
  for (const auto& one : base.hosts)
    text += "hosts " + group(one);
  for (const auto* policy : what.policies)
    text += fmt::format("policy {}\n", scheduler::name_of(*policy));
  text += fmt::format(
      "first {} tell {} patience {} kept {} {} {} horizon {} turnover {}/{} quarantine {}/{}\n",
      scheduler::name_of(*base.policy), base.tell_lifetimes, time(base.patience),
      time(base.reservations.after), base.reservations.priority, base.reservations.max,
      time(base.horizon), time(base.turnover.least), time(base.turnover.mean_rest),
      base.quarantine_probability, time(base.mean_quarantine));
  text +=
      fmt::format("failures {} {} {}\n", rate(base.devices), rate(base.machines), rate(base.racks));
  for (const auto& one : base.maintenance)
    text += fmt::format("maintenance {} {} {} {} {}\n", one.group, time(one.from), time(one.lasts),
                        time(one.drain), one.at_once);
  for (const auto& one : base.shapes)
    text += fmt::format("shape {}x{}\n", one.gpus, one.model);
  text += demand_text(what.demand);
  text += fmt::format("goal {} {} {}\n", what.goal.refused_max,
                      what.goal.wait_p95_max ? time(*what.goal.wait_p95_max) : "-",
                      time(what.goal.from));
  for (const auto& one : what.goal.offers)
    text += fmt::format("offer {} {} {}", one.price, one.max, group(one.hosts));
  return text +
         fmt::format("seeds {} jobs {} confidence {}\n", what.seeds, what.jobs, what.confidence);
}

scenario_surroundings source_surroundings() {
  return {.machines = BERTH_SOURCE_DIR "/machines", .jobs = 3};
}

model::result<study> scenario_of(std::string_view yaml, std::vector<given_flag> flags) {
  return read_scenario(yaml, "s.yaml", BERTH_SOURCE_DIR "/tests/sim/study", source_surroundings(),
                       flags);
}

study good_scenario(std::string_view yaml, std::vector<given_flag> flags) {
  auto read = scenario_of(yaml, std::move(flags));
  EXPECT_TRUE(read) << (read ? "" : read.error().message);
  return read.value_or(study{});
}

} // namespace berth::sim
