#include "hostbackend/simulated/machine.hpp"

#include <algorithm>
#include <bitset>
#include <map>
#include <set>
#include <utility>

#include "hostbackend/allocation_units.hpp"

namespace berth::hostbackend::simulated {

using model::errc;
using model::fail;

namespace {

constexpr std::size_t functions_max = 4096;
constexpr std::uint32_t pci_bridge_class = 0x060400;

/// Numbers what a description leaves open and lists the functions.
class tree_builder {
public:
  explicit tree_builder(const machine_description& description) : described_{description} {}

  model::result<void> run() {
    for (const auto& root : described_.roots)
      if (auto claimed = claim_named_buses(root); !claimed)
        return claimed;
    for (const auto& root : described_.roots) {
      root_ = &root;
      const auto shared = root.acs ? -1 : next_group_++;
      if (auto done = children(root.children, root.bus, nullptr, shared); !done)
        return done;
    }
    return {};
  }

  std::map<model::pci_address, function_facts> functions;
  std::map<model::pci_address, const place*> cards; ///< by the address of function 0

private:
  model::result<void> claim(std::uint32_t domain, std::uint8_t bus) {
    auto& used = buses_[domain];
    if (used.test(bus))
      return fail(errc::invalid_argument, "bus " + bus_text(bus) + " is given twice");
    used.set(bus);
    return {};
  }
  model::result<void> claim_named_buses(const root_complex& root) {
    if (auto done = claim(root.domain, root.bus); !done)
      return done;
    return claim_named_buses(root.domain, root.children);
  }
  model::result<void> claim_named_buses(std::uint32_t domain, const std::vector<place>& places) {
    for (const auto& one : places) {
      if (one.bus)
        if (auto done = claim(domain, *one.bus); !done)
          return done;
      if (auto done = claim_named_buses(domain, one.children); !done)
        return done;
    }
    return {};
  }
  model::result<std::uint8_t> secondary_bus(const place& bridge, std::uint8_t above) {
    if (bridge.bus)
      return *bridge.bus;
    auto& used = buses_[root_->domain];
    for (std::size_t bus = above + 1U; bus < used.size(); ++bus)
      if (!used.test(bus)) {
        used.set(bus);
        return static_cast<std::uint8_t>(bus);
      }
    return fail(errc::invalid_argument, "no bus number is left below bus " + bus_text(above));
  }
  static std::string bus_text(std::uint8_t bus) {
    return to_string(model::pci_address{.domain = 0, .bus = bus, .device = 0, .function = 0})
        .substr(5, 2);
  }

  model::result<void> children(const std::vector<place>& places, std::uint8_t bus,
                               const function_facts* parent, int shared_group) {
    std::map<std::uint8_t, int> slot_groups; // functions of one slot without ACS share a group
    for (const auto& one : places) {
      auto done = one.card ? card(one, bus, parent, shared_group, slot_groups)
                           : bridge(one, bus, parent, shared_group);
      if (!done)
        return done;
    }
    return {};
  }

  model::result<void> add(function_facts facts) {
    if (functions.size() >= functions_max)
      return fail(errc::too_large, "more than " + std::to_string(functions_max) + " functions");
    const auto address = facts.address;
    if (!functions.emplace(address, std::move(facts)).second)
      return fail(errc::invalid_argument, "two functions at " + to_string(address));
    return {};
  }

  function_facts blank(std::uint8_t bus, std::uint8_t device, std::uint8_t function,
                       const function_facts* parent, int group) const {
    function_facts facts;
    facts.address = {.domain = root_->domain, .bus = bus, .device = device, .function = function};
    if (parent != nullptr)
      facts.parent = parent->address;
    facts.numa_node = root_->numa_node;
    facts.iommu_group = described_.iommu ? group : -1;
    return facts;
  }

  model::result<void> bridge(const place& one, std::uint8_t bus, const function_facts* parent,
                             int shared_group) {
    if (!one.acs && shared_group < 0)
      shared_group = next_group_++;
    auto facts = blank(bus, one.device, one.function, parent,
                       shared_group < 0 ? next_group_++ : shared_group);
    if (parent == nullptr)
      facts.kind = port_kind::root_port;
    else
      facts.kind = parent->kind == port_kind::upstream_port ? port_kind::downstream_port
                                                            : port_kind::upstream_port;
    facts.id = one.bridge_id;
    if (facts.id == model::vendor_device_id{}) // AMD Starship GPP bridge; Broadcom PEX880xx
      facts.id = facts.kind == port_kind::root_port ? model::vendor_device_id{0x1022, 0x1483}
                                                    : model::vendor_device_id{0x1000, 0xc010};
    facts.class_code = pci_bridge_class;
    facts.driver = "pcieport";
    facts.link = {.generation = 4, .width = 16};
    const auto below = secondary_bus(one, bus);
    if (!below)
      return tl::unexpected<model::failure>{below.error()};
    if (auto done = add(facts); !done)
      return done;
    return children(one.children, *below, &facts, shared_group);
  }

