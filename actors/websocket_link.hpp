#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "actors/link_transport.hpp"
#include "net/http_server.hpp"
#include "net/websocket_client.hpp"

namespace berth::actors {

// The host link's transport in production: WebSockets over mutual TLS, one Protobuf message per
// binary frame (docs/host-link.md).

/// Where agents connect to, on the controller's one port.
inline constexpr std::string_view host_link_path = "/v1/hostlink";
/// The request's header that says for which host the connection speaks.
inline constexpr std::string_view host_name_header = "Berth-Host";

/// Which names a certificate may speak for.
struct host_link_policy {
  /// Whether a certificate with the name `berth-host:*` may speak for any host: for fleets of
  /// simulated hosts in one process. Never in production.
  bool fleet_certificates = false;
};

/// The host that a connection speaks for: the one its header names, or the only one in its
/// certificate. Fails with not_authenticated without a verified certificate, and with not_permitted
/// when the certificate does not carry the name.
[[nodiscard]] model::result<std::string> authenticated_host(const net::request& upgrade,
                                                            const host_link_policy& policy);

/// Accepts the upgrade and hands the connection to the door. Any thread; never blocks. `limits`
/// bound a frame and what is unsent.
void accept_host_link(const std::shared_ptr<link_door>& door, std::string host,
                      net::upgrader upgrade, net::websocket_limits limits);

/// Makes the options of a dial for a host, so that each can have its own certificate.
using dial_options = std::function<net::websocket_client_options(const std::string& host)>;

/// Dials with WebSockets on the pool's threads. The pool must outlive it.
[[nodiscard]] std::shared_ptr<link_dialer> make_websocket_dialer(net::io_pool& pool,
                                                                 dial_options options);

} // namespace berth::actors
