#include "sim/study/inventory.hpp"

#include <cmath>
#include <filesystem>
#include <map>
#include <set>
#include <system_error>
#include <tuple>
#include <utility>

#include <fmt/format.h>

#include "hostbackend/simulated/machine.hpp"
#include "model/text.hpp"
#include "sim/demand/byte_source.hpp"
#include "sim/snapshot/snapshot_file.hpp"
#include "sim/traces/alibaba.hpp"

namespace berth::sim {

namespace {

namespace simulated = hostbackend::simulated;
using model::result;

constexpr std::uint64_t hosts_max = 1'000'000;
constexpr std::int64_t storage_mib_usual = 4LL * 1024 * 1024;

/// What a machine is called, without its folder.
std::string stem_of(const std::string& machine) {
  return is_machine_path(machine) ? std::filesystem::path{machine}.stem().string() : machine;
}

class inventory_builder {
public:
  inventory_builder(const reading& context, const study_draft& draft,
                    const scenario_surroundings& around)
      : context_{context}, draft_{draft}, around_{around} {}

  result<void> build(study& into) {
    for (const auto& entry : draft_.inventory)
      if (auto added = add(entry, into.base); !added)
        return added;
    into.remarks = std::move(remarks_);
    into.waiting = std::move(waiting_);
    for (const auto& offer : draft_.goal.offers)
      if (auto added = add(offer, into.goal); !added)
        return added;
    return {};
  }

private:
  /// One way to say what hosts there are: the key that says it, and what becomes of it.
  struct source {
    std::string_view key;
    std::string host_entry::*value;
    result<void> (inventory_builder::*add)(const host_entry& entry, scenario& into);
  };
  static constexpr std::array<source, 3> sources() {
    return {{{"machine", &host_entry::machine, &inventory_builder::add_machines},
             {"alibaba_nodes", &host_entry::alibaba_nodes, &inventory_builder::add_nodes},
             {"snapshot", &host_entry::snapshot, &inventory_builder::add_snapshot}}};
  }

  result<void> add(const host_entry& entry, scenario& into) {
    const source* chosen = nullptr;
    std::string known;
    for (const auto& one : all_sources_) {
      known += (known.empty() ? "" : " or ") + std::string{one.key};
      if ((entry.*one.value).empty())
        continue;
      if (chosen != nullptr)
        return context_.wrong(below(entry.path, one.key),
                              fmt::format("stands beside {}: keep one of the two", chosen->key));
      chosen = &one;
    }
    if (chosen == nullptr)
      return context_.wrong(entry.path, "must have " + known);
    return (this->*chosen->add)(entry, into);
  }

  result<void> add_machines(const host_entry& entry, scenario& into) {
    if (entry.storage_mib)
      return context_.wrong(below(entry.path, "storage"),
                            "is the machine's: must not be given but for alibaba_nodes");
    auto group = group_of(entry.path, entry.machine, entry.own);
    if (!group)
      return tl::unexpected{std::move(group.error())};
    group->count = entry.count.value_or(1);
    group->from = entry.from;
    group->name = entry.name.empty() ? unused(stem_of(entry.machine)) : entry.name;
    return push(entry, std::move(*group), into);
  }

  /// Equal nodes become one group, in the order in which they come up.
  result<void> add_nodes(const host_entry& entry, scenario& into) {
    if (entry.count)
      return context_.wrong(below(entry.path, "count"),
                            "goes with machine: a node list has as many hosts as it lists");
    const auto path = below(entry.path, "alibaba_nodes");
    if (entry.alibaba_nodes == "-")
      return context_.wrong(path, "is -: must be a file");
    const auto nodes = open_bytes(entry.alibaba_nodes).and_then([&entry](auto bytes) {
      return read_alibaba_nodes(std::move(bytes), entry.alibaba_nodes);
    });
    if (!nodes)
      return context_.wrong(path, "cannot be read: " + nodes.error().message);
    if (!nodes->faulty.empty())
      return context_.wrong(path, fmt::format("has a row that cannot be used, {}:{}: {}",
                                              entry.alibaba_nodes, nodes->faulty.front().line,
                                              nodes->faulty.front().message));
    if (nodes->items.empty())
      return context_.wrong(path, "lists no hosts: must list at least one");
    std::vector<host_group> groups;
    std::map<std::tuple<std::int64_t, std::int64_t, std::int32_t, std::string>, std::size_t> known;
    for (const auto& node : nodes->items) {
      const auto [at, is_new] =
          known.try_emplace({node.cpus, node.memory_mib, node.gpus, node.model}, groups.size());
      if (is_new) {
        auto group = group_of(entry, node);
        if (!group)
          return tl::unexpected{std::move(group.error())};
        groups.push_back(std::move(*group));
      }
      ++groups[at->second].count;
    }
    for (auto& group : groups)
      if (auto pushed = push(entry, std::move(group), into); !pushed)
        return pushed;
    return {};
  }

