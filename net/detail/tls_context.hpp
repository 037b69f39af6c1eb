#pragma once

#include "net/detail/stream.hpp"
#include "net/error.hpp"
#include "net/http.hpp"
#include "net/tls.hpp"

#include <memory>

namespace berth::net::detail {

using tls_context_ptr = std::shared_ptr<asio::ssl::context>;

/// Loads the files; an error names the file and what OpenSSL says about it.
[[nodiscard]] result<tls_context_ptr> make_server_context(const server_tls& files);
[[nodiscard]] result<tls_context_ptr> make_client_context(const client_tls& files);

/// Makes a client's stream demand that the server's certificate carries `name` (DNS name or IP
/// address) and send it as SNI.
void expect_server_name(SSL* ssl, const std::string& name);

/// The peer's certificate, if there is one and it was verified.
[[nodiscard]] std::optional<peer_certificate> verified_peer(SSL* ssl);

/// Why a handshake failed, in words: the certificate's fault if it was one, else OpenSSL's reason.
[[nodiscard]] error handshake_error(SSL* ssl, const error_code& ec, const std::string& who);

/// Maps an Asio error to ours: "<what>: <reason in words>".
[[nodiscard]] error socket_error(const error_code& ec, const std::string& what);

/// True when the error code is an alert with which the peer refused our certificate (TLS 1.3
/// reports that only on the first read after the handshake).
[[nodiscard]] bool is_certificate_alert(const error_code& ec);

} // namespace berth::net::detail
