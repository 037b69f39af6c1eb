#include "hostbackend/linux/storage_volumes.hpp"

#include <string_view>
#include <utility>

#include <libvirt/virterror.h>

#include "hostbackend/linux/libvirt_errors.hpp"
#include "hostbackend/linux/xml_reader.hpp"
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

/// What libvirt knows of a file.
struct volume_facts {
  std::string path;
  std::string format;
  std::optional<backing_file> backing;
};

std::string format_in(const xmlNode& node) {
  const auto* const format = child(node, "format");
  return format == nullptr ? "" : attribute(*format, "type").value_or("");
}

/// From a volume's XML (https://libvirt.org/formatstorage.html); nullopt = it is no file.
std::optional<volume_facts> read_volume(std::string_view xml) {
  const auto document = parse_xml(xml);
  const auto* const root = document ? xmlDocGetRootElement(document.get()) : nullptr;
  const auto* const target = root == nullptr ? nullptr : child(*root, "target");
  const auto* const path = target == nullptr ? nullptr : child(*target, "path");
  if (path == nullptr || attribute(*root, "type") != "file")
    return std::nullopt;
  volume_facts facts{content(*path), format_in(*target), std::nullopt};
  if (const auto* const below = child(*root, "backingStore"))
    if (const auto* const path_below = child(*below, "path"))
      facts.backing = backing_file{content(*path_below), format_in(*below)};
  return facts;
}

result<volume_facts> facts_of(virStorageVol& volume) {
  const auto what = std::string{"volume "} + virStorageVolGetName(&volume);
  const owned_text xml{virStorageVolGetXMLDesc(&volume, 0)};
  if (!xml)
    return libvirt_failed(what);
  auto facts = read_volume(xml.get());
  if (!facts)
    return fail(errc::hypervisor_failed,
                what + " is no file: its storage pool must be of type dir, fs or netfs");
  return std::move(*facts);
}

/// A domain's XML says that nothing is below an image.
result<void> refuse_chain(const volume_facts& image) {
  if (!image.backing)
    return {};
  return fail(errc::invalid_argument, "image " + image.path + " stands on another, " +
                                          image.backing->path +
                                          ": make one of the two with qemu-img convert");
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

result<backing_file> find_image(virConnect& connection, const volume_pools& pools,
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
  const auto facts = facts_of(**image);
  if (!facts)
    return tl::unexpected{facts.error()};
  if (auto alone = refuse_chain(*facts); !alone)
    return tl::unexpected{std::move(alone).error()};
  if (facts->format != "qcow2" && facts->format != "raw")
    return fail(errc::invalid_argument,
                "image '" + disk.image + "' is neither qcow2 nor raw: convert it with qemu-img");
  return backing_file{facts->path, facts->format};
}

std::string volume_xml(const std::string& name, const model::disk_spec& disk,
                       const std::optional<backing_file>& backing) {
  xml_writer xml;
  xml.open("volume")
      .text("name", name)
      .text("allocation", "0")
      .text("capacity", std::to_string(disk.size_mib), {{"unit", "MiB"}})
      .open("target")
      .empty("format", {{"type", "qcow2"}})
      .close();
  if (backing)
    xml.open("backingStore")
        .text("path", backing->path)
        .empty("format", {{"type", backing->format}})
        .close();
  xml.close();
  return std::move(xml).take();
}

result<volume_handle> create_disk(virConnect& connection, const volume_pools& pools,
                                  virStoragePool& pool, const std::string& name,
                                  const model::disk_spec& disk) {
  std::optional<backing_file> backing;
  if (!disk.image.empty()) {
    auto image = find_image(connection, pools, disk);
    if (!image)
      return tl::unexpected{std::move(image).error()};
    backing = std::move(*image);
  }
  const auto xml = volume_xml(name, disk, backing);
  volume_handle made{virStorageVolCreateXML(&pool, xml.c_str(), 0)};
  if (!made)
    return libvirt_failed("creation of disk " + name);
  return made;
}

/// The image of a disk may have been changed since the disk was made.
result<disk_file> describe_disk(virConnect& connection, virStorageVol& volume) {
  auto disk = facts_of(volume);
  if (!disk)
    return tl::unexpected{std::move(disk).error()};
  if (disk->backing) {
    const volume_handle image{virStorageVolLookupByPath(&connection, disk->backing->path.c_str())};
    if (!image)
      return libvirt_failed("image of disk " + disk->path);
    const auto facts = facts_of(*image);
    if (!facts)
      return tl::unexpected{facts.error()};
    if (auto alone = refuse_chain(*facts); !alone)
      return tl::unexpected{std::move(alone).error()};
  }
  return disk_file{std::move(disk->path), std::move(disk->backing)};
}

result<disk_file> find_or_create_disk(virConnect& connection, const volume_pools& pools,
                                      virStoragePool& pool, const std::string& name,
                                      const model::disk_spec& disk) {
  auto volume = find_volume(pool, name);
  if (volume && !*volume)
    volume = create_disk(connection, pools, pool, name, disk);
  if (!volume)
    return tl::unexpected{std::move(volume).error()};
  return describe_disk(connection, **volume);
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

result<std::vector<disk_file>> create_disks(virConnect& connection, const volume_pools& pools,
                                            const model::server_id& server,
                                            const std::vector<model::disk_spec>& disks) {
  std::vector<disk_file> files;
  if (disks.empty())
    return files;
  const auto pool = find_pool(connection, pools.disks);
  if (!pool)
    return tl::unexpected{pool.error()};
  for (std::size_t i = 0; i < disks.size(); ++i) {
    auto file = find_or_create_disk(connection, pools, **pool, volume_name(server, i), disks[i]);
    if (!file)
      return tl::unexpected{std::move(file).error()};
    files.push_back(std::move(*file));
  }
  return files;
}

result<std::string> renew_seed(virConnect& connection, const volume_pools& pools,
                               const model::server_id& server,
                               const std::optional<std::string>& image) {
  const auto pool = find_pool(connection, pools.disks);
  if (!pool)
    return tl::unexpected{pool.error()};
  const auto name = seed_volume_name(server);
  if (auto deleted = delete_seed(**pool, name); !deleted)
    return tl::unexpected{std::move(deleted).error()};
  if (!image)
    return std::string{};
  const auto xml = seed_xml(name, image->size());
  const volume_handle made{virStorageVolCreateXML(pool->get(), xml.c_str(), 0)};
  if (!made)
    return libvirt_failed("creation of volume " + name);
  if (auto written = upload(connection, *made, *image); !written)
    return tl::unexpected{std::move(written).error()};
  auto facts = facts_of(*made);
  if (!facts)
    return tl::unexpected{std::move(facts).error()};
  return std::move(facts->path);
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
