#include "hostbackend/linux/libvirt_domains.hpp"

#include <algorithm>
#include <memory>
#include <utility>

#include <libvirt/virterror.h>

#include "hostbackend/linux/domain_functions.hpp"
#include "hostbackend/linux/domain_metadata.hpp"
#include "hostbackend/linux/guest_devices.hpp"
#include "hostbackend/linux/hot_plug.hpp"
#include "hostbackend/linux/libvirt_errors.hpp"
#include "hostbackend/linux/libvirt_handles.hpp"
#include "hostbackend/linux/seed_image.hpp"

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;
using model::result;
using model::host_operations::listed_server;

namespace {

/// The domain's note; nullopt = it is not ours, which includes a copy of one of ours: a copy has
/// another UUID than its note says.
result<std::optional<domain_note>> note_of(virDomain& domain) {
  const owned_text xml{virDomainGetMetadata(&domain, VIR_DOMAIN_METADATA_ELEMENT,
                                            metadata_namespace, VIR_DOMAIN_AFFECT_CURRENT)};
  if (!xml) {
    const auto error = last_libvirt_error();
    if (error.code == VIR_ERR_NO_DOMAIN_METADATA)
      return std::nullopt;
    return tl::unexpected{
        from_libvirt(error, std::string{"metadata of domain "} + virDomainGetName(&domain))};
  }
  auto note = read_note(xml.get());
  char uuid[VIR_UUID_STRING_BUFLEN] = {};
  if (!note || virDomainGetUUIDString(&domain, uuid) < 0 || to_string(note->server) != uuid)
    return std::nullopt;
  return std::move(*note);
}

result<bool> is_active(virDomain& domain, const std::string& what) {
  const int active = virDomainIsActive(&domain);
  if (active < 0)
    return libvirt_failed(what);
  return active == 1;
}

/// A server's domain and how it is.
struct found_domain {
  domain_handle handle; ///< null = there is none
  bool active = false;
};

result<found_domain> find_domain(virConnect& connection, const model::server_id& server) {
  domain_handle domain{virDomainLookupByUUIDString(&connection, to_string(server).c_str())};
  if (!domain) {
    const auto error = last_libvirt_error();
    if (error.code == VIR_ERR_NO_DOMAIN)
      return found_domain{};
    return tl::unexpected{from_libvirt(error, name_of(server))};
  }
  const auto note = note_of(*domain);
  if (!note)
    return tl::unexpected{note.error()};
  if (!*note)
    return fail(errc::wrong_state, std::string{"domain "} + virDomainGetName(domain.get()) +
                                       " has the UUID of " + name_of(server) +
                                       " and no metadata of berth: rename or remove it");
  const auto active = is_active(*domain, name_of(server));
  if (!active)
    return tl::unexpected{active.error()};
  return found_domain{std::move(domain), *active};
}

result<void> refuse_running(const model::server_id& server) {
  return fail(errc::hypervisor_failed, name_of(server) + " runs: stop it first");
}

result<server_files> make_files(virConnect& connection, const volume_pools& pools,
                                const definition& made) {
  auto disks = create_disks(connection, pools, made.server.id, made.server.spec->disks);
  if (!disks)
    return tl::unexpected{std::move(disks).error()};
  auto seed = renew_seed(connection, pools, made.server.id, made.seed);
  if (!seed)
    return tl::unexpected{std::move(seed).error()};
  return server_files{std::move(*disks), std::move(*seed)};
}

/// `flags`: of virDomainXMLFlags.
result<std::string> xml_of(virDomain& domain, unsigned flags = 0) {
  const owned_text xml{virDomainGetXMLDesc(&domain, flags)};
  if (!xml)
    return libvirt_failed(std::string{"description of domain "} + virDomainGetName(&domain));
  return std::string{xml.get()};
}

/// A running server's domain, what it says of itself, and its XML.
struct live_domain {
  domain_handle handle;
  domain_note note;
  std::string xml;
};

result<live_domain> find_running(virConnect& connection, const model::server_id& server) {
  auto domain = find_domain(connection, server);
  if (!domain)
    return tl::unexpected{std::move(domain).error()};
  if (!domain->active)
    return fail(errc::wrong_state, name_of(server) + " is off: define it anew instead");
  auto note = note_of(*domain->handle);
  auto xml = xml_of(*domain->handle);
  if (!note || !xml)
    return tl::unexpected{note ? xml.error() : note.error()};
  return live_domain{std::move(domain->handle), note->value_or(domain_note{}), std::move(*xml)};
}

// Only the running guest changes: before its next start the server is defined anew.
constexpr unsigned now = VIR_DOMAIN_AFFECT_LIVE;

/// The note comes first: a device is never in a domain that does not say so.
result<void> add_to_note(live_domain& domain, const noted_device& device) {
  std::erase_if(domain.note.devices, [&](const noted_device& one) {
    return one.attachment.device == device.attachment.device;
  });
  domain.note.devices.push_back(device);
  const auto text = bare_note(domain.note);
  if (virDomainSetMetadata(domain.handle.get(), VIR_DOMAIN_METADATA_ELEMENT, text.c_str(),
                           metadata_prefix, metadata_namespace, now) < 0)
    return libvirt_failed("metadata of " + name_of(domain.note.server));
  return {};
}

/// Why the domain's guest does not get on; empty = it does, or it is off.
result<std::string> reason_of_state(virDomain& domain) {
  int state = 0;
  int detail = 0;
  if (virDomainGetState(&domain, &state, &detail, 0) < 0)
    return libvirt_failed(std::string{"state of domain "} + virDomainGetName(&domain));
  if (state != VIR_DOMAIN_PAUSED)
    return std::string{};
  switch (detail) {
  case VIR_DOMAIN_PAUSED_IOERROR:
    return std::string{"paused on a disk's error"};
  case VIR_DOMAIN_PAUSED_CRASHED:
    return std::string{"its guest crashed"};
  default:
    return std::string{"paused by an administrator, or by QEMU on a device's error: see its log"};
  }
}

/// True if the domain vanished while it was looked at: it is left out then.
bool vanished(const model::failure& why) {
  const auto code = why.details.find("libvirt_code");
  return code != why.details.end() && code->second == std::to_string(VIR_ERR_NO_DOMAIN);
}

/// One of ours, or of somebody else's, with what it really holds.
result<void> look_at(virDomain& domain, domain_survey& survey) {
  const std::string name = virDomainGetName(&domain);
  const auto note = note_of(domain);
  if (!note)
    return tl::unexpected{note.error()};
  const auto active = is_active(domain, "domain " + name);
  if (!active)
    return tl::unexpected{active.error()};
  const auto xml = xml_of(domain);
  if (!xml)
    return tl::unexpected{xml.error()};
  if (!*note) {
    survey.listing.unknown_domains.push_back(name);
    // What cannot be read of somebody's XML is not lost: a device that is held fails verification.
    if (const auto functions = passed_functions(*xml); *active && functions)
      for (const auto& function : *functions)
        survey.held.emplace(function, name);
    return {};
  }
  auto paused = reason_of_state(domain);
  if (!paused)
    return tl::unexpected{std::move(paused).error()};
  listed_server server{
      .server = (*note)->server, .running = *active, .devices = {}, .paused = std::move(*paused)};
  for (const auto& device : (*note)->devices)
    if (holds_device(*xml, device.attachment.device))
      server.devices.push_back(device.attachment.device);
  survey.listing.servers.push_back(std::move(server));
  return {};
}

result<std::vector<domain_handle>> all_domains(virConnect& connection) {
  virDomainPtr* listed = nullptr;
  const int count = virConnectListAllDomains(&connection, &listed, 0);
  if (count < 0)
    return libvirt_failed("list of domains");
  const std::unique_ptr<virDomainPtr, released_by<std::free>> array{listed};
  std::vector<domain_handle> domains;
  for (int i = 0; i < count; ++i)
    domains.emplace_back(listed[i]);
  return domains;
}

/// Adds what the domain has, if it is ours, now and at its next start.
result<void> add_functions(virDomain& domain, function_users& users) {
  const auto note = note_of(domain);
  if (!note)
    return tl::unexpected{note.error()};
  if (!*note)
    return {};
  for (const unsigned flags : {0U, unsigned{VIR_DOMAIN_XML_INACTIVE}}) {
    const auto xml = xml_of(domain, flags);
    if (!xml)
      return tl::unexpected{xml.error()};
    const auto functions = passed_functions(*xml);
    if (!functions)
      return fail(functions.error().code,
                  name_of((*note)->server) + ": " + functions.error().message);
    for (const auto& address : *functions)
      users.emplace(address, virDomainGetName(&domain));
  }
  return {};
}

} // namespace

