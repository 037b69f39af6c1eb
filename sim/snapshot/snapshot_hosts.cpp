#include "sim/snapshot/snapshot_hosts.hpp"

#include <algorithm>
#include <utility>

namespace berth::sim {

namespace {

// --- Reading

model::device_info read_device(const json_node& from) {
  model::device_info device;
  const auto address = model::pci_address::parse(from.text("pci_address", text_max));
  if (!address)
    from.refuse("pci_address", "must be a PCI address such as 0000:41:00.0");
  device.address = address.value_or(model::pci_address{});
  const auto ids = model::vendor_device_id::parse(from.text("vendor_device_id", text_max));
  if (!ids)
    from.refuse("vendor_device_id", "must be four hexadecimal digits twice, such as 10de:2330");
  device.vendor_device = ids.value_or(model::vendor_device_id{});
  device.vendor = from.text_or_empty("vendor", text_max);
  device.model = from.text("model", text_max);
  const auto type = model::parse_dev_type(from.text("dev_type", text_max));
  if (!type)
    from.refuse("dev_type", "must be GPU-HPC, GPU-VGA or PCI");
  device.default_type = type.value_or(model::dev_type::pci);
  constexpr std::int64_t node_max = 1'023;
  if (from.has("numa_node"))
    device.numa_node = static_cast<int>(from.number("numa_node", 0, node_max));
  device.pcie_root = from.text_or_empty("pcie_root", text_max);
  device.pcie_switch = from.text_or_empty("pcie_switch", text_max);
  device.fabric = from.text_or_empty("fabric", text_max);
  if (from.has("fabric_module"))
    device.fabric_module = static_cast<int>(from.number("fabric_module", 0, INT32_MAX));
  device.allocation_unit = from.text_or_empty("allocation_unit", text_max);
  return device;
}

std::vector<model::fabric_partition> read_partitions(const json_node& machine) {
  constexpr std::size_t partitions_max = 4'096;
  std::vector<model::fabric_partition> partitions;
  const auto list = machine.list("fabric_partitions", partitions_max);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto from = list.item(i);
    auto& made = partitions.emplace_back();
    made.fabric = from.text("fabric", text_max);
    made.id = static_cast<int>(from.number("id", INT32_MIN, INT32_MAX));
    const auto modules = from.list("modules", devices_max);
    for (std::size_t n = 0; n < modules.size(); ++n)
      made.modules.push_back(static_cast<int>(modules.number_at(n, 0, INT32_MAX)));
  }
  return partitions;
}

} // namespace

std::vector<described_machine> read_machines(const json_node& root) {
  std::vector<described_machine> machines;
  const auto list = root.list("machines", machines_max);
  constexpr std::int64_t nodes_max = 1'024;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto from = list.item(i);
    auto& made = machines.emplace_back();
    made.info.machine = from.text_or_empty("name", text_max);
    made.info.capacity = from.amount("capacity", amount_max);
    made.info.numa_nodes = static_cast<int>(from.number("numa_nodes", 0, nodes_max));
    made.info.partitions = read_partitions(from);
    const auto devices = from.list("devices", devices_max);
    for (std::size_t n = 0; n < devices.size(); ++n) {
      const auto device = devices.item(n);
      made.info.devices.push_back(read_device(device));
      made.reserves.push_back(device.amount("reserve", amount_max));
      const auto& all = made.info.devices;
      // Equal: a device that is gone, and another in its slot.
      if (n > 0 && all[n].address < all[n - 1].address)
        device.refuse("pci_address", "must not be before that of the device before it");
    }
  }
  return machines;
}

