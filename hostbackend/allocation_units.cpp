#include "hostbackend/allocation_units.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>

namespace berth::hostbackend {

using model::pci_address;

namespace {

/// A card: the functions of one device number; a virtual function is a card of its own, though its
/// address may continue the physical function's.
using card_key = std::tuple<std::uint32_t, std::uint8_t, std::uint8_t, int>;
card_key card_of(const function_facts& one) {
  const int own = one.physical_function ? one.address.function : -1;
  return {one.address.domain, one.address.bus, one.address.device, own};
}

using members = std::map<pci_address, const function_facts*>;

/// The functions by address, by card and by group.
class bus_index {
public:
  explicit bus_index(const std::vector<function_facts>& functions) {
    for (const auto& one : functions) {
      by_address_.emplace(one.address, &one);
      if (is_bridge(one)) {
        if (one.kind == port_kind::endpoint)
          ordinary_bridges_[one.iommu_group].push_back(&one);
        continue;
      }
      cards_[card_of(one)].push_back(&one);
      if (one.iommu_group >= 0)
        groups_[one.iommu_group].push_back(&one);
    }
  }

  [[nodiscard]] const members& all() const { return by_address_; }
  [[nodiscard]] const function_facts* find(const pci_address& address) const {
    const auto found = by_address_.find(address);
    return found == by_address_.end() ? nullptr : found->second;
  }
  /// Everything that must move together with `start`, itself included, ascending by address.
  [[nodiscard]] members closure(const function_facts& start) const {
    members unit;
    std::vector<const function_facts*> open{&start};
    while (!open.empty()) {
      const auto* one = open.back();
      open.pop_back();
      if (!unit.emplace(one->address, one).second)
        continue;
      const auto& card = cards_.at(card_of(*one));
      open.insert(open.end(), card.begin(), card.end());
      if (const auto group = groups_.find(one->iommu_group); group != groups_.end())
        open.insert(open.end(), group->second.begin(), group->second.end());
    }
    return unit;
  }
  /// The group's bridges that have an ordinary header, so that VFIO looks at their drivers.
  [[nodiscard]] const std::vector<const function_facts*>& ordinary_bridges(int group) const {
    static const std::vector<const function_facts*> none;
    const auto found = ordinary_bridges_.find(group);
    return group < 0 || found == ordinary_bridges_.end() ? none : found->second;
  }

private:
  members by_address_;
  std::map<card_key, std::vector<const function_facts*>> cards_;
  std::map<int, std::vector<const function_facts*>> groups_;
  std::map<int, std::vector<const function_facts*>> ordinary_bridges_;
};

/// Fills pcie_root and pcie_switch by walking up; at most as many steps as there are functions.
void place(const bus_index& index, const function_facts& function, model::device_info& device) {
  const auto* at = &function;
  std::size_t steps = 0;
  while (at->parent && steps++ < index.all().size()) {
    const auto* above = index.find(*at->parent);
    if (above == nullptr)
      return; // the tree is incomplete: unknown, not guessed
    if (above->kind == port_kind::upstream_port && device.pcie_switch.empty())
      device.pcie_switch = to_string(above->address);
    at = above;
  }
  if (at->parent)
    return;
  const auto address = to_string(at->address);
  device.pcie_root = at == &function ? "pci" + address.substr(0, address.rfind(':')) : address;
}

std::string describe(const function_facts& one) {
  auto text = to_string(one.address) + " (" + class_name(one.class_code);
  if (!one.driver.empty())
    text += ", driver " + one.driver;
  if (!one.in_use.empty())
    text += ", " + one.in_use;
  return text + ")";
}

bool foreign_driver(const function_facts& one) {
  return !(one.driver.empty() || one.driver == "vfio-pci" || one.driver == "pci-stub");
}

/// How the function is offered, if it is.
std::optional<model::dev_type> offered_as(const function_facts& one,
                                          const survey_options& options) {
  const auto holds = [](const auto& list, const auto& value) {
    return std::find(list.begin(), list.end(), value) != list.end();
  };
  if (one.off_bus || is_bridge(one))
    return std::nullopt;
  const bool named = holds(options.offered_ids, one.id);
  if (one.physical_function && !named)
    return std::nullopt;
  if (is_gpu(one))
    return options.disable_gpu ? std::nullopt : std::optional{model::dev_type::gpu_hpc};
  if (named || holds(options.offered_classes, static_cast<std::uint16_t>(one.class_code >> 8U)))
    return model::dev_type::pci;
  return std::nullopt;
}

/// Why nothing that needs this function can be offered, whoever it belongs to; empty = it can.
std::string why_not(const function_facts& one, const survey_options& options) {
  if (one.boot_vga && !options.use_boot_vga)
    return "is the host's boot display (offered only with use_boot_vga)";
  if (one.off_bus)
    return "fell off the bus: its configuration space reads all ones";
  if (!one.fault.empty())
    return "cannot be judged: " + one.fault;
  if (!one.in_use.empty())
    return "is in use by the host: " + one.in_use;
  if (one.virtual_functions > 0)
    return "has " + std::to_string(one.virtual_functions) +
           " virtual functions switched on (sriov_numvfs)";
  return {};
}

using offered_cards = std::map<card_key, const function_facts*>;

std::string why_unusable(const function_facts& asked, const bus_index& index,
                         const offered_cards& offered, const members& unit,
                         const survey_options& options) {
  if (auto why = why_not(asked, options); !why.empty())
    return why;
  if (asked.iommu_group < 0)
    return "no IOMMU group: switch on VT-d or AMD-Vi in the firmware and the kernel";
  for (const auto& [address, member] : unit) {
    const bool foreign = !offered.contains(card_of(*member));
    if (foreign && (foreign_driver(*member) || !member->in_use.empty()))
      return "IOMMU group " + std::to_string(member->iommu_group) + " also holds " +
             describe(*member);
    if (const auto why = why_not(*member, options); !why.empty())
      return "goes together with " + describe(*member) + ", which " + why;
    if (member->iommu_group < 0)
      return "goes together with " + describe(*member) + ", which has no IOMMU group";
    for (const auto* bridge : index.ordinary_bridges(member->iommu_group))
      if (foreign_driver(*bridge))
        return "IOMMU group " + std::to_string(member->iommu_group) + " also holds " +
               describe(*bridge);
  }
  return {};
}

/// One device for each card: its first function that is offered.
offered_cards find_offered(const bus_index& index, const survey_options& options) {
  offered_cards offered;
  for (const auto& [address, one] : index.all())
    if (offered_as(*one, options))
      offered.emplace(card_of(*one), one);
  return offered;
}

/// What goes along with the device, and the name of the unit if other devices do.
void join(const card_key& where, const offered_cards& offered, const members& unit,
          model::device_info& device) {
  std::set<card_key> unit_cards;
  for (const auto& [address, member] : unit)
    if (offered.contains(card_of(*member)))
      unit_cards.insert(card_of(*member));
  if (unit_cards.size() > 1)
    device.allocation_unit = "unit-" + to_string(unit.begin()->first);
  // Members on no offered card go with the first device of the unit.
  const bool first = where == *unit_cards.begin();
  for (const auto& [address, member] : unit) {
    const bool own_card = card_of(*member) == where;
    const bool stray = !offered.contains(card_of(*member));
    if (address != device.address && (own_card || (first && stray)))
      device.companions.push_back(
          {.address = address, .id = member->id, .class_code = member->class_code});
  }
}

} // namespace

std::vector<model::device_info>
survey(const std::vector<function_facts>& functions, const survey_options& options,
       const std::function<device_names(const function_facts&)>& names) {
  std::vector<model::device_info> devices;
  const bus_index index{functions};
  const auto offered = find_offered(index, options);
  for (const auto& [where, asked] : offered) {
    const auto unit = index.closure(*asked);
    const auto named = names(*asked);
    model::device_info device;
    device.address = asked->address;
    device.vendor_device = asked->id;
    device.class_code = asked->class_code;
    device.vendor = named.vendor;
    device.model = named.model;
    device.default_type = *offered_as(*asked, options);
    device.numa_node = asked->numa_node;
    device.iommu_group = asked->iommu_group;
    device.link = asked->link;
    device.bar_sizes = asked->bar_sizes;
    device.reset_methods = asked->reset_methods;
    device.boot_vga = asked->boot_vga;
    place(index, *asked, device);
    join(where, offered, unit, device);
    device.unusable_reason = why_unusable(*asked, index, offered, unit, options);
    devices.push_back(std::move(device));
  }
  std::sort(devices.begin(), devices.end(),
            [](const auto& a, const auto& b) { return a.address < b.address; });
  return devices;
}

} // namespace berth::hostbackend
