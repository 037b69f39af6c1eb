#pragma once

#include "net/error.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace berth::net {

/// Undoes %XX in one component. With `plus_is_space`, '+' becomes a space (query strings).
/// Nothing when an escape is malformed, or for a NUL in whatever form.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text,
                                                        bool plus_is_space = false);

/// Escapes everything but RFC 3986's unreserved characters; with `keep_slash`, '/' stays too.
[[nodiscard]] std::string percent_encode(std::string_view text, bool keep_slash = false);

/// Decoded query parameters in the order sent; a name may come more than once.
class query_params {
public:
  /// The first value of `name`, or nothing. `?flag` has the empty value.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& items() const {
    return items_;
  }
  void add(std::string name, std::string value) {
    items_.emplace_back(std::move(name), std::move(value));
  }
  [[nodiscard]] bool empty() const { return items_.empty(); }

private:
  std::vector<std::pair<std::string, std::string>> items_;
};

/// Parses "a=1&b=x%20y"; nothing when an escape is malformed.
[[nodiscard]] std::optional<query_params> parse_query(std::string_view text);

/// Writes parameters as a query string without the '?'.
[[nodiscard]] std::string to_query(const query_params& params);

/// A place to connect to or to listen on.
struct host_port {
  std::string host; ///< name or numeric address; an IPv6 address without its brackets
  std::uint16_t port = 0;

  friend bool operator==(const host_port&, const host_port&) = default;
};

/// Parses "host:port", "[v6]:port", or with a default port also "host" and a bare IPv6 address.
[[nodiscard]] result<host_port> parse_host_port(std::string_view text,
                                                std::optional<std::uint16_t> default_port = {});

/// Writes "host:port", with brackets around an IPv6 address.
[[nodiscard]] std::string to_string(const host_port& where);

/// scheme://host[:port][/path...]; the schemes are http, https, ws and wss.
struct url {
  std::string scheme;
  host_port where;    ///< the port is filled in from the scheme when absent
  std::string target; ///< path and query, at least "/"

  [[nodiscard]] bool tls() const { return scheme == "https" || scheme == "wss"; }
};

[[nodiscard]] result<url> parse_url(std::string_view text);

/// True for 127.0.0.0/8, ::1, ::ffff:127.0.0.0/104 and the name "localhost".
[[nodiscard]] bool is_loopback(std::string_view address);

} // namespace berth::net
