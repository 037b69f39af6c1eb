#pragma once

#include <optional>
#include <string>
#include <vector>

#include "hostbackend/linux/domain_xml.hpp"
#include "hostbackend/linux/libvirt_handles.hpp"
#include "model/failure.hpp"
#include "model/ids.hpp"
#include "model/server.hpp"

namespace berth::hostbackend::host_linux {

// Disks of servers as volumes of libvirt storage pools, which are pools of files (dir, fs, netfs).
// All of these block, leave the limit to the caller, and may run for several servers at once.
// libvirt builds several volumes of a pool at once, but refuses to refresh the pool meanwhile;
// therefore only a pool of images is ever refreshed, and only for an image that is not known. If
// libvirt refuses that (an administrator makes a volume there just then) it is errc::busy.

struct volume_pools {
  std::string disks;  ///< where servers' disks are made
  std::string images; ///< where backing images are; the only place they can come from
};

/// Makes the server's disks that are not there yet: blank, or on top of the image that the disk
/// names; gives all of them as libvirt knows them. An image is a volume's plain name in the image
/// pool, of format qcow2 or raw, standing on no other and no larger than the disk:
/// invalid_argument, not_found. A file in the pool's directory that libvirt does not know is never
/// taken for a disk.
[[nodiscard]] model::result<std::vector<disk_file>>
create_disks(virConnect& connection, const volume_pools& pools, const model::server_id& server,
             const std::vector<model::disk_spec>& disks);
/// Makes the volume of the server's medium for cloud-init (seed_image.hpp) anew and gives its path;
/// nullopt = the server has none, one that was there is deleted and the path is empty. Only root
/// and the QEMU that gets it may read it. Its server must be off. After a failure the volume may be
/// missing or incomplete: the domain must not be started before this has succeeded.
[[nodiscard]] model::result<std::string> renew_seed(virConnect& connection,
                                                    const volume_pools& pools,
                                                    const model::server_id& server,
                                                    const std::optional<std::string>& image);
/// Deletes all volumes of the server, its medium for cloud-init too; those that are gone already
/// count as deleted.
[[nodiscard]] model::result<void> delete_disks(virConnect& connection, const volume_pools& pools,
                                               const model::server_id& server);

} // namespace berth::hostbackend::host_linux