std::vector<described_host> read_hosts(const json_node& root,
                                       const std::vector<described_machine>& machines) {
  std::vector<described_host> hosts;
  const auto list = root.list("hosts", hosts_max);
  constexpr std::int64_t overcommit_max = 1'000'000;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto from = list.item(i);
    auto& made = hosts.emplace_back();
    made.name = from.text("name", text_max);
    if (machines.empty()) {
      from.refuse("machine", "names a machine, but there are none");
      return hosts;
    }
    made.machine = static_cast<std::size_t>(
        from.number("machine", 0, static_cast<std::int64_t>(machines.size()) - 1));
    const auto status = from.text("status", text_max);
    if (!model::parse_host_status(status))
      from.refuse("status", "must be online or offline");
    made.online = status == "online";
    made.closed = !from.truth("enabled") || from.truth("maintenance");
    made.tagged = from.list("tags", text_max).size() > 0;
    made.reserve = from.amount("reserve", amount_max);
    made.cpu_overcommit_milli =
        static_cast<std::int32_t>(from.number("cpu_overcommit", 1, overcommit_max));
    made.memory_overcommit_milli =
        static_cast<std::int32_t>(from.number("memory_overcommit", 1, overcommit_max));
    const auto broken = from.list("out_of_service", devices_max);
    const auto devices = machines[made.machine].info.devices.size();
    for (std::size_t n = 0; n < broken.size(); ++n) {
      const auto device = broken.item(n);
      if (devices == 0)
        device.refuse("device", "names a device, but the machine has none");
      else
        made.out_of_service.insert(static_cast<std::uint32_t>(
            device.number("device", 0, static_cast<std::int64_t>(devices) - 1)));
    }
  }
  return hosts;
}

// --- Grouping

namespace {

/// What makes two hosts one group.
using make = std::tuple<std::size_t, std::set<std::uint32_t>, std::int64_t, std::int64_t,
                        std::int64_t, std::int32_t, std::int32_t>;

/// Devices that are not there for the simulation: out of service and in nobody's hands, with all
/// that can only be given away together with them.
std::set<std::uint32_t> missing_devices(const described_machine& machine,
                                        const described_host& host) {
  std::set<std::uint32_t> missing;
  const auto& devices = machine.info.devices;
  for (const auto broken : host.out_of_service) {
    const auto& unit = devices[broken].allocation_unit;
    for (std::uint32_t i = 0; i < devices.size(); ++i)
      if (i == broken || (!unit.empty() && devices[i].allocation_unit == unit))
        missing.insert(i);
  }
  std::erase_if(missing, [&host](std::uint32_t device) { return host.held.contains(device); });
  return missing;
}

/// Capacity of which the overcommit gives what is left beside the host's own reserve.
std::int64_t without(std::int64_t capacity, std::int64_t reserve, std::int32_t overcommit_milli) {
  const auto whole = reserve / overcommit_milli * 1000;
  const auto rest = (reserve % overcommit_milli * 1000 + overcommit_milli - 1) / overcommit_milli;
  return std::max<std::int64_t>(0, capacity - whole - rest);
}

/// What each GPU keeps aside: one amount for all of a group. True: they differed, and it is the
/// mean, rounded up.
bool set_reserve(host_group& group, const described_machine& machine,
                 const std::set<std::uint32_t>& missing) {
  model::resources sum;
  std::int64_t gpus = 0;
  bool differ = false;
  std::optional<model::resources> first;
  for (std::uint32_t i = 0; i < machine.reserves.size(); ++i) {
    if (missing.contains(i) || !model::is_gpu(machine.info.devices[i].default_type))
      continue;
    sum += machine.reserves[i];
    ++gpus;
    differ = differ || (first && !(*first == machine.reserves[i]));
    first = first.value_or(machine.reserves[i]);
  }
  if (gpus > 0)
    group.reserve_per_gpu = {(sum.cpus + gpus - 1) / gpus, (sum.memory_mib + gpus - 1) / gpus,
                             (sum.storage_mib + gpus - 1) / gpus};
  return differ;
}

/// The machine without what is missing; returns where each device went.
std::vector<std::optional<std::uint32_t>> strip(model::host_info& machine,
                                                const std::set<std::uint32_t>& missing) {
  std::vector<std::optional<std::uint32_t>> places;
  std::vector<model::device_info> left;
  for (std::uint32_t i = 0; i < machine.devices.size(); ++i) {
    if (missing.contains(i)) {
      places.emplace_back();
      continue;
    }
    places.emplace_back(static_cast<std::uint32_t>(left.size()));
    left.push_back(std::move(machine.devices[i]));
  }
  machine.devices = std::move(left);
  return places;
}

/// Groups' names: their machine's, with a number from the second of that name on.
class group_names {
public:
  std::string next(const model::host_info& machine) {
    const auto plain = machine.machine.empty() ? std::string{"host"} : machine.machine;
    auto name = plain;
    for (auto& number = given_[plain]; !taken_.insert(name).second;)
      name = plain + "-" + std::to_string(++number + 1);
    return name;
  }

private:
  std::map<std::string, int> given_; ///< numbers, by the name before them
  std::set<std::string> taken_;
};

struct tally {
  std::size_t closed = 0;
  std::size_t offline = 0;
  std::size_t tagged = 0;
  std::size_t missing = 0;
  std::size_t healed = 0;
  std::size_t uneven = 0;
};

std::vector<std::string> remarks_of(const tally& seen, bool with_closed) {
  std::vector<std::string> remarks;
  const auto add = [&remarks](std::size_t count, const std::string& what) {
    if (count > 0)
      remarks.push_back(std::to_string(count) + " " + what);
  };
  add(seen.closed, with_closed ? "hosts that are disabled or in maintenance count as open"
                               : "hosts that are disabled or in maintenance are left out with "
                                 "their servers");
  add(seen.offline, "hosts that are offline count as being there");
  add(seen.missing, "devices out of service are left out, with what goes only together with them");
  add(seen.healed, "devices out of service that servers have count as good once those end");
  add(seen.tagged, "hosts have tags, which nobody asks for here");
  add(seen.uneven, "groups of hosts keep unequal reserves for their GPUs: each GPU has the mean");
  return remarks;
}

} // namespace

