#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "model/failure.hpp"

namespace berth::apps {

// The settings of the two long-running programs. Every member is one key of the YAML file and one
// flag; apps/config_keys.cpp declares the names, bounds and help texts, docs/configuration.md is
// generated from there. A value-initialised struct holds the defaults.

/// controller.yaml
struct controller_config {
  std::string listen = "127.0.0.1:8750"; ///< address:port of the one port
  std::string listen_port_file;          ///< where to write the bound port; empty = nowhere
  std::string tls_certificate;           ///< PEM chain; empty = no TLS
  std::string tls_key;                   ///< PEM
  std::string tls_client_ca;             ///< PEM; verifies the hosts' certificates
  std::string token_file; ///< bearer tokens and their roles; empty = no authentication

  std::string store_kind = "sqlite"; ///< `sqlite` or `memory`
  std::string store_path = "/var/lib/berth/controller.db";
  std::int64_t store_snapshot_events = 200'000; ///< a snapshot after so many events
  std::int64_t store_batch_events = 4'096;      ///< at most so many events in one commit

  std::chrono::milliseconds hosts_heartbeat_interval{5'000};
  std::chrono::milliseconds hosts_lease{15'000}; ///< silent for longer = offline
  bool hosts_fleet_certificates = false;         ///< accept `berth-host:*` for any host

  std::int64_t limits_in_flight = 4'096; ///< admission permits: requests worked on at one time
  std::int64_t limits_body_bytes = 16LL << 20;
  std::int64_t limits_frame_bytes = 8LL << 20; ///< of a host link
  std::int64_t limits_connections = 20'000;
  std::int64_t limits_batch = 10'000; ///< servers in one create request

  std::string scheduler_policy = "best-fit";
  bool scheduler_keep_reasons = true; ///< of servers that are created alone
  std::string capacity_shapes;        ///< whose capacity is counted; empty = of every GPU model
  std::string scheduler_pools;        ///< `ml=spread:4,batch=best-fit`; see parse_pools()
  std::chrono::milliseconds queue_reserve_after{600'000};
  std::int64_t queue_reserve_priority = 80;
  std::int64_t queue_reservations = 8;
  std::int64_t threads_io = 1;         ///< network threads
  std::int64_t threads_actors = 2;     ///< of the actor system
  std::int64_t threads_schedulers = 1; ///< replicas that plan
  std::string log_level = "info";

  friend bool operator==(const controller_config&, const controller_config&) = default;
};

/// host.yaml
struct host_config {
  std::string controller = "127.0.0.1:8750"; ///< address:port
  std::string tls_certificate;               ///< PEM; `{host}` stands for the host's name
  std::string tls_key;                       ///< PEM; `{host}` stands for the host's name
  std::string tls_ca;                        ///< PEM; whom to believe to be the controller
  std::string tls_server_name; ///< name in the controller's certificate; empty = as connected

  std::string name; ///< never empty after loading: defaults to the machine's host name
  std::string state_dir = "/var/lib/berth-host";
  std::string metrics_listen = "127.0.0.1:8751"; ///< empty = no metrics port
  std::string metrics_port_file;                 ///< where to write the bound port
  bool disable_gpu = false;
  bool use_boot_vga = false;
  bool hot_plug = false;

  std::string devices_offer;  ///< parse_offers()
  std::string devices_resets; ///< parse_resets()
  std::string servers_libvirt = "qemu:///system";
  bool servers_emulation = false;
  std::string servers_disk_pool = "berth";
  std::string servers_disk_directory = "/var/lib/libvirt/berth";
  std::string servers_image_pool = "berth-images";
  std::string servers_networks; ///< parse_networks()
  std::int64_t servers_hugepage_kib = 0;
  std::int64_t servers_spare_root_ports = 4;
  std::string servers_console_logs;
  bool servers_qemu_arguments = false;

  std::int64_t threads_io = 1;
  std::int64_t threads_actors = 2;
  std::int64_t workers = 4; ///< operations of the backend at one time
  std::chrono::milliseconds reconnect_delay_min{200};
  std::chrono::milliseconds reconnect_delay_max{15'000};

  bool simulated = false;
  std::string simulated_machine;     ///< name or file of one machine description
  std::string simulated_inventory;   ///< file of many simulated hosts in this one process
  std::string simulated_faults;      ///< file of faults to inject
  double simulated_time_scale = 1.0; ///< 0.1 = ten times faster than the real machine
  std::int64_t simulated_seed = 1;

  std::string log_level = "info";

  friend bool operator==(const host_config&, const host_config&) = default;
};

/// What the command line asked a program to do. `text` is set when it only wants to read something:
/// print it and exit with 0.
template <class Config> struct start_request {
  Config config;
  std::string text;
};

/// Reads the command line, then the file that it names (`--config FILE`; without one the default
/// file if it exists), flags on top of the file, then checks the whole. Failures name the file, the
/// line and what would be right; their code is unknown_field or invalid_argument. Programs print
/// the message and exit with 2.
[[nodiscard]] model::result<start_request<controller_config>>
read_controller_arguments(int argc, const char* const* argv);
[[nodiscard]] model::result<start_request<host_config>>
read_host_arguments(int argc, const char* const* argv);

/// The same from a file's text alone; `file` is its name in messages.
[[nodiscard]] model::result<controller_config> parse_controller_config(std::string_view text,
                                                                       std::string_view file);
[[nodiscard]] model::result<host_config> parse_host_config(std::string_view text,
                                                           std::string_view file);

/// The settings as a YAML file that loads to the same settings.
[[nodiscard]] std::string to_yaml(const controller_config& config);
[[nodiscard]] std::string to_yaml(const host_config& config);

/// `pattern` with every `{host}` replaced by `host`.
[[nodiscard]] std::string for_host(std::string_view pattern, std::string_view host);

/// docs/configuration.md
[[nodiscard]] std::string configuration_markdown();

/// The version of the whole project, e.g. `0.1.0`.
[[nodiscard]] std::string_view version();
/// The commit that the program was built from, with `-dirty` if files differed; `unknown` outside
/// of a git checkout.
[[nodiscard]] std::string_view revision();

} // namespace berth::apps
