#pragma once

#include <string>

#include "model/failure.hpp"
#include "net/http_client.hpp"

namespace berth::apps {

/// How a program that talks to a controller gets there.
struct api_access {
  std::string controller = "http://127.0.0.1:8750"; ///< http:// or https:// URL
  std::string token_file;                           ///< its first line is the token; empty = none
  std::string ca_file;                              ///< PEM; empty = the system's store
};

/// Reads the token file and makes the options of a client.
[[nodiscard]] model::result<net::http_client_options> client_options(const api_access& access);

} // namespace berth::apps