grouped_hosts group_hosts(const std::vector<described_machine>& machines,
                          const std::vector<described_host>& hosts, bool with_closed) {
  grouped_hosts made;
  made.numbers.resize(hosts.size());
  made.devices.resize(hosts.size());
  tally seen;
  group_names names;
  std::map<make, std::size_t> known;
  std::vector<std::vector<std::size_t>> members; // hosts of the document, by group
  for (std::size_t i = 0; i < hosts.size(); ++i) {
    const auto& host = hosts[i];
    seen.closed += host.closed ? 1U : 0U;
    if (host.closed && !with_closed)
      continue;
    seen.offline += host.online ? 0U : 1U;
    seen.tagged += host.tagged ? 1U : 0U;
    const auto& machine = machines[host.machine];
    const auto missing = missing_devices(machine, host);
    seen.missing += missing.size();
    seen.healed += static_cast<std::size_t>(std::ranges::count_if(
        host.out_of_service, [&host](std::uint32_t device) { return host.held.contains(device); }));
    const auto [kind, fresh] = known.try_emplace(
        make{host.machine, missing, host.reserve.cpus, host.reserve.memory_mib,
             host.reserve.storage_mib, host.cpu_overcommit_milli, host.memory_overcommit_milli},
        made.groups.size());
    auto whole = machine.info;
    made.devices[i] = strip(whole, missing);
    if (fresh) {
      auto& group = made.groups.emplace_back();
      members.emplace_back();
      group.name = names.next(whole);
      group.machine = std::move(whole);
      auto& has = group.machine.capacity;
      has.cpus = without(has.cpus, host.reserve.cpus, host.cpu_overcommit_milli);
      has.memory_mib =
          without(has.memory_mib, host.reserve.memory_mib, host.memory_overcommit_milli);
      has.storage_mib = std::max<std::int64_t>(0, has.storage_mib - host.reserve.storage_mib);
      group.cpu_overcommit_milli = host.cpu_overcommit_milli;
      group.memory_overcommit_milli = host.memory_overcommit_milli;
      seen.uneven += set_reserve(group, machine, missing) ? 1U : 0U;
    }
    ++made.groups[kind->second].count;
    members[kind->second].push_back(i);
  }
  std::uint32_t number = 0;
  for (const auto& group : members)
    for (const auto host : group)
      made.numbers[host] = number++;
  made.remarks = remarks_of(seen, with_closed);
  return made;
}

} // namespace berth::sim
