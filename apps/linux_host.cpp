#include "apps/linux_host.hpp"

#include <utility>

#include <spdlog/spdlog.h>

#include "apps/host_devices.hpp"
#include "apps/machine_keys.hpp"
#include "hostbackend/linux/linux_backend.hpp"
#include "hostbackend/linux/numa_nodes.hpp"
#include "hostbackend/pci_facts.hpp"

namespace berth::apps {

namespace host_linux = hostbackend::host_linux;

namespace {

host_linux::scan_options scan_of(const host_config& config, offered_devices offers) {
  host_linux::scan_options scan;
  scan.pool = config.servers_disk_directory;
  scan.host = hostbackend::derive_host_id(config.name);
  scan.host_name = config.name;
  scan.agent_version = std::string{version()};
  scan.hot_plug = config.hot_plug;
  scan.offers = {config.disable_gpu, config.use_boot_vga, std::move(offers.ids),
                 std::move(offers.classes)};
  return scan;
}

model::result<host_linux::vfio_options> devices_of(const host_config& config,
                                                   std::vector<reset_order> orders) {
  host_linux::vfio_options options;
  options.state_file = devices_file(config);
  options.use_boot_vga = config.use_boot_vga;
  for (auto& order : orders)
    options.reset_order.push_back({std::move(order.devices), {}, std::move(order.methods)});
  if (auto known = host_linux::check_reset_rules(options.reset_order); !known)
    return model::fail(known.error().code, "devices.resets: " + known.error().message);
  return options;
}

host_linux::libvirt_settings servers_of(const host_config& config,
                                        std::vector<named_network> networks) {
  using host_linux::network_source;
  host_linux::libvirt_settings servers;
  servers.uri = config.servers_libvirt;
  servers.disk_pool = config.servers_disk_pool;
  servers.image_pool = config.servers_image_pool;
  auto& domains = servers.domains;
  domains.by =
      config.servers_emulation ? host_linux::accelerator::emulation : host_linux::accelerator::kvm;
  for (auto& network : networks)
    domains.networks.emplace(std::move(network.name),
                             network_source{network.bridge ? network_source::kind::bridge
                                                           : network_source::kind::libvirt_network,
                                            std::move(network.target)});
  domains.hugepage_kib = config.servers_hugepage_kib;
  domains.serial_log_directory = config.servers_console_logs;
  domains.spare_root_ports =
      config.hot_plug ? static_cast<int>(config.servers_spare_root_ports) : 0;
  domains.allow_qemu_arguments = config.servers_qemu_arguments;
  domains.numa = host_linux::read_numa_nodes({});
  return servers;
}

} // namespace

model::result<std::shared_ptr<hostbackend::host_backend>>
make_linux_host(const host_config& config) {
  auto offers = parse_offers(config.devices_offer);
  if (!offers)
    return tl::unexpected{std::move(offers.error())};
  auto orders = parse_resets(config.devices_resets);
  if (!orders)
    return tl::unexpected{std::move(orders.error())};
  auto networks = parse_networks(config.servers_networks);
  if (!networks)
    return tl::unexpected{std::move(networks.error())};
  auto devices = devices_of(config, std::move(*orders));
  if (!devices)
    return tl::unexpected{std::move(devices.error())};
  host_linux::linux_settings settings;
  settings.scan = scan_of(config, std::move(*offers));
  settings.devices = std::move(*devices);
  settings.servers = servers_of(config, std::move(*networks));
  settings.workers = static_cast<std::size_t>(config.workers);
  return host_linux::linux_backend::open(std::move(settings),
                                         [](const std::string& remark) { spdlog::warn(remark); });
}

} // namespace berth::apps
