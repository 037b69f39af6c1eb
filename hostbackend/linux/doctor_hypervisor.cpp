#include "hostbackend/linux/doctor_hypervisor.hpp"

#include <chrono>
#include <filesystem>
#include <set>
#include <utility>

#include <libvirt/virterror.h>
#include <sys/stat.h>

#include "hostbackend/linux/call_within.hpp"
#include "hostbackend/linux/libvirt_errors.hpp"
#include "hostbackend/linux/libvirt_handles.hpp"
#include "hostbackend/linux/xml_reader.hpp"

namespace berth::hostbackend::host_linux {

namespace {

namespace fs = std::filesystem;

/// libvirt's numbers are 1,000,000 * major + 1,000 * minor + release.
std::string version_text(unsigned long number) {
  return std::to_string(number / 1'000'000) + "." + std::to_string(number / 1'000 % 1'000) + "." +
         std::to_string(number % 1'000);
}

/// `<pool><target><path>`; empty if there is none.
std::string target_path(virStoragePool& pool) {
  const owned_text xml{virStoragePoolGetXMLDesc(&pool, 0)};
  const auto document = parse_xml(xml ? xml.get() : "");
  const xmlNode* node = document ? xmlDocGetRootElement(document.get()) : nullptr;
  for (const auto* name : {"target", "path"}) {
    node = node == nullptr ? nullptr : node->children;
    while (node != nullptr && text_of(node->name) != name)
      node = node->next;
  }
  return node != nullptr && node->children != nullptr
             ? std::string{text_of(node->children->content)}
             : std::string{};
}

std::optional<std::string> first_closed(const std::string& directory) {
  fs::path way;
  for (const auto& part : fs::path{directory}) {
    way /= part;
    struct stat found {};
    if (::stat(way.c_str(), &found) != 0)
      return std::nullopt;
    if (!open_to_qemu({true, found.st_mode & 07777U, found.st_uid, found.st_gid}, 01))
      return way.string();
  }
  return std::string{};
}

/// nullopt: libvirt's last error tells why.
std::optional<pool_facts> look_at(virStoragePool& pool) {
  const int active = virStoragePoolIsActive(&pool);
  int autostart = 0;
  if (active < 0 || virStoragePoolGetAutostart(&pool, &autostart) < 0)
    return std::nullopt;
  pool_facts facts;
  facts.active = active == 1;
  facts.autostart = autostart == 1;
  facts.directory = target_path(pool);
  if (!facts.directory.empty())
    facts.closed_at = first_closed(facts.directory);
  return facts;
}

hypervisor_facts ask(const std::string& uri, const std::set<std::string>& pools) {
  const auto failed = [] {
    hypervisor_facts facts;
    facts.problem = last_libvirt_error().message;
    if (facts.problem.empty())
      facts.problem = "libvirt gives no reason";
    return facts;
  };
  virSetErrorFunc(nullptr, [](void*, virErrorPtr) {}); // errors are returned, not printed
  const connection_handle connection{virConnectOpen(uri.c_str()), [](virConnect* open) {
                                       if (open != nullptr)
                                         virConnectClose(open);
                                     }};
  unsigned long version = 0;
  if (!connection || virConnectGetLibVersion(connection.get(), &version) < 0)
    return failed();
  hypervisor_facts facts;
  facts.version = version_text(version);
  for (const auto& name : pools) {
    const pool_handle pool{virStoragePoolLookupByName(connection.get(), name.c_str())};
    if (!pool && last_libvirt_error().code == VIR_ERR_NO_STORAGE_POOL)
      continue;
    const auto seen = pool ? look_at(*pool) : std::nullopt;
    if (!seen)
      return failed();
    facts.pools.emplace(name, *seen);
  }
  return facts;
}

} // namespace

hypervisor_facts ask_hypervisor(const doctor_settings& settings) {
  auto facts = call_within<hypervisor_facts>(
      std::chrono::seconds{30},
      [uri = settings.libvirt_uri, pools = std::set{settings.disk_pool, settings.image_pool}] {
        return ask(uri, pools);
      });
  if (facts)
    return std::move(*facts);
  hypervisor_facts none;
  none.problem = "no answer in 30 s";
  none.silent = true;
  return none;
}

} // namespace berth::hostbackend::host_linux
