#include <filesystem>
#include <fstream>
#include <utility>

#include <fmt/format.h>

#include "cli/transport.hpp"
#include "net/http_client.hpp"
#include "net/url.hpp"

namespace berth::cli {
namespace {

/// True if the request cannot have reached the controller.
bool never_arrived(net::errc code) {
  switch (code) {
  case net::errc::timed_out:
  case net::errc::closed:
  case net::errc::protocol:
  case net::errc::too_large:
  case net::errc::stopped:
  case net::errc::system:
    return false;
  default:
    return true;
  }
}

class http_transport final : public transport {
public:
  explicit http_transport(net::http_client_options options) : client_(std::move(options)) {}

  result<call_answer> exchange(const call& what) override {
    return answer_of(client_.request(request_of(what)));
  }
  result<call_answer> stream(const call& what,
                             const std::function<bool(std::string_view)>& on_bytes) override {
    return answer_of(client_.stream(request_of(what), on_bytes));
  }

private:
  static net::client_request request_of(const call& what) {
    net::client_request out{
        .method = what.method, .target = what.target, .headers = {}, .body = what.body};
    for (const auto& [name, value] : what.headers)
      out.headers.add(name, value);
    return out;
  }

  static result<call_answer> answer_of(net::result<net::response> got) {
    if (!got)
      return tl::unexpected{
          fault{never_arrived(got.error().code) ? exit_code::unreachable : exit_code::unknown,
                got.error().message}};
    call_answer out{.status = got->status, .body = std::move(got->body)};
    if (const auto wait = got->headers.find("Retry-After"))
      out.retry_after = std::string{*wait};
    return out;
  }

  net::http_client client_;
};

/// The token is the file's only word. It is never printed.
result<std::string> read_token(const std::string& file) {
  std::ifstream in{file};
  std::string token;
  if (!(in >> token))
    return misuse(fmt::format("{} cannot be read or holds no token", file));
  if (std::string more; in >> more)
    return misuse(fmt::format("{} holds more than one word; it must hold the token alone, not the "
                              "controller's token file",
                              file));
  return token;
}

} // namespace

result<std::unique_ptr<transport>> make_transport(const connection_options& options) {
  const auto full = options.controller.find("://") == std::string::npos
                        ? "http://" + options.controller
                        : options.controller;
  const auto url = net::parse_url(full);
  if (!url || (url->scheme != "http" && url->scheme != "https"))
    return misuse(
        fmt::format("--controller must be a URL such as http://127.0.0.1:8750, got \"{}\"",
                    options.controller));
  net::http_client_options out;
  out.where = url->where;
  out.request_timeout = options.timeout;
  out.refused_hint = "is berth-controller running?";
  if (url->tls())
    out.tls = net::client_tls{.ca_file = options.ca_file,
                              .certificate_file = options.certificate_file,
                              .key_file = options.key_file,
                              .server_name = {}};
  if (!options.token_file.empty()) {
    auto token = read_token(options.token_file);
    if (!token)
      return tl::unexpected{token.error()};
    if (!url->tls() && !net::is_loopback(url->where.host))
      return misuse(
          fmt::format("the token would travel in the clear to {}: use https", url->where.host));
    out.bearer_token = std::move(*token);
  }
  return std::make_unique<http_transport>(std::move(out));
}

} // namespace berth::cli
