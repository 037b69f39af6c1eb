#include "api/listen_policy.hpp"

#include "net/url.hpp"

namespace berth::api {

model::result<void> listen_policy(std::string_view address, bool has_tls, bool has_tokens) {
  if (net::is_loopback(address) || (has_tls && has_tokens)) {
    return {};
  }
  std::string missing = has_tls ? "" : "a TLS certificate and key";
  if (!has_tokens) {
    missing += missing.empty() ? "a token file" : " and a token file";
  }
  return model::fail(model::errc::invalid_argument,
                     "refusing to listen on " + std::string{address} +
                         ", which is not loopback, "
                         "without " +
                         missing + ": configure that, or listen on 127.0.0.1",
                     {{"address", std::string{address}}});
}

} // namespace berth::api
