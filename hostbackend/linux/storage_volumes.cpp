#include "hostbackend/linux/storage_volumes.hpp"

#include <string_view>

#include <libvirt/virterror.h>

#include "hostbackend/linux/domain_xml.hpp"
#include "hostbackend/linux/libvirt_errors.hpp"
#include "hostbackend/linux/xml_writer.hpp"
#include "model/text.hpp"

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;
using model::result;

namespace {

result<pool_handle> find_pool(virConnect& connection, const std::string& name) {
  pool_handle pool{virStoragePoolLookupByName(&connection, name.c_str())};
  if (!pool)
    return libvirt_failed("storage pool '" + name + "'");
  return pool;
}

/// Null if libvirt knows none.
result<volume_handle> find_volume(virStoragePool& pool, const std::string& name) {
  volume_handle volume{virStorageVolLookupByName(&pool, name.c_str())};
  if (!volume && last_libvirt_error().code != VIR_ERR_NO_STORAGE_VOL)
    return libvirt_failed("volume " + name);
  return volume;
}

/// Images are put into the pool's directory behind libvirt's back: what is not known is looked for
/// once more after a refresh.
result<volume_handle> find_image_volume(virStoragePool& pool, const std::string& name) {
  auto known = find_volume(pool, name);
  if (!known || *known)
    return known;
  if (virStoragePoolRefresh(&pool, 0) < 0)
    return libvirt_failed("search for image '" + name + "'");
  return find_volume(pool, name);
}

struct backing_image {
  std::string path;
  std::string format;
};

/// The format from the volume's XML; empty = one that a disk cannot stand on.
std::string format_of(virStorageVol& image) {
  const owned_text xml{virStorageVolGetXMLDesc(&image, 0)};
  for (const std::string_view format : {"qcow2", "raw"})
    if (xml && std::string_view{xml.get()}.find("<format type='" + std::string{format} + "'/>") !=
                   std::string_view::npos)
      return std::string{format};
  return {};
}

result<void> check_size(virStorageVol& image, const model::disk_spec& disk) {
  virStorageVolInfo info{};
  if (virStorageVolGetInfo(&image, &info) < 0)
    return libvirt_failed("image '" + disk.image + "'");
  constexpr unsigned long long mib = 1024ULL * 1024;
  const auto least = (info.capacity + mib - 1) / mib;
  if (least > static_cast<unsigned long long>(disk.size_mib))
    return fail(errc::invalid_argument, "size_mib is " + std::to_string(disk.size_mib) +
                                            ": must be at least " + std::to_string(least) +
                                            ", the size of image '" + disk.image + "'");
  return {};
}

result<backing_image> find_image(virConnect& connection, const volume_pools& pools,
                                 const model::disk_spec& disk) {
  if (!model::is_name(disk.image))
    return fail(errc::invalid_argument, "image must be the plain name of an image in the pool '" +
                                            pools.images +
                                            "': letters, digits, '.', '_' and '-'; a path is none");
  const auto pool = find_pool(connection, pools.images);
  if (!pool)
    return tl::unexpected{pool.error()};
  const auto image = find_image_volume(**pool, disk.image);
  if (!image)
    return tl::unexpected{image.error()};
  if (!*image)
    return fail(errc::not_found,
                "image '" + disk.image + "' is not in the storage pool '" + pools.images + "'");
  if (auto fits = check_size(**image, disk); !fits)
    return tl::unexpected{std::move(fits).error()};
  const owned_text path{virStorageVolGetPath(image->get())};
  if (!path)
    return libvirt_failed("image '" + disk.image + "'");
  auto format = format_of(**image);
  if (format.empty())
    return fail(errc::invalid_argument,
                "image '" + disk.image + "' is neither qcow2 nor raw: convert it with qemu-img");
  return backing_image{path.get(), std::move(format)};
}

std::string volume_xml(const std::string& name, const model::disk_spec& disk,
                       const backing_image* backing) {
  xml_writer xml;
  xml.open("volume")
      .text("name", name)
      .text("allocation", "0")
      .text("capacity", std::to_string(disk.size_mib), {{"unit", "MiB"}})
      .open("target")
      .empty("format", {{"type", "qcow2"}})
      .close();
  if (backing != nullptr)
    xml.open("backingStore")
        .text("path", backing->path)
        .empty("format", {{"type", backing->format}})
        .close();
  xml.close();
  return std::move(xml).take();
}

result<void> create_disk(virConnect& connection, const volume_pools& pools, virStoragePool& pool,
                         const std::string& name, const model::disk_spec& disk) {
  const auto known = find_volume(pool, name);
  if (!known)
    return tl::unexpected{known.error()};
  if (*known)
    return {};
  backing_image image;
  if (!disk.image.empty()) {
    auto found = find_image(connection, pools, disk);
    if (!found)
      return tl::unexpected{std::move(found).error()};
    image = std::move(*found);
  }
  const auto xml = volume_xml(name, disk, disk.image.empty() ? nullptr : &image);
  if (const volume_handle made{virStorageVolCreateXML(&pool, xml.c_str(), 0)}; !made)
    return libvirt_failed("creation of disk " + name);
  return {};
}

/// Deleted, or gone already.
result<void> delete_volume(virStorageVol& volume) {
  if (virStorageVolDelete(&volume, 0) == 0)
    return {};
  const auto error = last_libvirt_error();
  if (error.code == VIR_ERR_NO_STORAGE_VOL)
    return {};
  return tl::unexpected{
      from_libvirt(error, std::string{"deletion of volume "} + virStorageVolGetName(&volume))};
}

// QEMU runs as a user of its own: libvirt gives it the file when a guest starts (dynamic_ownership
// in qemu.conf), so the mode need not let others read.
std::string seed_xml(const std::string& name, std::size_t bytes) {
  xml_writer xml;
  xml.open("volume")
      .text("name", name)
      .text("capacity", std::to_string(bytes), {{"unit", "bytes"}})
      .open("target")
      .empty("format", {{"type", "raw"}})
      .open("permissions")
      .text("mode", "0600")
      .close()
      .close()
      .close();
  return std::move(xml).take();
}

/// All or nothing is not promised: a failure leaves the volume with a part of the content.
result<void> upload(virConnect& connection, virStorageVol& volume, std::string_view content) {
  const auto what = std::string{"writing of volume "} + virStorageVolGetName(&volume);
  const stream_handle stream{virStreamNew(&connection, 0)};
  if (!stream || virStorageVolUpload(&volume, stream.get(), 0, content.size(), 0) < 0)
    return libvirt_failed(what);
  while (!content.empty()) {
    const int sent = virStreamSend(stream.get(), content.data(), content.size());
    if (sent < 0) {
      auto failure = libvirt_failed(what);
      virStreamAbort(stream.get());
      return failure;
    }
    content.remove_prefix(static_cast<std::size_t>(sent));
  }
  return virStreamFinish(stream.get()) == 0 ? result<void>{} : libvirt_failed(what);
}

result<void> delete_seed(virStoragePool& pool, const std::string& name) {
  const auto old = find_volume(pool, name);
  if (!old)
    return tl::unexpected{old.error()};
  return *old ? delete_volume(**old) : result<void>{};
}

/// All volumes of the pool, owned.
result<std::vector<volume_handle>> list_volumes(virStoragePool& pool) {
  virStorageVolPtr* listed = nullptr;
  const int count = virStoragePoolListAllVolumes(&pool, &listed, 0);
  if (count < 0)
    return libvirt_failed(std::string{"volumes of storage pool "} + virStoragePoolGetName(&pool));
  const std::unique_ptr<virStorageVolPtr, released_by<std::free>> array{listed};
  std::vector<volume_handle> volumes;
  for (int i = 0; i < count; ++i)
    volumes.emplace_back(listed[i]);
  return volumes;
}

} // namespace

