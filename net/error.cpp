#include "net/error.hpp"

namespace berth::net {

const char* to_string(errc code) noexcept {
  switch (code) {
  case errc::bad_argument:
    return "bad_argument";
  case errc::resolve_failed:
    return "resolve_failed";
  case errc::refused:
    return "refused";
  case errc::unreachable:
    return "unreachable";
  case errc::timed_out:
    return "timed_out";
  case errc::tls_failed:
    return "tls_failed";
  case errc::bad_certificate:
    return "bad_certificate";
  case errc::closed:
    return "closed";
  case errc::protocol:
    return "protocol";
  case errc::too_large:
    return "too_large";
  case errc::upgrade_refused:
    return "upgrade_refused";
  case errc::file:
    return "file";
  case errc::exists:
    return "exists";
  case errc::stopped:
    return "stopped";
  case errc::system:
    return "system";
  }
  return "unknown";
}

} // namespace berth::net
