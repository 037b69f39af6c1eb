#include "hostbackend/linux/domain_xml.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "hostbackend/linux/domain_metadata.hpp"
#include "hostbackend/linux/guest_devices.hpp"
#include "hostbackend/linux/seed_image.hpp"
#include "hostbackend/linux/xml_writer.hpp"
#include "model/pci_address.hpp"
#include "model/server.hpp"

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;
using model::result;

namespace {

constexpr int functions_per_slot = 8;
constexpr int spare_ports_max = 16;
constexpr int buses = 256;

/// A locally administered unicast address that stays the server's (IEEE 802, bits 1 and 0 of the
/// first byte).
std::string mac_address(const model::server_id& server, std::size_t network) {
  auto bytes = model::uuid::derive(server.value, "nic" + std::to_string(network)).bytes();
  std::array<unsigned, 6> address{};
  for (std::size_t i = 0; i < address.size(); ++i)
    address[i] = bytes[i];
  address[0] = (address[0] & 0xfcU) | 0x02U;
  std::string text;
  for (const auto byte : address) {
    text += (text.empty() ? "" : ":");
    text += "0123456789abcdef"[byte >> 4U];
    text += "0123456789abcdef"[byte & 0xfU];
  }
  return text;
}

/// Writes one domain, part by part in the order of libvirt's documentation.
class domain_writer {
public:
  domain_writer(const domain_settings& settings, const model::desired_server& server,
                std::vector<guest_device> devices, const server_files& files,
                std::uint64_t spare_window)
      : settings_{settings}, server_{server}, spec_{*server.spec}, devices_{std::move(devices)},
        files_{files}, windows_{spec_.os == "windows"}, kvm_{settings.by == accelerator::kvm},
        serial_seed_{!windows_ && spec_.user_data.empty()}, spare_window_{spare_window} {
    const auto infos = device_infos();
    layout_ = lay_out_memory(settings.numa, infos, spec_.vcpus, spec_.memory_mib);
    const auto ports = static_cast<std::uint64_t>(settings.spare_root_ports);
    mmio_window_ = mmio_window(infos, ports * spare_window_);
  }

  std::string write() && {
    xml_.open("domain", {{"type", kvm_ ? "kvm" : "qemu"},
                         {"xmlns:qemu", "http://libvirt.org/schemas/domain/qemu/1.0"}});
    identity();
    memory();
    processors();
    firmware();
    features();
    cpu_model();
    clock();
    xml_.text("on_poweroff", "destroy").text("on_reboot", "restart").text("on_crash", "destroy");
    devices();
    qemu_extras();
    xml_.close();
    return std::move(xml_).take();
  }

private:
  [[nodiscard]] std::vector<model::device_info> device_infos() const {
    std::vector<model::device_info> infos;
    for (const auto& one : devices_)
      infos.push_back(*one.info);
    return infos;
  }
  [[nodiscard]] const guest_device* primary_display() const {
    const auto found = std::find_if(devices_.begin(), devices_.end(), [](const auto& one) {
      return one.attachment.type == model::dev_type::gpu_vga;
    });
    return found == devices_.end() ? nullptr : &*found;
  }
  [[nodiscard]] bool has_gpu() const {
    return std::any_of(devices_.begin(), devices_.end(),
                       [](const auto& one) { return is_gpu(one.attachment.type); });
  }

  void identity() {
    domain_note note{server_.id, spec_.name, spec_.project, server_.restarts, {}};
    for (const auto& one : devices_)
      note.devices.push_back({one.attachment, one.info->address});
    xml_.text("name", domain_name(server_.id))
        .text("uuid", to_string(server_.id))
        .text("title", spec_.name)
        .open("metadata");
    write_note(xml_, note);
    xml_.close();
  }

  // libvirt raises QEMU's memlock limit by itself for a domain with PCI devices; a hard_limit here
  // would replace that.
  void memory() {
    xml_.text("memory", std::to_string(spec_.memory_mib), {{"unit", "MiB"}});
    if (settings_.hugepage_kib > 0)
      xml_.open("memoryBacking")
          .open("hugepages")
          .empty("page", {{"size", std::to_string(settings_.hugepage_kib)}, {"unit", "KiB"}})
          .close()
          .close();
  }