result<void> create_disks(virConnect& connection, const volume_pools& pools,
                          const model::server_id& server,
                          const std::vector<model::disk_spec>& disks) {
  if (disks.empty())
    return {};
  const auto pool = find_pool(connection, pools.disks);
  if (!pool)
    return tl::unexpected{pool.error()};
  for (std::size_t i = 0; i < disks.size(); ++i)
    if (auto made = create_disk(connection, pools, **pool, volume_name(server, i), disks[i]); !made)
      return made;
  return {};
}

result<void> renew_seed(virConnect& connection, const volume_pools& pools,
                        const model::server_id& server, const std::optional<std::string>& image) {
  const auto pool = find_pool(connection, pools.disks);
  if (!pool)
    return tl::unexpected{pool.error()};
  const auto name = seed_volume_name(server);
  if (auto deleted = delete_seed(**pool, name); !deleted || !image)
    return deleted;
  const auto xml = seed_xml(name, image->size());
  const volume_handle made{virStorageVolCreateXML(pool->get(), xml.c_str(), 0)};
  if (!made)
    return libvirt_failed("creation of volume " + name);
  return upload(connection, *made, *image);
}

result<void> delete_disks(virConnect& connection, const volume_pools& pools,
                          const model::server_id& server) {
  const auto pool = find_pool(connection, pools.disks);
  if (!pool)
    return tl::unexpected{pool.error()};
  const auto volumes = list_volumes(**pool);
  if (!volumes)
    return tl::unexpected{volumes.error()};
  const auto prefix = volume_prefix(server);
  for (const auto& volume : *volumes)
    if (std::string_view{virStorageVolGetName(volume.get())}.starts_with(prefix))
      if (auto deleted = delete_volume(*volume); !deleted)
        return deleted;
  return {};
}

} // namespace berth::hostbackend::host_linux