  /// Its servers stand on the hosts that follow those before.
  result<void> add_snapshot(const host_entry& entry, scenario& into) {
    const auto path = below(entry.path, "snapshot");
    if (entry.count || entry.storage_mib || entry.from.count() > 0 || !entry.name.empty())
      return context_.wrong(path, "stands beside count, storage, from or name: a cluster's hosts "
                                  "are there from the start, as they are");
    if (entry.own.cpu_overcommit || entry.own.memory_overcommit)
      return context_.wrong(path, "stands beside an overcommit: that of its hosts counts");
    if (draft_.everywhere.cpu_overcommit || draft_.everywhere.memory_overcommit)
      remarks_.push_back(entry.snapshot + ": its hosts keep the overcommit that they have");
    auto read = read_snapshot_file(entry.snapshot);
    if (!read)
      return context_.wrong(path, "cannot be used: " + read.error().message);
    std::uint32_t before = 0;
    for (const auto& group : into.hosts)
      before += group.from.count() == 0 ? group.count : 0;
    for (auto& group : read->hosts) {
      group.name = unused(group.name);
      group.hosts_per_rack = racks_of(entry.own);
      if (auto pushed = push(entry, std::move(group), into); !pushed)
        return pushed;
    }
    for (auto& server : read->standing) {
      server.host += before;
      into.standing.push_back(std::move(server));
    }
    for (const auto& remark : read->remarks)
      remarks_.push_back(entry.snapshot + ": " + remark);
    for (auto& server : read->waiting)
      waiting_.push_back(std::move(server));
    return {};
  }

  result<host_group> group_of(const host_entry& entry, const alibaba_node& node) {
    const auto kind = simulated::generic_machine(node.gpus, node.gpus > 0 ? node.model : "");
    if (!kind)
      return context_.wrong(
          below(entry.path, "alibaba_nodes"),
          fmt::format("has node {}, which cannot be: {}", node.name, kind.error().message));
    auto host = simulated::make_host("node", *kind);
    host.capacity = {.cpus = node.cpus,
                     .memory_mib = node.memory_mib,
                     .storage_mib = entry.storage_mib.value_or(storage_mib_usual)};
    host_group group;
    group.machine = simulated::describe(host, "");
    group.from = entry.from;
    group.name = unused(
        fmt::format("{}{}{}c-{}m", entry.name.empty() ? "" : entry.name + "-",
                    node.gpus > 0 ? fmt::format("{}x{}-", node.gpus, node.model) : std::string{},
                    node.cpus, node.memory_mib));
    set(group, entry.own);
    return group;
  }

  result<void> add(const offer_entry& entry, service_goal& into) {
    if (entry.machine.empty())
      return context_.wrong(entry.path, "must have a machine");
    if (!entry.price)
      return context_.wrong(entry.path, "must have a price");
    auto group = group_of(entry.path, entry.machine, entry.own);
    if (!group)
      return tl::unexpected{std::move(group.error())};
    group->name = entry.name.empty() ? stem_of(entry.machine) : entry.name;
    for (const auto& before : into.offers)
      if (before.hosts.name == group->name)
        return context_.wrong(entry.path, fmt::format("is called {} like one before: must have a "
                                                      "name of its own",
                                                      group->name));
    into.offers.push_back({std::move(*group), *entry.price, entry.max});
    return {};
  }

  /// Hosts of a machine with what they have of their own.
  result<host_group> group_of(const std::string& path, const std::string& machine,
                              const host_settings& own) {
    auto found = find(machine);
    if (!found)
      return context_.wrong(below(path, "machine"), found.error().message);
    host_group group;
    group.machine = std::move(*found);
    set(group, own);
    return group;
  }

