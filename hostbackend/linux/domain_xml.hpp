#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "hostbackend/linux/domain_layout.hpp"
#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/link.hpp"

namespace berth::hostbackend::host_linux {

/// How the guest's processors are made: by the host's, or by QEMU alone (for tests on machines
/// without virtualisation).
enum class accelerator : std::uint8_t { kvm, emulation };

/// What a network of server_spec::networks is on this host.
struct network_source {
  enum class kind : std::uint8_t { libvirt_network, bridge };
  kind how = kind::libvirt_network;
  std::string name; ///< of the libvirt network or of the bridge
};

/// What the host's administrator settled for all servers.
struct domain_settings {
  accelerator by = accelerator::kvm;
  std::string machine_type = "q35";               ///< a q35 one: `q35`, `pc-q35-7.2`
  std::string emulator;                           ///< QEMU's path; empty = libvirt's choice
  std::map<std::string, network_source> networks; ///< by the name that servers ask for
  std::int64_t hugepage_kib = 0;                  ///< size of the pages; 0 = ordinary memory
  std::string uefi_code = "/usr/share/OVMF/OVMF_CODE_4M.fd";
  std::string uefi_variables = "/usr/share/OVMF/OVMF_VARS_4M.fd"; ///< copied for each server
  std::string serial_log_directory; ///< empty = the console is not logged
  int spare_root_ports = 0;         ///< for hot-plug; 0..16
  /// Whether server_spec::qemu_arguments are obeyed; a server that has some is refused otherwise.
  bool allow_qemu_arguments = false;
  std::vector<numa_node> numa; ///< the host's memory nodes; empty = nothing is pinned
};

/// What a disk stands on. It stands on nothing itself.
struct backing_file {
  std::string path;
  std::string format; ///< qcow2 or raw
};
/// A disk of a server, of format qcow2.
struct disk_file {
  std::string path;
  std::optional<backing_file> backing; ///< nullopt = it was blank
};
/// A server's files on the host.
struct server_files {
  std::vector<disk_file> disks; ///< those of server_spec::disks, in that order
  std::string seed;             ///< path of the medium for cloud-init; empty = there is none
};

/// A disk's volume in the pool, `<server>-disk0.qcow2`: never a path, never the user's words.
[[nodiscard]] std::string volume_name(const model::server_id& server, std::size_t disk);
/// The volume of a server's medium for cloud-init (seed_image.hpp), `<server>-seed.iso`.
[[nodiscard]] std::string seed_volume_name(const model::server_id& server);
/// All volumes of a server start with this.
[[nodiscard]] std::string volume_prefix(const model::server_id& server);
/// The domain's name, `berth-<server>`: it cannot meet somebody else's. The server's name is the
/// domain's title.
[[nodiscard]] std::string domain_name(const model::server_id& server);

/// Why the server cannot become a domain: invalid_argument (a bound of model::validate, an unknown
/// network, a device that cannot be what its type says), not_found (an attached device that is not
/// among `devices`). `devices` are the host's, in any order.
[[nodiscard]] model::result<void> check_domain(const domain_settings& settings,
                                               const model::desired_server& server,
                                               const std::vector<model::device_info>& devices);
/// The domain's XML for libvirt (https://libvirt.org/formatdomain.html). docs/servers.md shows and
/// explains the result. Fails as check_domain() does, and with internal when `files` are not those
/// of the server's disks and user data.
[[nodiscard]] model::result<std::string> domain_xml(const domain_settings& settings,
                                                    const model::desired_server& server,
                                                    const std::vector<model::device_info>& devices,
                                                    const server_files& files);

} // namespace berth::hostbackend::host_linux