std::string name_of(const model::server_id& server) {
  return "server " + to_string(server);
}

/// Refuses what libvirt need not be asked for.
result<definition> definition_of(const domain_settings& settings,
                                 const model::desired_server& server,
                                 const std::vector<model::device_info>& devices) {
  if (auto checked = check_domain(settings, server, devices); !checked)
    return tl::unexpected{std::move(checked).error()};
  definition made{settings, server, devices, std::nullopt};
  if (!server.spec->user_data.empty()) {
    auto seed = seed_image(server);
    if (!seed)
      return tl::unexpected{std::move(seed).error()};
    made.seed = std::move(*seed);
  }
  return made;
}

result<void> define_domain(virConnect& connection, const volume_pools& pools,
                           const definition& made) {
  const auto& server = made.server.id;
  const auto domain = find_domain(connection, server);
  if (!domain)
    return tl::unexpected{domain.error()};
  if (domain->active)
    return refuse_running(server);
  const auto files = make_files(connection, pools, made);
  if (!files)
    return tl::unexpected{files.error()};
  const auto xml = domain_xml(made.settings, made.server, made.devices, *files);
  if (!xml)
    return tl::unexpected{xml.error()};
  const domain_handle defined{
      virDomainDefineXMLFlags(&connection, xml->c_str(), VIR_DOMAIN_DEFINE_VALIDATE)};
  if (!defined)
    return libvirt_failed("definition of " + name_of(server));
  return {};
}