  void set(host_group& group, const host_settings& own) const {
    const auto milli = [](const std::optional<double>& of, const std::optional<double>& of_all) {
      return static_cast<std::int32_t>(std::lround(1000 * of.value_or(of_all.value_or(1))));
    };
    const auto& all = draft_.everywhere;
    group.cpu_overcommit_milli = milli(own.cpu_overcommit, all.cpu_overcommit);
    group.memory_overcommit_milli = milli(own.memory_overcommit, all.memory_overcommit);
    group.hosts_per_rack = racks_of(own);
  }

  [[nodiscard]] std::uint32_t racks_of(const host_settings& own) const {
    return own.hosts_per_rack.value_or(draft_.everywhere.hosts_per_rack.value_or(0));
  }

  result<void> push(const host_entry& entry, host_group&& group, scenario& into) {
    if (!names_.insert(group.name).second && !entry.name.empty())
      return context_.wrong(
          below(entry.path, "name"),
          fmt::format("is {}, like one before: must be a name of its own", group.name));
    hosts_ += group.count;
    if (hosts_ > hosts_max)
      return context_.wrong(entry.path,
                            fmt::format("makes more than {} hosts: must be fewer", hosts_max));
    into.hosts.push_back(std::move(group));
    return {};
  }

  /// `name`, or with a number if a group is called so.
  [[nodiscard]] std::string unused(const std::string& name) const {
    auto made = name;
    for (int i = 2; names_.contains(made); ++i)
      made = fmt::format("{}-{}", name, i);
    return made;
  }

  result<model::host_info> find(const std::string& machine) {
    if (const auto before = machines_.find(machine); before != machines_.end())
      return before->second;
    const auto path = is_machine_path(machine)
                          ? std::filesystem::path{machine}
                          : std::filesystem::path{around_.machines} / (machine + ".yaml");
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored))
      return model::fail(model::errc::not_found, unknown(machine));
    const auto kind = simulated::load_machine(path.string());
    if (!kind)
      return model::fail(kind.error().code, "cannot be read: " + kind.error().message);
    auto info = simulated::describe(simulated::make_host(stem_of(machine), *kind), "");
    return machines_.emplace(machine, std::move(info)).first->second;
  }

  [[nodiscard]] std::string unknown(const std::string& machine) const {
    if (is_machine_path(machine))
      return "is " + machine + ", and there is no such file: must be a description's path";
    std::set<std::string> there;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator{around_.machines, ignored})
      if (entry.path().extension() == ".yaml")
        there.insert(entry.path().stem().string());
    const std::vector<std::string> known{there.begin(), there.end()};
    const auto near = model::nearest_name(machine, std::span<const std::string>{known});
    return fmt::format("is \"{}\": must be {}{}", machine,
                       near ? fmt::format("a machine of the collection, the nearest is {}", *near)
                            : fmt::format("one of {}", fmt::join(known, ", ")),
                       ", or a description's path");
  }

  const reading& context_;
  const study_draft& draft_;
  const scenario_surroundings& around_;
  const std::array<source, 3> all_sources_ = sources();
  std::set<std::string> names_;
  std::vector<std::string> remarks_;
  std::vector<waiting_server> waiting_;
  std::uint64_t hosts_ = 0;
  std::map<std::string, model::host_info> machines_;
};

} // namespace

bool is_machine_path(std::string_view machine) {
  return machine.find('/') != std::string_view::npos || machine.ends_with(".yaml");
}

model::result<void> add_inventory(const reading& context, const study_draft& draft,
                                  const scenario_surroundings& around, study& into) {
  return inventory_builder{context, draft, around}.build(into);
}

std::map<std::string, std::size_t> gpus_of(const std::vector<host_group>& hosts) {
  std::map<std::string, std::size_t> most;
  for (const auto& group : hosts) {
    std::map<std::string, std::size_t> here;
    for (const auto& device : group.machine.devices)
      if (model::is_gpu(device.default_type) && device.unusable_reason.empty())
        ++here[device.model];
    for (const auto& [name, count] : here)
      most[name] = std::max(most[name], count);
  }
  return most;
}

} // namespace berth::sim