  model::result<void> card(const place& one, std::uint8_t bus, const function_facts* parent,
                           int shared_group, std::map<std::uint8_t, int>& slot_groups) {
    const auto& kind = described_.cards.at(*one.card);
    if (shared_group < 0) {
      const auto [group, is_new] = slot_groups.emplace(one.device, next_group_);
      next_group_ += is_new ? 1 : 0;
      shared_group = group->second;
    }
    for (std::size_t i = 0; i < kind.functions.size(); ++i) {
      const auto& function = kind.functions[i];
      const auto number = one.function + i;
      if (number > 7)
        return fail(errc::invalid_argument,
                    "card " + kind.name + " has more functions than fit at " +
                        std::to_string(one.device) + "." + std::to_string(one.function));
      auto facts = blank(bus, one.device, static_cast<std::uint8_t>(number), parent, shared_group);
      facts.id = function.id;
      facts.class_code = function.class_code;
      facts.bar_sizes = function.bar_sizes;
      facts.driver = i == 0 && one.driver ? *one.driver : function.driver;
      facts.link = kind.link;
      facts.boot_vga = one.boot_vga && i == 0;
      if (i == 0 && !one.interface.empty())
        facts.in_use = "network interface " + one.interface + " is up";
      facts.reset_methods = kind.reset_methods;
      if (i == 0)
        cards.emplace(facts.address, &one);
      if (auto done = add(std::move(facts)); !done)
        return done;
    }
    return {};
  }

  const machine_description& described_;
  const root_complex* root_ = nullptr;
  std::map<std::uint32_t, std::bitset<256>> buses_;
  int next_group_ = 0;
};

model::result<void> check_partitions(const machine& one) {
  std::set<std::pair<std::string, int>> modules;
  for (const auto& device : one.devices)
    if (!device.fabric.empty() && !modules.emplace(device.fabric, device.fabric_module).second)
      return fail(errc::invalid_argument, "fabric " + device.fabric + " has module " +
                                              std::to_string(device.fabric_module) + " twice");
  for (const auto& partition : one.partitions)
    for (const int module : partition.modules)
      if (!modules.contains({partition.fabric, module}))
        return fail(errc::invalid_argument,
                    "partition " + std::to_string(partition.id) + " of fabric " + partition.fabric +
                        " names module " + std::to_string(module) + ", which no device has");
  return {};
}

} // namespace

model::result<std::shared_ptr<const machine>> build(const machine_description& description) {
  tree_builder tree{description};
  if (auto done = tree.run(); !done)
    return tl::unexpected<model::failure>{done.error()};
  auto built = std::make_shared<machine>();
  built->product = description.product;
  built->host = description.host;
  built->capacity = description.capacity;
  built->numa_nodes = description.numa_nodes;
  built->hot_plug = description.hot_plug;
  built->cards = description.cards;
  built->partitions = description.partitions;
  for (auto& [address, facts] : tree.functions)
    built->functions.push_back(std::move(facts));
  const auto names = [&description](const function_facts& function) -> device_names {
    for (const auto& kind : description.cards)
      for (const auto& one : kind.functions)
        if (one.id == function.id)
          return {.vendor = kind.vendor, .model = kind.model};
    return {};
  };
  built->devices = survey(built->functions, {}, names);
  std::set<model::device_id> fixed;
  for (auto& device : built->devices) {
    const auto found = tree.cards.find(device.address);
    if (found == tree.cards.end())
      continue;
    const auto& where = *found->second;
    if (where.id && !fixed.insert(*where.id).second)
      return fail(errc::invalid_argument, "two devices have the id " + to_string(*where.id));
    device.id = where.id.value_or(model::device_id{});
    device.fabric = where.fabric;
    device.fabric_module = where.module;
  }
  if (auto done = check_partitions(*built); !done)
    return tl::unexpected<model::failure>{done.error()};
  return built;
}

simulated_host make_host(std::string name, std::shared_ptr<const machine> kind) {
  const auto id = kind->host.value_or(derive_host_id(name));
  const auto capacity = kind->capacity;
  return {.name = std::move(name), .id = id, .kind = std::move(kind), .capacity = capacity};
}

model::device_id device_id_of(const simulated_host& host, std::size_t index) {
  const auto& device = host.kind->devices.at(index);
  return device.id.is_nil() ? derive_device_id(host.id, device.vendor_device, device.address)
                            : device.id;
}

model::host_info describe(const simulated_host& host, const std::string& agent_version) {
  model::host_info info;
  info.id = host.id;
  info.name = host.name;
  info.machine = host.kind->product;
  info.agent_version = agent_version;
  info.capacity = host.capacity;
  info.numa_nodes = host.kind->numa_nodes;
  info.devices = host.kind->devices;
  for (std::size_t i = 0; i < info.devices.size(); ++i)
    info.devices[i].id = device_id_of(host, i);
  info.partitions = host.kind->partitions;
  info.hot_plug = host.kind->hot_plug;
  return info;
}

} // namespace berth::hostbackend::simulated