result<void> start_domain(virConnect& connection, const model::server_id& server) {
  const auto domain = find_domain(connection, server);
  if (!domain)
    return tl::unexpected{domain.error()};
  if (!domain->handle)
    return fail(errc::hypervisor_failed, name_of(server) + " is not defined: define it first");
  if (domain->active)
    return {};
  if (virDomainCreate(domain->handle.get()) < 0)
    return libvirt_failed("start of " + name_of(server));
  return {};
}

/// Both ways of stopping end well on a domain that went off meanwhile.
result<void> stop_domain(virConnect& connection, const model::server_id& server, bool force) {
  const auto domain = find_domain(connection, server);
  if (!domain)
    return tl::unexpected{domain.error()};
  if (!domain->handle || !domain->active)
    return {};
  const int stopped =
      force ? virDomainDestroy(domain->handle.get()) : virDomainShutdown(domain->handle.get());
  if (stopped == 0)
    return {};
  auto failure = libvirt_failed((force ? "forced stop of " : "shutdown of ") + name_of(server));
  const auto active = is_active(*domain->handle, name_of(server));
  if (active && !*active)
    return {};
  return failure;
}

result<void> undefine_domain(virConnect& connection, const volume_pools& pools,
                             const model::server_id& server) {
  const auto domain = find_domain(connection, server);
  if (!domain)
    return tl::unexpected{domain.error()};
  if (domain->active)
    return refuse_running(server);
  constexpr unsigned flags = VIR_DOMAIN_UNDEFINE_MANAGED_SAVE |
                             VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA |
                             VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA | VIR_DOMAIN_UNDEFINE_NVRAM;
  if (domain->handle && virDomainUndefineFlags(domain->handle.get(), flags) < 0)
    return libvirt_failed("removal of " + name_of(server));
  return delete_disks(connection, pools, server);
}

result<void> plug_in(virConnect& connection, const model::server_id& server,
                     const model::attachment& attachment, const model::device_info& device) {
  auto domain = find_running(connection, server);
  if (!domain)
    return tl::unexpected{std::move(domain).error()};
  if (holds_device(domain->xml, device.id))
    return {};
  const auto port = free_root_port(domain->xml);
  if (!port)
    return fail(errc::wrong_state, name_of(server) +
                                       " has no free root port: stop it first, or raise "
                                       "spare_root_ports for servers to come");
  const auto xml = hot_plug_xml(attachment, device, *port);
  if (!xml)
    return tl::unexpected{xml.error()};
  if (auto noted = add_to_note(*domain, {attachment, device.address}); !noted)
    return noted;
  if (virDomainAttachDeviceFlags(domain->handle.get(), xml->c_str(), now) < 0)
    return libvirt_failed("attachment of " + to_string(device.address) + " to " + name_of(server));
  return {};
}

result<void> plug_out(virConnect& connection, const model::server_id& server,
                      const model::device_id& device) {
  const auto domain = find_domain(connection, server);
  if (!domain)
    return tl::unexpected{domain.error()};
  if (!domain->active)
    return {};
  const auto xml = xml_of(*domain->handle);
  if (!xml)
    return tl::unexpected{xml.error()};
  if (!holds_device(*xml, device))
    return {};
  if (virDomainDetachDeviceAlias(domain->handle.get(), device_alias(device).c_str(), now) == 0)
    return {};
  const auto error = last_libvirt_error();
  if (error.message.find("already in the process of unplug") != std::string::npos)
    return {}; // asked before, and the guest still thinks about it
  if (const auto meanwhile = xml_of(*domain->handle);
      meanwhile && !holds_device(*meanwhile, device))
    return {}; // it let go while it was being asked
  return tl::unexpected{from_libvirt(error, "detachment of device " + to_string(device) + " from " +
                                                name_of(server))};
}

result<domain_survey> survey_domains(virConnect& connection) {
  const auto domains = all_domains(connection);
  if (!domains)
    return tl::unexpected{domains.error()};
  domain_survey survey;
  for (const auto& domain : *domains)
    if (auto looked = look_at(*domain, survey); !looked && !vanished(looked.error()))
      return tl::unexpected{std::move(looked).error()};
  std::ranges::sort(survey.listing.servers, {}, &listed_server::server);
  std::ranges::sort(survey.listing.unknown_domains);
  return survey;
}

result<function_users> survey_functions(virConnect& connection) {
  const auto domains = all_domains(connection);
  if (!domains)
    return tl::unexpected{domains.error()};
  function_users users;
  for (const auto& domain : *domains)
    if (auto added = add_functions(*domain, users); !added && !vanished(added.error()))
      return tl::unexpected{std::move(added).error()};
  return users;
}

} // namespace berth::hostbackend::host_linux
