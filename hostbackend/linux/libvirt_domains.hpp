#pragma once

#include <optional>
#include <string>
#include <vector>

#include <libvirt/libvirt.h>

#include "hostbackend/linux/device_release.hpp"
#include "hostbackend/linux/domain_xml.hpp"
#include "hostbackend/linux/libvirt_servers.hpp"
#include "hostbackend/linux/storage_volumes.hpp"
#include "model/device.hpp"
#include "model/failure.hpp"
#include "model/host_operations.hpp"
#include "model/link.hpp"

namespace berth::hostbackend::host_linux {

// What is done with one connection to libvirt. All of it blocks, and runs on threads that may hang;
// libvirt_servers sets the limits and says what the operations promise.

/// As messages name it, e.g. `server 677e50f6-...`.
[[nodiscard]] std::string name_of(const model::server_id& server);

/// What a server's definition is made of.
struct definition {
  domain_settings settings;
  model::desired_server server;
  std::vector<model::device_info> devices;
  std::optional<std::string> seed; ///< the medium for cloud-init
};

/// Refuses what libvirt need not be asked for.
[[nodiscard]] model::result<definition>
definition_of(const domain_settings& settings, const model::desired_server& server,
              const std::vector<model::device_info>& devices);

[[nodiscard]] model::result<void> define_domain(virConnect& connection, const volume_pools& pools,
                                                const definition& made);
[[nodiscard]] model::result<void> start_domain(virConnect& connection,
                                               const model::server_id& server);
/// Both ways of stopping end well on a domain that went off meanwhile.
[[nodiscard]] model::result<void> stop_domain(virConnect& connection,
                                              const model::server_id& server, bool force);
[[nodiscard]] model::result<void> undefine_domain(virConnect& connection, const volume_pools& pools,
                                                  const model::server_id& server);
[[nodiscard]] model::result<void> plug_in(virConnect& connection, const model::server_id& server,
                                          const model::attachment& attachment,
                                          const model::device_info& device);
[[nodiscard]] model::result<void> plug_out(virConnect& connection, const model::server_id& server,
                                           const model::device_id& device);
[[nodiscard]] model::result<domain_survey> survey_domains(virConnect& connection);
/// Which server's domain is defined, or runs, with which of the host's functions.
[[nodiscard]] model::result<function_users> survey_functions(virConnect& connection);

} // namespace berth::hostbackend::host_linux
