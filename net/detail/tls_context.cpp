#include "net/detail/tls_context.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cctype>

namespace berth::net::detail {
namespace {

/// The last entry of OpenSSL's queue in words; leaves the queue empty.
std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown reason" : reason;
}

tl::unexpected<error> file_fault(const std::string& what, const std::string& file) {
  return fail(errc::file, "cannot use " + what + " " + file + ": " + openssl_reason());
}

result<void> load_identity(SSL_CTX* context, const std::string& certificate,
                           const std::string& key) {
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, certificate.c_str()) != 1)
    return file_fault("certificate file", certificate);
  if (SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) != 1)
    return file_fault("key file", key);
  if (SSL_CTX_check_private_key(context) != 1)
    return file_fault("key file (it does not belong to " + certificate + ")", key);
  return {};
}

tls_context_ptr bare_context(asio::ssl::context::method method) {
  auto made = std::make_shared<asio::ssl::context>(method);
  SSL_CTX* context = made->native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return made;
}

std::string text_of(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

} // namespace

result<tls_context_ptr> make_server_context(const server_tls& files) {
  auto made = bare_context(asio::ssl::context::tls_server);
  SSL_CTX* context = made->native_handle();
  if (auto loaded = load_identity(context, files.certificate_file, files.key_file); !loaded)
    return tl::unexpected(loaded.error());
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context, 0);
  if (!files.client_ca_file.empty()) {
    if (SSL_CTX_load_verify_file(context, files.client_ca_file.c_str()) != 1)
      return file_fault("client CA file", files.client_ca_file);
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(files.client_ca_file.c_str()));
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  }
  ERR_clear_error();
  return made;
}

result<tls_context_ptr> make_client_context(const client_tls& files) {
  auto made = bare_context(asio::ssl::context::tls_client);
  SSL_CTX* context = made->native_handle();
  if (files.ca_file.empty())
    SSL_CTX_set_default_verify_paths(context);
  else if (SSL_CTX_load_verify_file(context, files.ca_file.c_str()) != 1)
    return file_fault("CA file", files.ca_file);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (!files.certificate_file.empty())
    if (auto loaded = load_identity(context, files.certificate_file, files.key_file); !loaded)
      return tl::unexpected(loaded.error());
  ERR_clear_error();
  return made;
}

void expect_server_name(SSL* ssl, const std::string& name) {
  X509_VERIFY_PARAM* param = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str()) == 1)
    return;
  X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  X509_VERIFY_PARAM_set1_host(param, name.c_str(), name.size());
  SSL_set_tlsext_host_name(ssl, name.c_str());
  ERR_clear_error();
}

std::optional<peer_certificate> verified_peer(SSL* ssl) {
  const std::unique_ptr<X509, void (*)(X509*)> cert(SSL_get1_peer_certificate(ssl), X509_free);
  if (!cert || SSL_get_verify_result(ssl) != X509_V_OK)
    return std::nullopt;
  peer_certificate peer;
  char subject[256] = {};
  X509_NAME_oneline(X509_get_subject_name(cert.get()), subject, sizeof subject);
  peer.subject = subject;
  const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> names(
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(cert.get(), NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_DNS)
      peer.dns_names.push_back(text_of(name->d.dNSName));
    else if (name->type == GEN_URI)
      peer.uri_names.push_back(text_of(name->d.uniformResourceIdentifier));
  }
  ERR_clear_error();
  return peer;
}

bool is_certificate_alert(const error_code& ec) {
  if (ec.category() != asio::error::get_ssl_category())
    return false;
  switch (ERR_GET_REASON(static_cast<unsigned long>(ec.value()))) {
  case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
  case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
  case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
  case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
  case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
  case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
  case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
  case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    return true;
  default:
    return false;
  }
}

error handshake_error(SSL* ssl, const error_code& ec, const std::string& who) {
  const long verdict = SSL_get_verify_result(ssl);
  if (verdict != X509_V_OK)
    return {errc::bad_certificate, "the certificate of " + who + " is not trusted: " +
                                       X509_verify_cert_error_string(verdict)};
  if (is_certificate_alert(ec))
    return {errc::bad_certificate,
            who + " refused our certificate: " +
                ERR_reason_error_string(static_cast<unsigned long>(ec.value()))};
  if (ec.category() == asio::error::get_ssl_category()) {
    const auto code = static_cast<unsigned long>(ec.value());
    if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER)
      return {errc::tls_failed, who + " does not speak TLS on this port"};
    const char* reason = ERR_reason_error_string(code);
    return {errc::tls_failed, "TLS handshake with " + who +
                                  " failed: " + (reason == nullptr ? "unknown reason" : reason)};
  }
  return socket_error(ec, "TLS handshake with " + who + " failed");
}

error socket_error(const error_code& ec, const std::string& what) {
  namespace err = asio::error;
  if (ec == err::connection_refused)
    return {errc::refused, what + ": connection refused"};
  if (ec == err::eof || ec == asio::ssl::error::stream_truncated)
    return {errc::closed, what + ": the peer closed the connection"};
  if (ec == err::connection_reset || ec == err::broken_pipe || ec == err::connection_aborted)
    return {errc::closed, what + ": connection reset by peer"};
  if (ec == err::timed_out)
    return {errc::timed_out, what + ": timed out"};
  if (ec == err::host_unreachable || ec == err::network_unreachable || ec == err::network_down)
    return {errc::unreachable, what + ": no route to host"};
  if (ec == err::operation_aborted)
    return {errc::stopped, what + ": stopped"};
  if (ec.category() == err::get_ssl_category()) {
    const char* reason = ERR_reason_error_string(static_cast<unsigned long>(ec.value()));
    return {is_certificate_alert(ec) ? errc::bad_certificate : errc::tls_failed,
            what + ": " + (reason == nullptr ? "TLS failure" : reason)};
  }
  std::string words = ec.message();
  std::transform(words.begin(), words.end(), words.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return {errc::system, what + ": " + words};
}

} // namespace berth::net::detail
