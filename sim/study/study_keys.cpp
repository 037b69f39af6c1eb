#include "sim/study/study_keys.hpp"

#include "scheduler/scheduler.hpp"

namespace berth::sim {

namespace {

constexpr double hosts_max = 1'000'000;

template <class Target, host_settings Target::*Settings>
void add_host_settings(std::vector<key<Target>>& keys, bool for_all) {
  const auto flag = [for_all](std::string_view name) {
    return for_all ? name : std::string_view{};
  };
  keys.push_back(value_key<Settings, &host_settings::cpu_overcommit>(
      {.name = "cpu_overcommit",
       .rule = between(value_kind::number, 0.1, 100),
       .help = for_all ? "vCPUs that are given away for each of a host (1), where its item does "
                         "not say otherwise"
                       : "vCPUs that are given away for each of the host's",
       .flag = flag("cpu-overcommit"),
       .example = "4"}));
  keys.push_back(value_key<Settings, &host_settings::memory_overcommit>(
      {.name = "memory_overcommit",
       .rule = between(value_kind::number, 0.1, 100),
       .help = for_all ? "the same of memory (1)" : "the same of memory",
       .flag = flag("memory-overcommit"),
       .example = "1.5"}));
  keys.push_back(value_key<Settings, &host_settings::hosts_per_rack>(
      {.name = "hosts_per_rack",
       .rule = between(value_kind::count, 0, hosts_max),
       .help = for_all ? "hosts stand in racks of so many, in order (0: in none), where their item "
                         "does not say otherwise"
                       : "they stand in racks of so many, in order; 0: in none",
       .flag = flag("hosts-per-rack"),
       .example = "4"}));
}

/// One policy, or several that are compared.
key<study_draft> policies_key() {
  const auto names = scheduler::policy_names();
  key<study_draft> made;
  made.is = {.name = "policy",
             .rule = {.kind = value_kind::choice, .words = names},
             .help = "how hosts are compared (docs/placement.md); a list of several is compared, "
                     "others with the first",
             .flag = "policy",
             .word = "NAME",
             .example = "[best-fit, spread]",
             .shown = true};
  made.form = key_form::values;
  made.read = [](reading&, const key_info& self, const document_node& node, const std::string& path,
                 study_draft& into) -> model::result<void> {
    const auto items = items_at(node, path, self.rule.words.size());
    if (!items)
      return tl::unexpected{items.error()};
    into.policies.clear();
    for (const auto& item : *items) {
      const auto value = value_at(self.rule, item, path);
      if (!value)
        return tl::unexpected{value.error()};
      if (std::ranges::find(into.policies, item.text) != into.policies.end())
        return wrong_at(item, path, "names " + item.text + " twice: must name each once");
      into.policies.push_back(item.text);
    }
    return items->empty() ? wrong_at(node, path, "is empty: must name a policy")
                          : model::result<void>{};
  };
  made.write = [](const key_info& self, const study_draft& from, const study_draft* standard) {
    document_node node;
    node.key = self.name;
    if (standard != nullptr && from.policies == standard->policies)
      return node;
    node.is = document_node::form::list;
    for (const auto& name : from.policies)
      node.items.push_back(scalar_node({}, name));
    return node;
  };
  return made;
}

/// A plan's file, or the plan itself.
key<demand_entry> plan_key() {
  key<demand_entry> made;
  made.is = {.name = "plan",
             .rule = {.kind = value_kind::file},
             .help =
                 "what a generator draws, for each seed anew, up to the horizon: a plan's file, as "
                 "berth-sim fit writes it; or, in a scenario's file, the plan itself",
             .flag = "plan",
             .word = "FILE",
             .shown = true};
  made.form = key_form::section;
  made.read = [](reading& context, const key_info& self, const document_node& node,
                 const std::string& path, demand_entry& into) -> model::result<void> {
    into.plan_file.clear();
    into.plan.reset();
    if (node.is != document_node::form::scalar)
      return read_section(context, node, path, into.plan.emplace());
    const auto value = value_at(self.rule, node, path);
    if (!value)
      return tl::unexpected{value.error()};
    into.plan_file = std::get<std::string>(*value);
    return {};
  };
  made.write = [](const key_info&, const demand_entry&, const demand_entry*) {
    return document_node{};
  };
  made.below = [](const demand_entry&) { return describe(plan_entry{}); };
  return made;
}

std::vector<key<study_draft>> fleet_keys() {
  std::vector<key<study_draft>> keys{
      value_key<&study_draft::made, &study::name>({.name = "name",
                                                   .rule = {.kind = value_kind::text},
                                                   .help = "what outputs call it",
                                                   .flag = "name",
                                                   .example = "four-machines",
                                                   .shown = true}),
      sections_key<&study_draft::inventory>(
          {.name = "inventory",
           .help = "the hosts, by make",
           .flag = "hosts",
           .example = "{machine: hgx-h100, count: 4}\n{machine: l40s-4, count: 2, from: 15d}",
           .shown = true},
          1'000)};
  add_host_settings<study_draft, &study_draft::everywhere>(keys, true);
  return keys;
}

std::vector<key<study_draft>> play_keys() {
  return {
      section_key<&study_draft::demand>(
          {.name = "demand", .help = "what arrives: `trace` or `plan`", .shown = true}),
      policies_key(),
      value_key<&study_draft::made, &study::base, &scenario::tell_lifetimes>(
          {.name = "tell_lifetimes",
           .rule = {.kind = value_kind::boolean},
           .help = "the scheduler knows when each server will leave",
           .flag = "tell-lifetimes",
           .example = "true"}),
      value_key<&study_draft::made, &study::base, &scenario::patience>(
          {.name = "patience",
           .rule = {.kind = value_kind::duration,
                    .least = 0,
                    .most = up_to_a_century().most,
                    .forever = true},
           .help = "how long a server that fits nowhere waits, if its arrival does not say; 0s: it "
                   "is refused at once",
           .flag = "patience",
           .example = "1h",
           .shown = true}),
      value_key<&study_draft::made, &study::base, &scenario::reservations,
                &control::reservation_rules::after>(
          {.name = "reserve_after",
           .rule = up_to_a_century(),
           .help = "how long a server waits before a host may be kept for it, as "
                   "queue.reserve_after of a controller",
           .flag = "reserve-after",
           .example = "10m"}),
      value_key<&study_draft::made, &study::base, &scenario::reservations,
                &control::reservation_rules::priority>(
          {.name = "reserve_priority",
           .rule = between(value_kind::count, 0, priority_max + 1),
           .help = "from this priority on at once, as queue.reserve_priority of a controller; 101: "
                   "nobody",
           .flag = "reserve-priority",
           .example = "90"}),
      value_key<&study_draft::made, &study::base, &scenario::reservations,
                &control::reservation_rules::max>(
          {.name = "reservations",
           .rule = between(value_kind::count, 0, 1'000),
           .help = "hosts that are kept at a time, as queue.reservations of a controller; 0: none "
                   "ever",
           .flag = "reservations",
           .example = "8"}),
      value_key<&study_draft::made, &study::base, &scenario::horizon>(
          {.name = "horizon",
           .rule = up_to_a_century(),
           .help = "the end; 0s: with the last arrival of the trace",
           .flag = "horizon",
           .example = "30d",
           .shown = true}),
      section_key<&study_draft::turnover>(
          {.name = "turnover",
           .help = "from a server's end to its GPUs' being free: a reset and its verification",
           .flag = "turnover"}),
      section_key<&study_draft::quarantine>(
          {.name = "quarantine",
           .help = "GPUs that do not come out of their turnover at once",
           .flag = "quarantine"}),
      section_key<&study_draft::failures>(
          {.name = "failures",
           .help = "what breaks, and is mended; times are exponentially "
                   "distributed"})};
}

std::vector<key<study_draft>> service_keys() {
  return {
      sections_key<&study_draft::maintenance>(
          {.name = "maintenance",
           .help = "hosts that are taken out of service one batch after another; their servers are "
                   "evicted",
           .flag = "maintenance",
           .example = "{from: 7d, lasts: 4h, drain: 1d, at_once: 1}"},
          1'000),
      sections_key<&study_draft::shapes>(
          {.name = "shapes",
           .help = "servers of which it is followed how many more would fit; without the key 1, 2, "
                   "4 and 8 GPUs of each model; [] follows none, and is faster",
           .flag = "shape",
           .example = "8xH100"},
          128),
      section_key<&study_draft::goal>(
          {.name = "goal",
           .help = "what berth-sim plan looks for: the cheapest purchase with which "
                   "the service is this good"}),
      value_key<&study_draft::made, &study::seeds>(
          {.name = "seeds",
           .rule = between(value_kind::count, 1, 10'000),
           .help = "fates that are played, each with other failures, and other arrivals of a plan",
           .flag = "seeds",
           .example = "4",
           .shown = true}),
      value_key<&study_draft::jobs>({.name = "jobs",
                                     .rule = between(value_kind::count, 1, 1'024),
                                     .help = "fates at a time; without the key one for each "
                                             "processor",
                                     .flag = "jobs",
                                     .example = "2"}),
      value_key<&study_draft::made, &study::confidence>(
          {.name = "confidence",
           .rule = between(value_kind::share, 0.5, 0.9999),
           .help = "of the intervals over the fates",
           .flag = "confidence",
           .example = "99%"})};
}

} // namespace

template <> const std::vector<key<study_draft>>& keys_of() {
  static const auto keys = [] {
    auto all = fleet_keys();
    for (const auto more : {play_keys, service_keys})
      for (auto& one : more())
        all.push_back(std::move(one));
    return all;
  }();
  return keys;
}

template <> const std::vector<key<host_entry>>& keys_of() {
  static const auto keys = [] {
    std::vector<key<host_entry>> all{
        value_key<&host_entry::machine>({.name = "machine",
                                         .rule = {.kind = value_kind::machine},
                                         .help = "what each host is: a machine of the collection, "
                                                 "or the path of a description",
                                         .example = "hgx-h100"}),
        value_key<&host_entry::count>({.name = "count",
                                       .rule = between(value_kind::count, 1, hosts_max),
                                       .help = "hosts of that machine (1)",
                                       .example = "4"}),
        value_key<&host_entry::alibaba_nodes>(
            {.name = "alibaba_nodes",
             .rule = {.kind = value_kind::file},
             .help = "instead of a machine: the hosts of a node list of Alibaba's trace of 2023, "
                     "equal ones as one group",
             .flag = "alibaba-nodes",
             .example = "openb_node_list_gpu_node.csv"}),
        value_key<&host_entry::snapshot>(
            {.name = "snapshot",
             .rule = {.kind = value_kind::file},
             .help = "instead of a machine: the hosts of a cluster as it is, with the servers that "
                     "are on them, from berthctl snapshot",
             .flag = "snapshot",
             .example = "cluster.json"}),
        value_key<&host_entry::storage_mib>(
            {.name = "storage",
             .rule = between(value_kind::memory, 1, 1LL << 40),
             .help = "of each host of a node list, which says nothing of disks (4t)",
             .example = "8t"}),
        value_key<&host_entry::name>({.name = "name",
                                      .rule = {.kind = value_kind::text},
                                      .help = "of the group (the machine's); its hosts are called "
                                              "name-0, name-1, ...",
                                      .example = "hall-2"}),
        value_key<&host_entry::from>({.name = "from",
                                      .rule = up_to_a_century(),
                                      .help = "when they are there, after the start: a purchase",
                                      .example = "90d"})};
    add_host_settings<host_entry, &host_entry::own>(all, false);
    return all;
  }();
  return keys;
}

template <> short_form short_form_of<host_entry>() {
  return {.keys = {"count", "machine"},
          .between = 'x',
          .needed = 2,
          .pattern = "COUNTxMACHINE",
          .example = "20xhgx-h100"};
}

template <> const std::vector<key<offer_entry>>& keys_of() {
  static const auto keys = [] {
    std::vector<key<offer_entry>> all{
        value_key<&offer_entry::machine>({.name = "machine",
                                          .rule = {.kind = value_kind::machine},
                                          .help = "that can be bought",
                                          .example = "hgx-h100"}),
        value_key<&offer_entry::price>({.name = "price",
                                        .rule = between(value_kind::number, 0, 1e12),
                                        .help = "of one, in any currency",
                                        .example = "300000"}),
        value_key<&offer_entry::max>({.name = "max",
                                      .rule = between(value_kind::count, 1, hosts_max),
                                      .help = "that can be had",
                                      .example = "16"}),
        value_key<&offer_entry::name>({.name = "name",
                                       .rule = {.kind = value_kind::text},
                                       .help = "of the offer (the machine's)",
                                       .example = "used-h100"})};
    add_host_settings<offer_entry, &offer_entry::own>(all, false);
    return all;
  }();
  return keys;
}

template <> short_form short_form_of<offer_entry>() {
  return {.keys = {"machine", "price", "max"},
          .between = ':',
          .needed = 2,
          .pattern = "MACHINE:PRICE[:MAX]",
          .example = "hgx-h100:300000:16"};
}

template <> const std::vector<key<demand_entry>>& keys_of() {
  static const std::vector<key<demand_entry>> keys{
      value_key<&demand_entry::trace>({.name = "trace",
                                       .rule = {.kind = value_kind::file},
                                       .help = "a table of arrivals, - is standard input; or a "
                                               "controller's store (docs/sim-formats.md)",
                                       .flag = "demand",
                                       .example = "jobs.csv"}),
      value_key<&demand_entry::format>(
          {.name = "format",
           .rule = {.kind = value_kind::choice,
                    .words = {"berth", "alibaba-pods", "philly-jobs", "packing-timeline",
                              controller_log}},
           .help = "of the trace; controller-log: it is the store of a berth-controller, whose log "
                   "says what was asked for",
           .flag = "format",
           .word = "NAME",
           .example = "philly-jobs"}),
      value_key<&demand_entry::reading, &read_options::strict>(
          {.name = "strict",
           .rule = {.kind = value_kind::boolean},
           .help = "a row that cannot be used ends it",
           .flag = "strict",
           .example = "true"}),
      value_key<&demand_entry::split>({.name = "split",
                                       .rule = {.kind = value_kind::boolean},
                                       .help = "a job of more than `server_gpus_max` GPUs becomes "
                                               "several servers",
                                       .flag = "split",
                                       .example = "true"}),
      value_key<&demand_entry::reading, &read_options::gpus_per_server_max>(
          {.name = "server_gpus_max",
           .rule = between(value_kind::count, 1, gpus_max),
           .help = "with `split`: GPUs of a server",
           .flag = "server-gpus-max",
           .example = "4"}),
      value_key<&demand_entry::reading, &read_options::untimed_gap>(
          {.name = "untimed_gap",
           .rule = up_to_a_century(),
           .help = "between the arrivals of a trace without times, which is refused otherwise",
           .flag = "untimed-gap",
           .example = "30s"}),
      section_key<&demand_entry::reading, &read_options::defaults>(
          {.name = "defaults", .help = "what a server gets of which the trace says no more"}),
      value_key<&demand_entry::draw>(
          {.name = "draw",
           .rule = {.kind = value_kind::boolean},
           .help = "each seed draws arrivals like those of the trace, from a generator that is "
                   "fitted to it, up to the horizon; without it every seed plays the trace",
           .flag = "draw",
           .example = "true"}),
      value_key<&demand_entry::growth>(
          {.name = "growth",
           .rule = between(value_kind::share, -0.99, 10),
           .help = "so many more arrivals every month, with `draw` or `plan` (the plan's)",
           .flag = "growth",
           .word = "PERCENT",
           .example = "5%"}),
      plan_key()};
  return keys;
}

template <> const std::vector<key<server_defaults>>& keys_of() {
  static const auto count = between(value_kind::count, 1, vcpus_max);
  static const auto memory = between(value_kind::memory, 1, memory_mib_max);
  static const std::vector<key<server_defaults>> keys{
      value_key<&server_defaults::vcpus_per_gpu>(
          {.name = "vcpus_per_gpu",
           .rule = count,
           .help = "vCPUs of a server of which no more is said, for each of its GPUs",
           .flag = "vcpus-per-gpu",
           .example = "16"}),
      value_key<&server_defaults::memory_mib_per_gpu>({.name = "memory_per_gpu",
                                                       .rule = memory,
                                                       .help = "its memory, for each of its GPUs",
                                                       .flag = "memory-per-gpu",
                                                       .example = "64g"}),
      value_key<&server_defaults::vcpus_without_gpu>({.name = "vcpus_without_gpu",
                                                      .rule = count,
                                                      .help = "its vCPUs if it has no GPU",
                                                      .flag = "vcpus-without-gpu",
                                                      .example = "2"}),
      value_key<&server_defaults::memory_mib_without_gpu>({.name = "memory_without_gpu",
                                                           .rule = memory,
                                                           .help = "its memory if it has no GPU",
                                                           .flag = "memory-without-gpu",
                                                           .example = "8g"}),
      value_key<&server_defaults::gpu_model>(
          {.name = "gpu_model",
           .rule = {.kind = value_kind::text},
           .help = "the model of its GPUs, or alternatives as H100|A100 "
                   "(any)",
           .flag = "gpu-model",
           .example = "H100"})};
  return keys;
}

template <> const std::vector<key<random_time>>& keys_of() {
  static const std::vector<key<random_time>> keys{
      value_key<&random_time::least>({.name = "least",
                                      .rule = up_to_a_century(),
                                      .help = "it takes at least that long",
                                      .flag = "-",
                                      .example = "90s"}),
      value_key<&random_time::mean_rest>({.name = "mean_rest",
                                          .rule = up_to_a_century(),
                                          .help = "and then an exponentially distributed time of "
                                                  "this mean",
                                          .flag = "-mean-rest",
                                          .example = "30s"})};
  return keys;
}

template <> short_form short_form_of<random_time>() {
  return {.keys = {"least"}, .needed = 1, .pattern = "TIME", .example = "90s"};
}

template <> const std::vector<key<quarantine_entry>>& keys_of() {
  static const std::vector<key<quarantine_entry>> keys{
      value_key<&quarantine_entry::probability>({.name = "probability",
                                                 .rule = between(value_kind::share, 0, 1),
                                                 .help = "of each turnover of a GPU",
                                                 .example = "0.5%"}),
      value_key<&quarantine_entry::mean>({.name = "mean",
                                          .rule = up_to_a_century(),
                                          .help = "until the GPU is free again, exponentially "
                                                  "distributed",
                                          .example = "12h"})};
  return keys;
}

template <> short_form short_form_of<quarantine_entry>() {
  return {.keys = {"probability", "mean"},
          .between = ':',
          .needed = 2,
          .pattern = "PROBABILITY:MEAN",
          .example = "0.5%:12h"};
}

template <> const std::vector<key<failure_entry>>& keys_of() {
  static const std::vector<key<failure_entry>> keys{
      value_key<&failure_entry::mean_between>({.name = "mtbf",
                                               .rule = up_to_a_century(),
                                               .help = "mean time between failures of each; 0s: "
                                                       "none fails",
                                               .flag = "-mtbf",
                                               .example = "365d"}),
      value_key<&failure_entry::mean_repair>({.name = "mttr",
                                              .rule = up_to_a_century(),
                                              .help = "mean time to repair",
                                              .flag = "-mttr",
                                              .example = "2d"})};
  return keys;
}

template <> const std::vector<key<failures_entry>>& keys_of() {
  static const std::vector<key<failures_entry>> keys{
      section_key<&failures_entry::device>(
          {.name = "device", .help = "each GPU: its server fails with it", .flag = "device"}),
      section_key<&failures_entry::host>(
          {.name = "host", .help = "each host: its servers fail with it", .flag = "host"}),
      section_key<&failures_entry::rack>(
          {.name = "rack", .help = "each rack: its hosts fail together", .flag = "rack"})};
  return keys;
}

template <> const std::vector<key<maintenance_entry>>& keys_of() {
  static const std::vector<key<maintenance_entry>> keys{
      value_key<&maintenance_entry::plan, &maintenance_plan::group>(
          {.name = "group",
           .rule = {.kind = value_kind::text},
           .help = "whose hosts: the name of a group (every host)",
           .example = "hgx-h100"}),
      value_key<&maintenance_entry::plan, &maintenance_plan::from>(
          {.name = "from",
           .rule = up_to_a_century(),
           .help = "the turn of the first batch, after the start",
           .example = "7d"}),
      value_key<&maintenance_entry::lasts>(
          {.name = "lasts",
           .rule = up_to_a_century(value_kind::duration, 0.001),
           .help = "until a batch is back, and it is the turn of the next",
           .example = "4h"}),
      value_key<&maintenance_entry::plan, &maintenance_plan::drain>(
          {.name = "drain",
           .rule = up_to_a_century(),
           .help = "so long before its turn a host takes no new servers",
           .example = "1d"}),
      value_key<&maintenance_entry::plan, &maintenance_plan::at_once>(
          {.name = "at_once",
           .rule = between(value_kind::count, 1, hosts_max),
           .help = "hosts of a batch",
           .example = "2"})};
  return keys;
}

template <> short_form short_form_of<maintenance_entry>() {
  return {.keys = {}, .pattern = "KEY=VALUE,...", .example = "from=7d,lasts=4h,drain=1d"};
}

template <> const std::vector<key<capacity_entry>>& keys_of() {
  static const std::vector<key<capacity_entry>> keys{
      value_key<&capacity_entry::shape, &capacity_shape::model>(
          {.name = "model",
           .rule = {.kind = value_kind::text},
           .help = "of the GPUs; a part of the name will do",
           .example = "H100"}),
      value_key<&capacity_entry::shape, &capacity_shape::gpus>(
          {.name = "gpus",
           .rule = between(value_kind::count, 1, gpus_max),
           .help = "of the server",
           .example = "8"})};
  return keys;
}

template <> short_form short_form_of<capacity_entry>() {
  return {.keys = {"gpus", "model"},
          .between = 'x',
          .needed = 2,
          .pattern = "GPUSxMODEL",
          .example = "8xH100"};
}

template <> const std::vector<key<goal_entry>>& keys_of() {
  static const std::vector<key<goal_entry>> keys{
      value_key<&goal_entry::refused_max>({.name = "refused_max",
                                           .rule = between(value_kind::share, 0, 1),
                                           .help = "of the GPUs that are asked for",
                                           .flag = "refused-max",
                                           .example = "1%"}),
      value_key<&goal_entry::wait_p95_max>({.name = "wait_p95_max",
                                            .rule = up_to_a_century(),
                                            .help = "95 % of the servers that are placed wait at "
                                                    "most so long (any time)",
                                            .flag = "wait-p95-max",
                                            .example = "1h"}),
      value_key<&goal_entry::from>({.name = "from",
                                    .rule = up_to_a_century(),
                                    .help = "when the purchase is there, after the start",
                                    .flag = "goal-from",
                                    .example = "30d"}),
      sections_key<&goal_entry::offers>({.name = "offers",
                                         .help = "what can be bought",
                                         .flag = "offer",
                                         .example = "{machine: hgx-h100, price: 300000, max: 16}\n"
                                                    "{machine: l40s-4, price: 60000}"},
                                        64)};
  return keys;
}

} // namespace berth::sim
