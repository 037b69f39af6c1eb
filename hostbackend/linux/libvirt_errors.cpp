#include "hostbackend/linux/libvirt_errors.hpp"

#include <array>

#include <libvirt/virterror.h>

namespace berth::hostbackend::host_linux {

using model::errc;

namespace {

struct known_text {
  std::string_view part;
  errc code;
};

// What one code of libvirt says of several cases; the first match counts.
constexpr std::array known_texts{
    // QEMU, through "qemu unexpectedly closed the monitor" or "unable to execute QEMU command".
    known_text{"is not viable", errc::group_not_viable},
    // The device, or another function of its group, belongs to a running domain.
    known_text{"is in use by driver", errc::device_in_use},
    known_text{"Not resetting active device", errc::device_in_use},
    // managed='no' and still with a driver of the host.
    known_text{"must be manually detached from the host", errc::bind_failed},
    // Gone from the bus, and there but reading all ones.
    known_text{"not found: could not access /sys/bus/pci", errc::device_lost},
    known_text{"Unknown PCI header type '127'", errc::device_lost},
    // Another call holds the domain: this one did nothing.
    known_text{"cannot acquire state change lock", errc::busy},
    // A pool is not refreshed, a volume not deleted while one is built.
    known_text{"has asynchronous jobs running", errc::busy},
    known_text{"is still being allocated", errc::busy},
    known_text{"already exists with uuid", errc::name_in_use},
};

/// The connection's own errors: virtual machines are not asked by RPC, so these are never an
/// answer.
bool is_of_the_connection(const libvirt_error& error) {
  return error.domain == VIR_FROM_RPC || error.domain == VIR_FROM_REMOTE;
}

errc code_of(const libvirt_error& error) {
  for (const auto& [part, code] : known_texts)
    if (error.message.find(part) != std::string::npos)
      return code;
  if (is_of_the_connection(error) && error.code != VIR_ERR_NO_SUPPORT)
    return errc::outcome_unknown;
  switch (error.code) {
  case VIR_ERR_OPERATION_TIMEOUT:
  case VIR_ERR_AGENT_UNRESPONSIVE:
    return errc::outcome_unknown;
  case VIR_ERR_NO_STORAGE_VOL:
    return errc::not_found;
  case VIR_ERR_RESOURCE_BUSY:
    return errc::busy;
  case VIR_ERR_XML_ERROR:
  case VIR_ERR_XML_DETAIL:
  case VIR_ERR_XML_INVALID_SCHEMA:
    return errc::internal; // we wrote that XML
  default:
    return errc::hypervisor_failed;
  }
}

} // namespace

libvirt_error last_libvirt_error() {
  const auto* const error = virGetLastError();
  if (error == nullptr || error->code == VIR_ERR_OK)
    return {};
  return {error->code, error->domain, error->message == nullptr ? "" : error->message};
}

model::failure from_libvirt(const libvirt_error& error, std::string_view what) {
  const std::string text = error.message.empty() ? "no reason given" : error.message;
  return {code_of(error),
          std::string{what} + ": " + text,
          {{"libvirt", text},
           {"libvirt_code", std::to_string(error.code)},
           {"libvirt_domain", std::to_string(error.domain)}}};
}

tl::unexpected<model::failure> libvirt_failed(std::string_view what) {
  return tl::unexpected{from_libvirt(last_libvirt_error(), what)};
}

} // namespace berth::hostbackend::host_linux
