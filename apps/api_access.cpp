#include "apps/api_access.hpp"

#include <fstream>

#include "net/url.hpp"

namespace berth::apps {

model::result<net::http_client_options> client_options(const api_access& access) {
  const auto url = net::parse_url(access.controller);
  if (!url || (url->scheme != "http" && url->scheme != "https")) {
    return model::fail(model::errc::invalid_argument,
                       "controller is '" + access.controller +
                           "': must be a URL such as http://127.0.0.1:8750");
  }
  net::http_client_options options;
  options.where = url->where;
  options.refused_hint = "is berth-controller running?";
  if (url->tls()) {
    options.tls = net::client_tls{access.ca_file, {}, {}, {}};
  }
  if (!access.token_file.empty()) {
    std::ifstream file{access.token_file};
    if (!std::getline(file, options.bearer_token) || options.bearer_token.empty()) {
      return model::fail(model::errc::invalid_argument,
                         "cannot read a token from " + access.token_file);
    }
  }
  return options;
}

} // namespace berth::apps
