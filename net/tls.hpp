#pragma once

#include <string>

namespace berth::net {

/// A server's TLS files, all PEM. TLS 1.2 and 1.3 only.
struct server_tls {
  std::string certificate_file; ///< the chain, own certificate first
  std::string key_file;
  /// When set, a client certificate is asked for and verified against it; a client without one is
  /// still served (the handler sees none), a client with an untrusted one is refused.
  std::string client_ca_file;
};

/// A client's TLS files, all PEM.
struct client_tls {
  std::string ca_file;          ///< whom to trust; empty: the system's store
  std::string certificate_file; ///< own certificate for mutual TLS, or empty
  std::string key_file;
  /// The name or address that the server's certificate must carry; empty: the host connected to.
  std::string server_name;
};

} // namespace berth::net