  void processors() {
    xml_.text("vcpu", std::to_string(spec_.vcpus), {{"placement", "static"}});
    if (layout_.near.empty())
      return;
    xml_.open("cputune");
    for (std::int64_t vcpu = 0; vcpu < spec_.vcpus; ++vcpu)
      xml_.empty("vcpupin", {{"vcpu", std::to_string(vcpu)}, {"cpuset", cpus_of(vcpu)}});
    xml_.empty("emulatorpin", {{"cpuset", joined(&numa_node::cpus)}}).close();
    memory_placement();
  }
  [[nodiscard]] std::string cpus_of(std::int64_t vcpu) const {
    for (const auto& cell : layout_.cells)
      if (vcpu < cell.first_vcpu + cell.vcpus)
        return cell.host.cpus;
    return joined(&numa_node::cpus);
  }
  [[nodiscard]] std::string joined(std::string numa_node::*member) const {
    std::string all;
    for (const auto& node : layout_.near)
      all += (all.empty() ? "" : ",") + node.*member;
    return all;
  }
  // `preferred`: near if there is room, else elsewhere; `strict` would let the kernel end the guest
  // when the node runs out of memory.
  void memory_placement() {
    if (layout_.cells.empty() && layout_.near.size() > 1)
      return;
    xml_.open("numatune");
    if (layout_.cells.empty())
      xml_.empty("memory",
                 {{"mode", "preferred"}, {"nodeset", std::to_string(layout_.near.front().id)}});
    for (std::size_t i = 0; i < layout_.cells.size(); ++i)
      xml_.empty("memnode", {{"cellid", std::to_string(i)},
                             {"mode", "preferred"},
                             {"nodeset", std::to_string(layout_.cells[i].host.id)}});
    xml_.close();
  }

  void firmware() {
    const bool uefi = spec_.boot == model::firmware::uefi;
    if (serial_seed_)
      serial_seed();
    xml_.open("os").text("type", "hvm", {{"arch", "x86_64"}, {"machine", settings_.machine_type}});
    if (uefi)
      xml_.text("loader", settings_.uefi_code, {{"readonly", "yes"}, {"type", "pflash"}})
          .empty("nvram", {{"template", settings_.uefi_variables}});
    xml_.empty("boot", {{"dev", "hd"}});
    if (serial_seed_)
      xml_.empty("smbios", {{"mode", "sysinfo"}});
    xml_.close();
  }
  /// cloud-init's NoCloud source takes the host's name and the instance's id from the system's
  /// serial number: no medium is needed (docs.cloud-init.io, NoCloud, DMI). Not beside a medium: a
  /// serial number makes cloud-init read user data before there is a network, too early for what
  /// includes something from elsewhere.
  void serial_seed() {
    xml_.open("sysinfo", {{"type", "smbios"}})
        .open("system")
        .text("entry", "ds=nocloud;h=" + guest_host_name(server_) + ";i=" + to_string(server_.id),
              {{"name", "serial"}})
        .close()
        .close();
  }

  void features() {
    xml_.open("features").empty("acpi").empty("apic");
    if (kvm_ && windows_)
      hyperv_features();
    // Consumer GPUs' drivers refuse to start when they see a hypervisor.
    if (kvm_ && has_gpu() && !windows_)
      xml_.open("kvm").empty("hidden", {{"state", "on"}}).close();
    xml_.close();
  }
  void hyperv_features() {
    xml_.open("hyperv");
    for (const auto* const name : {"relaxed", "vapic"})
      xml_.empty(name, {{"state", "on"}});
    xml_.empty("spinlocks", {{"state", "on"}, {"retries", "8191"}});
    for (const auto* const name : {"vpindex", "runtime", "synic", "stimer"})
      xml_.empty(name, {{"state", "on"}});
    xml_.close();
  }

  void clock() {
    xml_.open("clock", {{"offset", windows_ ? "localtime" : "utc"}});
    if (kvm_ && windows_)
      xml_.empty("timer", {{"name", "hypervclock"}, {"present", "yes"}}); // stimer needs it
    xml_.close();
  }

  void cpu_model() {
    xml_.open("cpu", {{"mode", kvm_ ? "host-passthrough" : "maximum"}});
    if (kvm_)
      // Else the guest has 40 address bits, too few for the BARs of several large GPUs.
      xml_.empty("maxphysaddr", {{"mode", "passthrough"}});
    if (kvm_ && windows_ && has_gpu())
      xml_.empty("feature", {{"policy", "disable"}, {"name", "hypervisor"}});
    if (!layout_.cells.empty())
      guest_nodes();
    xml_.close();
  }
  void guest_nodes() {
    xml_.open("numa");
    for (std::size_t i = 0; i < layout_.cells.size(); ++i) {
      const auto& cell = layout_.cells[i];
      const auto last = cell.first_vcpu + cell.vcpus - 1;
      xml_.empty("cell", {{"id", std::to_string(i)},
                          {"cpus", std::to_string(cell.first_vcpu) + "-" + std::to_string(last)},
                          {"memory", std::to_string(cell.memory_mib)},
                          {"unit", "MiB"}});
    }
    xml_.close();
  }

