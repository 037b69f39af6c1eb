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

/// Images are put into the pool's directory behind libvirt's back: what is not known is looked for
/// once more after a refresh.
volume_handle find_volume(virStoragePool& pool, const std::string& name) {
  volume_handle volume{virStorageVolLookupByName(&pool, name.c_str())};
  if (!volume && last_libvirt_error().code == VIR_ERR_NO_STORAGE_VOL &&
      virStoragePoolRefresh(&pool, 0) == 0)
    volume.reset(virStorageVolLookupByName(&pool, name.c_str()));
  return volume;
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
  const auto image = find_volume(**pool, disk.image);
  if (!image)
    return libvirt_failed("image '" + disk.image + "' in the pool '" + pools.images + "'");
  if (auto fits = check_size(*image, disk); !fits)
    return tl::unexpected{std::move(fits).error()};
  const owned_text path{virStorageVolGetPath(image.get())};
  if (!path)
    return libvirt_failed("image '" + disk.image + "'");
  auto format = format_of(*image);
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
  if (find_volume(pool, name))
    return {};
  if (const auto error = last_libvirt_error(); error.code != VIR_ERR_NO_STORAGE_VOL)
    return tl::unexpected{from_libvirt(error, "disk " + name)};
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

result<void> delete_volume(virStorageVol& volume) {
  if (virStorageVolDelete(&volume, 0) == 0)
    return {};
  const auto error = last_libvirt_error();
  if (error.code == VIR_ERR_NO_STORAGE_VOL)
    return {};
  return tl::unexpected{
      from_libvirt(error, std::string{"deletion of disk "} + virStorageVolGetName(&volume))};
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
