#include "apps/config_keys.hpp"

namespace berth::apps {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

value_rule text() {
  return {value_kind::text};
}
value_rule path() {
  return {value_kind::path};
}
value_rule address() {
  return {value_kind::address};
}
value_rule boolean() {
  return {value_kind::boolean};
}
value_rule count(double minimum, double maximum) {
  return {value_kind::count, minimum, maximum};
}
value_rule bytes(double minimum, double maximum) {
  return {value_kind::bytes, minimum, maximum};
}
value_rule number(double minimum, double maximum) {
  return {value_kind::number, minimum, maximum};
}
value_rule duration(milliseconds minimum, milliseconds maximum) {
  return {value_kind::duration, static_cast<double>(minimum.count()),
          static_cast<double>(maximum.count())};
}
value_rule choice(std::vector<std::string_view> words) {
  return {value_kind::choice, 0, 0, std::move(words)};
}
value_rule log_levels() {
  return choice({"trace", "debug", "info", "warn", "error"});
}

constexpr double kib = 1024;
constexpr double mib = 1024 * kib;
constexpr double gib = 1024 * mib;

std::vector<config_key<controller_config>> make_controller_keys() {
  using c = controller_config;
  return {
      {"listen", &c::listen, address(),
       "Where the API, the metrics, the web console and the host links are served. Any address but "
       "loopback needs tls.certificate, tls.key and token_file"},
      {"listen_port_file", &c::listen_port_file, path(),
       "Where to write the bound port once the controller serves it; for a port that is 0"},
      {"token_file", &c::token_file, path(),
       "Bearer tokens, one per line: a role (admin or viewer), a space, the token. Unset: no "
       "authentication, on loopback only"},
      {"tls.certificate", &c::tls_certificate, path(),
       "The controller's certificate chain (PEM), own certificate first"},
      {"tls.key", &c::tls_key, path(), "The certificate's private key (PEM)"},
      {"tls.client_ca", &c::tls_client_ca, path(),
       "Certificates of hosts must be signed by this authority (PEM)"},
      {"store.kind", &c::store_kind, choice({"sqlite", "memory"}),
       "Where the log of events is kept; memory forgets everything at the end"},
      {"store.path", &c::store_path, path(), "The log's file; its directory must exist"},
      {"store.snapshot_events", &c::store_snapshot_events, count(100, 1e9),
       "Write a snapshot after so many events; older events are dropped from the log then"},
      {"store.batch_events", &c::store_batch_events, count(1, 1e6),
       "At most so many events are written in one durable commit"},
      {"hosts.heartbeat_interval", &c::hosts_heartbeat_interval,
       duration(milliseconds{100}, hours{1}), "How often a host says that it is alive"},
      {"hosts.lease", &c::hosts_lease, duration(milliseconds{300}, hours{24}),
       "A host that was silent for longer is offline; at least three heartbeats"},
      {"hosts.fleet_certificates", &c::hosts_fleet_certificates, boolean(),
       "Whether a certificate with the name berth-host:* may speak for any host: for fleets of "
       "simulated hosts only"},
      {"limits.in_flight", &c::limits_in_flight, count(1, 1e6),
       "Requests worked on at one time; more are answered 429"},
      {"limits.body_bytes", &c::limits_body_bytes, bytes(kib, gib),
       "The largest request body; larger ones are answered 413"},
      {"limits.frame_bytes", &c::limits_frame_bytes, bytes(64 * kib, gib),
       "The largest frame of a host link; a larger one closes the link"},
      {"limits.connections", &c::limits_connections, count(1, 1e6),
       "Open connections, host links included; more are answered 503"},
      {"limits.batch", &c::limits_batch, count(1, 1e5), "Servers in one create request"},
      {"scheduler.policy", &c::scheduler_policy, text(),
       "How a host is chosen among those that fit"},
      {"scheduler.keep_reasons", &c::scheduler_keep_reasons, boolean(),
       "Keep with a server that is created alone why it was placed where it is; costs a second "
       "search"},
      {"scheduler.pools", &c::scheduler_pools, text(),
       "Schedulers of their own for some projects, PROJECT=POLICY:COUNT between commas, such as "
       "ml=best-fit:4,batch=best-fit:1"},
      {"queue.reserve_after", &c::queue_reserve_after, duration(milliseconds{0}, hours{24 * 365}),
       "A server that waits for so long may have a host kept for it"},
      {"queue.reserve_priority", &c::queue_reserve_priority, count(0, 101),
       "From this priority on it may at once; 101: never"},
      {"queue.reservations", &c::queue_reservations, count(0, 1000),
       "Hosts that are kept for waiting servers at a time; 0: none"},
      {"capacity.shapes", &c::capacity_shapes, text(),
       "Servers of which the metrics count how many more fit, such as 4xH100, 8xH100:fabric (all "
       "on one numa, pcie_root, pcie_switch or fabric). Unset: 1, 2, 4 and 8 of every GPU model "
       "there is"},
      {"threads.io", &c::threads_io, count(1, 256), "Threads for the network"},
      {"threads.actors", &c::threads_actors, count(1, 256), "Threads for the actors"},
      {"threads.schedulers", &c::threads_schedulers, count(1, 64),
       "Schedulers that plan side by side, each with its own replica of the inventory"},
      {"log.level", &c::log_level, log_levels(), "The least important message that is written"},
  };
}

std::vector<config_key<host_config>> make_host_keys() {
  using c = host_config;
  return {
      {"controller", &c::controller, address(), "The controller's port"},
      {"name", &c::name, text(),
       "This host's name, as in its certificate. Unset: the machine's host name"},
      {"state_dir", &c::state_dir, path(),
       "What the host must remember: original drivers, device epochs, baselines"},
      {"tls.certificate", &c::tls_certificate, path(),
       "The host's certificate chain (PEM); {host} stands for the host's name"},
      {"tls.key", &c::tls_key, path(),
       "The certificate's private key (PEM); {host} stands for the host's name"},
      {"tls.ca", &c::tls_ca, path(),
       "The controller's certificate must be signed by this authority (PEM)"},
      {"tls.server_name", &c::tls_server_name, text(),
       "The name in the controller's certificate. Unset: the address connected to"},
      {"metrics.listen", &c::metrics_listen, address(),
       "Where the host's own metrics are served; empty: nowhere"},
      {"metrics.port_file", &c::metrics_port_file, path(),
       "Where to write the bound metrics port once it is served; for a port that is 0"},
      {"disable_gpu", &c::disable_gpu, boolean(), "Look for no GPU on this machine"},
      {"use_boot_vga", &c::use_boot_vga, boolean(),
       "Offer the GPU that shows the machine's own console, too"},
      {"hot_plug", &c::hot_plug, boolean(),
       "Allow attach and detach while a server runs: devices of one function that are not its "
       "display"},
      {"devices.offer", &c::devices_offer, text(),
       "Devices to offer besides GPUs, by VENDOR:DEVICE id or by class, between commas, such as "
       "15b3:1021, 0108. A virtual function (SR-IOV) is offered only if its id stands here"},
      {"devices.resets", &c::devices_resets, text(),
       "How devices are reset, DEVICES=METHOD+METHOD between commas; the first entry that matches "
       "counts, such as 10de:2330=bus+rescan, 10de:*=flr+bus. Unset: in the kernel's order, rescan "
       "last"},
      {"servers.libvirt", &c::servers_libvirt, text(), "The URI of this machine's libvirt"},
      {"servers.emulation", &c::servers_emulation, boolean(),
       "Let QEMU emulate the guests' processors: for tests on machines without KVM"},
      {"servers.disk_pool", &c::servers_disk_pool, text(),
       "The libvirt storage pool in which servers' disks are made"},
      {"servers.disk_directory", &c::servers_disk_directory, path(),
       "Where that pool lies: its file system is the host's storage"},
      {"servers.image_pool", &c::servers_image_pool, text(),
       "The libvirt storage pool of the images that disks can start from"},
      {"servers.networks", &c::servers_networks, text(),
       "What servers' networks are here, NAME=bridge:BRIDGE or NAME=network:NETWORK between "
       "commas, "
       "such as net0=bridge:br0, nat=network:default"},
      {"servers.hugepage_kib", &c::servers_hugepage_kib, count(0, 16'777'216),
       "The size of the huge pages that servers' memory is made of, such as 1048576; 0: ordinary "
       "pages"},
      {"servers.spare_root_ports", &c::servers_spare_root_ports, count(0, 16),
       "Root ports that each server has for devices that come while it runs, where hot_plug is "
       "set"},
      {"servers.console_logs", &c::servers_console_logs, path(),
       "A directory for the logs of servers' serial consoles. Unset: none are kept"},
      {"servers.qemu_arguments", &c::servers_qemu_arguments, boolean(),
       "Whether a server may bring QEMU arguments of its own: they can do anything that QEMU can"},
      {"workers", &c::workers, count(1, 256),
       "Operations on devices and servers that run at one time"},
      {"threads.io", &c::threads_io, count(1, 256), "Threads for the network"},
      {"threads.actors", &c::threads_actors, count(1, 256), "Threads for the actors"},
      {"reconnect.delay_min", &c::reconnect_delay_min, duration(milliseconds{1}, hours{1}),
       "The first wait before the link is opened again; it doubles, with jitter"},
      {"reconnect.delay_max", &c::reconnect_delay_max, duration(milliseconds{1}, hours{1}),
       "The longest wait before the link is opened again"},
      {"simulated.enabled", &c::simulated, boolean(),
       "Run on a simulated machine: no device, driver or hypervisor is touched"},
      {"simulated.machine", &c::simulated_machine, text(),
       "The machine to simulate: a name of the collection or a file"},
      {"simulated.inventory", &c::simulated_inventory, path(),
       "A file of many machines, each simulated as a host of its own in this one process"},
      {"simulated.faults", &c::simulated_faults, path(), "A file of faults to inject"},
      {"simulated.time_scale", &c::simulated_time_scale, number(0, 1000),
       "Simulated operations take so much of their real time; 0: none"},
      {"simulated.seed", &c::simulated_seed, count(0, 9e15),
       "The same seed gives the same times and faults"},
      {"log.level", &c::log_level, log_levels(), "The least important message that is written"},
  };
}

/// The key's flag: dots and underscores become dashes; a section's `enabled` is the section's name.
std::string flag_of(std::string_view name) {
  std::string flag{name};
  if (constexpr std::string_view suffix = ".enabled"; name.ends_with(suffix))
    flag.resize(flag.size() - suffix.size());
  for (char& c : flag)
    if (c == '.' || c == '_')
      c = '-';
  return flag;
}

} // namespace

std::span<const config_key<controller_config>> controller_keys() {
  static const auto keys = make_controller_keys();
  return keys;
}

std::span<const config_key<host_config>> host_keys() {
  static const auto keys = make_host_keys();
  return keys;
}

template <class Config>
std::vector<key_description> describe(std::span<const config_key<Config>> keys) {
  const Config defaults;
  std::vector<key_description> out;
  for (const auto& key : keys)
    out.push_back({key.name, flag_of(key.name), &key.rule, value_text(key, defaults), key.help});
  return out;
}
template std::vector<key_description> describe(std::span<const config_key<controller_config>>);
template std::vector<key_description> describe(std::span<const config_key<host_config>>);

} // namespace berth::apps