  void devices() {
    xml_.open("devices");
    if (!settings_.emulator.empty())
      xml_.text("emulator", settings_.emulator);
    xml_.empty("controller", {{"type", "usb"}, {"model", "none"}});
    pci_root();
    expander_buses();
    for (std::size_t i = 0; i < devices_.size(); ++i)
      host_device(i);
    for (std::size_t i = 0; i < files_.disks.size(); ++i)
      disk(i);
    if (!files_.seed.empty())
      seed_medium();
    for (std::size_t i = 0; i < spec_.networks.size(); ++i)
      network(i);
    for (int i = 0; i < settings_.spare_root_ports; ++i)
      spare_ports_.push_back("pci." + root_port());
    serial_console();
    display();
    xml_.empty("memballoon", {{"model", "none"}}); // pages given to a device cannot be taken back
    xml_.close();
  }

  void pci_root() {
    xml_.open("controller", {{"type", "pci"}, {"index", "0"}, {"model", "pcie-root"}});
    if (mmio_window_ > 0)
      xml_.text("pcihole64", std::to_string(mmio_window_ >> 10U), {{"unit", "KiB"}});
    xml_.close();
  }

  [[nodiscard]] static int ports_of(const guest_device& device) {
    const auto functions = static_cast<int>(device.functions.size());
    return (functions + functions_per_slot - 1) / functions_per_slot;
  }
  /// The guest's own node of a device; nullopt = the guest has none.
  [[nodiscard]] std::optional<std::size_t> cell_of(const guest_device& device) const {
    for (std::size_t i = 0; i < layout_.cells.size(); ++i)
      if (layout_.cells[i].host.id == device.info->numa_node)
        return i;
    return std::nullopt;
  }
  /// One host bridge per guest node. An expander's bus numbers reach up to the next one's: the last
  /// is counted down from the end, with a bus for each of its ports.
  void expander_buses() {
    std::vector<int> first_bus(layout_.cells.size());
    int free = buses - 1;
    for (std::size_t i = layout_.cells.size(); i-- > 0;) {
      free -= 1;
      for (const auto& one : devices_)
        free -= cell_of(one) == i ? ports_of(one) : 0;
      first_bus[i] = free;
    }
    for (std::size_t i = 0; i < layout_.cells.size(); ++i)
      xml_.open("controller", {{"type", "pci"},
                               {"index", std::to_string(next_bus_++)},
                               {"model", "pcie-expander-bus"}})
          .empty("model", {{"name", "pxb-pcie"}})
          .open("target", {{"busNr", std::to_string(first_bus[i])}})
          .text("node", std::to_string(i))
          .close()
          .close();
    expander_slots_.assign(layout_.cells.size(), 0);
  }

  /// A root port below the root complex, or below the expander of a cell; gives its bus.
  std::string root_port(std::optional<std::size_t> cell = std::nullopt) {
    auto bus = std::to_string(next_bus_++);
    xml_.open("controller", {{"type", "pci"}, {"index", bus}, {"model", "pcie-root-port"}});
    if (cell)
      xml_.empty("address", {{"type", "pci"},
                             {"bus", std::to_string(1 + *cell)}, // expanders have the first indices
                             {"slot", std::to_string(expander_slots_[*cell]++)}});
    xml_.close();
    return bus;
  }
  void port_address(const std::string& bus) {
    xml_.empty("address", {{"type", "pci"}, {"bus", bus}, {"slot", "0"}});
  }

