#pragma once

#include <string>
#include <tl/expected.hpp>

namespace berth::net {

/// What kind of thing went wrong on the network. A new code only where some caller acts
/// differently.
enum class errc {
  bad_argument,    ///< the caller's options or address make no sense; retrying is pointless
  resolve_failed,  ///< the host name has no address
  refused,         ///< nobody listens there
  unreachable,     ///< no route, or the network is down
  timed_out,       ///< a deadline passed; the peer may or may not have acted on the request
  tls_failed,      ///< the TLS handshake failed for a reason other than a certificate
  bad_certificate, ///< a certificate was not trusted, expired, or names somebody else
  closed,          ///< the peer closed the connection; it may or may not have acted
  protocol,        ///< the peer does not speak the protocol
  too_large,       ///< a message is over its limit
  upgrade_refused, ///< the server answered a WebSocket upgrade with an ordinary status
  file,            ///< a certificate or key file cannot be read or written
  exists,          ///< a file would have been overwritten
  stopped,         ///< the pool or client was stopped first
  system,          ///< any other answer of the operating system
};

/// The name of a code, for logs and tests.
[[nodiscard]] const char* to_string(errc code) noexcept;

/// A failure on the network: a code to act on and a sentence to show (lower case, names the thing).
struct error {
  errc code = errc::system;
  std::string message;

  friend bool operator==(const error&, const error&) = default;
};

template <class T> using result = tl::expected<T, error>;

/// Shorthand for returning a failure from a function that returns `result<T>`.
[[nodiscard]] inline tl::unexpected<error> fail(errc code, std::string message) {
  return tl::unexpected<error>(error{code, std::move(message)});
}

} // namespace berth::net
