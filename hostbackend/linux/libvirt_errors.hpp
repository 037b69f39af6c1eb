#pragma once

#include <string>
#include <string_view>

#include "model/failure.hpp"

namespace berth::hostbackend::host_linux {

/// An error as libvirt gives it (virError), without libvirt's types.
struct libvirt_error {
  int code = 0;        ///< virErrorNumber
  int domain = 0;      ///< virErrorDomain: the part of libvirt that it comes from
  std::string message; ///< libvirt's own text, QEMU's included

  friend bool operator==(const libvirt_error&, const libvirt_error&) = default;
};

/// The calling thread's last error; a code of 0 if there is none.
[[nodiscard]] libvirt_error last_libvirt_error();

/// The error in terms of the catalogue. `what` names what was tried and on which thing, e.g.
/// `start of server 7c0e...`. libvirt's own text, code and domain are in the details as `libvirt`,
/// `libvirt_code` and `libvirt_domain`.
///
/// libvirt has few codes for many cases, so some are told by their text (libvirt 9.0, QEMU 7.2). A
/// connection that broke during the call leaves it errc::outcome_unknown; what is not known
/// otherwise is errc::hypervisor_failed.
[[nodiscard]] model::failure from_libvirt(const libvirt_error& error, std::string_view what);

/// The calling thread's last error as a result.
[[nodiscard]] tl::unexpected<model::failure> libvirt_failed(std::string_view what);

} // namespace berth::hostbackend::host_linux