  void host_device(std::size_t index) {
    const auto& device = devices_[index];
    std::string bus;
    for (std::size_t i = 0; i < device.functions.size(); ++i) {
      const auto function = i % functions_per_slot;
      if (function == 0)
        bus = root_port(cell_of(device));
      write_function(xml_, device.functions[i],
                     {.alias = alias_of(device.attachment.device, i),
                      .bus = bus,
                      .function = function,
                      .multifunction = function == 0 && i + 1 < device.functions.size()});
    }
  }
  // A path, not a pool and volume: virt-aa-helper, which writes a domain's AppArmor rules, knows
  // nothing of pools (gitlab.com/libvirt/libvirt, issue 546).
  void disk(std::size_t index) {
    const auto& file = files_.disks[index];
    const auto bus = root_port();
    xml_.open("disk", {{"type", "file"}, {"device", "disk"}})
        .empty("driver", {{"name", "qemu"}, {"type", "qcow2"}, {"discard", "unmap"}})
        .empty("source", {{"file", file.path}});
    backing_store(file.backing);
    xml_.empty("target", {{"dev", disk_target(index)}, {"bus", "virtio"}});
    port_address(bus);
    xml_.close();
  }
  // Said with its end, so that nobody looks into the files for what is below: virt-aa-helper's own
  // profile lets it read few, and one that it cannot read gets no rule.
  void backing_store(const std::optional<backing_file>& file) {
    if (file)
      xml_.open("backingStore", {{"type", "file"}})
          .empty("format", {{"type", file->format}})
          .empty("source", {{"file", file->path}});
    xml_.empty("backingStore");
    if (file)
      xml_.close();
  }
  /// `vda` ... `vdz`, `vdaa` ...
  static std::string disk_target(std::size_t index) {
    std::string letters;
    for (auto rest = index + 1; rest > 0; rest = (rest - 1) / 26)
      letters.insert(letters.begin(), static_cast<char>('a' + (rest - 1) % 26));
    return "vd" + letters;
  }

  /// On q35's own SATA controller.
  void seed_medium() {
    xml_.open("disk", {{"type", "file"}, {"device", "cdrom"}})
        .empty("driver", {{"name", "qemu"}, {"type", "raw"}})
        .empty("source", {{"file", files_.seed}})
        .empty("target", {{"dev", "sda"}, {"bus", "sata"}})
        .empty("readonly")
        .close();
  }

  void network(std::size_t index) {
    const auto& source = settings_.networks.at(spec_.networks[index]);
    const bool bridge = source.how == network_source::kind::bridge;
    const auto bus = root_port();
    xml_.open("interface", {{"type", bridge ? "bridge" : "network"}})
        .empty("mac", {{"address", mac_address(server_.id, index)}})
        .empty("source", {{bridge ? "bridge" : "network", source.name}})
        .empty("model", {{"type", "virtio"}});
    port_address(bus);
    xml_.close();
  }

  void serial_console() {
    xml_.open("serial", {{"type", "pty"}});
    if (!settings_.serial_log_directory.empty())
      xml_.empty("log",
                 {{"file", settings_.serial_log_directory + "/" + to_string(server_.id) + ".log"},
                  {"append", "on"}});
    xml_.empty("target", {{"type", "isa-serial"}, {"port", "0"}}).close();
  }

  void display() {
    if (primary_display() != nullptr) {
      xml_.open("video").empty("model", {{"type", "none"}}).close();
      return;
    }
    xml_.open("graphics", {{"type", "vnc"}}).empty("listen", {{"type", "socket"}}).close();
    xml_.open("video").empty("model", {{"type", "vga"}}).close();
  }

  void qemu_extras() {
    overrides();
    const auto arguments = qemu_arguments();
    if (arguments.empty())
      return;
    xml_.open("qemu:commandline");
    for (const auto& argument : arguments)
      xml_.empty("qemu:arg", {{"value", argument}});
    xml_.close();
  }
  // libvirt has no element for vfio's x-vga, nor for what firmware shall keep free behind a root
  // port (QEMU, docs/pcie_pci_bridge.txt: a port's window cannot grow once the guest runs).
  void overrides() {
    const auto* const gpu = primary_display();
    if (gpu == nullptr && spare_ports_.empty())
      return;
    xml_.open("qemu:override");
    if (gpu != nullptr)
      override_property(alias_of(gpu->attachment.device, 0), "x-vga", "bool", "true");
    for (const auto& port : spare_ports_)
      override_property(port, "pref64-reserve", "unsigned", std::to_string(spare_window_));
    xml_.close();
  }
  void override_property(const std::string& alias, const char* name, const char* type,
                         const std::string& value) {
    xml_.open("qemu:device", {{"alias", alias}})
        .open("qemu:frontend")
        .empty("qemu:property", {{"name", name}, {"type", type}, {"value", value}})
        .close()
        .close();
  }
  [[nodiscard]] std::vector<std::string> qemu_arguments() const {
    std::vector<std::string> arguments;
    // OVMF reads the size of its 64-bit MMIO aperture from here, in MiB. libvirt's own element for
    // fw_cfg refuses names below opt/ovmf/.
    if (spec_.boot == model::firmware::uefi && mmio_window_ > 0)
      arguments = {"-fw_cfg",
                   "name=opt/ovmf/X-PciMmio64Mb,string=" + std::to_string(mmio_window_ >> 20U)};
    arguments.insert(arguments.end(), spec_.qemu_arguments.begin(), spec_.qemu_arguments.end());
    return arguments;
  }

  const domain_settings& settings_;
  const model::desired_server& server_;
  const model::server_spec& spec_;
  std::vector<guest_device> devices_;
  const server_files& files_;
  bool windows_;
  bool kvm_;
  bool serial_seed_;           ///< cloud-init learns what it needs from the serial number
  std::uint64_t spare_window_; ///< bytes behind each spare root port
  std::vector<std::string> spare_ports_;
  memory_layout layout_;
  std::uint64_t mmio_window_ = 0;
  int next_bus_ = 1; ///< index of the next PCI controller
  std::vector<int> expander_slots_;
  xml_writer xml_;
};

result<void> check_networks(const domain_settings& settings, const model::server_spec& spec) {
  for (const auto& name : spec.networks)
    if (!settings.networks.contains(name))
      return fail(errc::invalid_argument,
                  "network '" + name +
                      "' is not configured on this host: name one of its networks");
  return {};
}

result<void> check_hugepages(const domain_settings& settings, const model::server_spec& spec) {
  if (settings.hugepage_kib <= 0 || spec.memory_mib * 1024 % settings.hugepage_kib == 0)
    return {};
  return fail(errc::invalid_argument, "memory_mib is " + std::to_string(spec.memory_mib) +
                                          ": must be a multiple of this host's huge pages of " +
                                          std::to_string(settings.hugepage_kib) + " KiB");
}

result<void> check_settings(const domain_settings& settings) {
  if (settings.spare_root_ports >= 0 && settings.spare_root_ports <= spare_ports_max)
    return {};
  return fail(errc::invalid_argument, "spare_root_ports is " +
                                          std::to_string(settings.spare_root_ports) +
                                          ": must be 0 to " + std::to_string(spare_ports_max));
}

result<void> check_arguments(const domain_settings& settings, const model::server_spec& spec) {
  if (spec.qemu_arguments.empty() || settings.allow_qemu_arguments)
    return {};
  return fail(errc::invalid_argument,
              "server " + spec.name +
                  " brings QEMU arguments, which this host does not allow: create it without "
                  "them, or set servers.qemu_arguments in the host's configuration");
}

/// All that domain_xml() refuses, and the server's devices.
result<std::vector<guest_device>> check_and_find(const domain_settings& settings,
                                                 const model::desired_server& server,
                                                 const std::vector<model::device_info>& devices) {
  const auto& spec = *server.spec;
  for (const auto& checked :
       {check_settings(settings), validate(spec), check_networks(settings, spec),
        check_hugepages(settings, spec), check_arguments(settings, spec)})
    if (!checked)
      return tl::unexpected{checked.error()};
  return guest_devices_of(server, devices);
}

} // namespace

std::string volume_prefix(const model::server_id& server) {
  return to_string(server) + "-";
}

std::string volume_name(const model::server_id& server, std::size_t disk) {
  return volume_prefix(server) + "disk" + std::to_string(disk) + ".qcow2";
}

std::string seed_volume_name(const model::server_id& server) {
  return volume_prefix(server) + "seed.iso";
}

std::string domain_name(const model::server_id& server) {
  return "berth-" + to_string(server);
}

result<void> check_domain(const domain_settings& settings, const model::desired_server& server,
                          const std::vector<model::device_info>& devices) {
  const auto attached = check_and_find(settings, server, devices);
  return attached ? result<void>{} : tl::unexpected{attached.error()};
}

result<std::string> domain_xml(const domain_settings& settings, const model::desired_server& server,
                               const std::vector<model::device_info>& devices,
                               const server_files& files) {
  auto attached = check_and_find(settings, server, devices);
  if (!attached)
    return tl::unexpected{std::move(attached).error()};
  if (files.disks.size() != server.spec->disks.size() ||
      files.seed.empty() != server.spec->user_data.empty())
    return fail(errc::internal, "these are not the files of server " + to_string(server.id));
  return domain_writer{settings, server, std::move(*attached), files, spare_window(devices)}
      .write();
}

} // namespace berth::hostbackend::host_linux
