#pragma once

#include "net/url.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace berth::net {

/// Header fields in the order sent. Names compare without regard to case.
/// One flat buffer: two allocations however many fields there are. Views die with the next `add`.
class header_fields {
public:
  void add(std::string_view name, std::string_view value);
  /// The first value of `name`, or nothing.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  /// The first value of `name`, or the empty string.
  [[nodiscard]] std::string_view operator[](std::string_view name) const {
    return find(name).value_or(std::string_view{});
  }
  [[nodiscard]] bool contains(std::string_view name) const { return find(name).has_value(); }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::string_view name(std::size_t i) const;
  [[nodiscard]] std::string_view value(std::size_t i) const;
  void clear();

private:
  struct entry {
    std::uint32_t at, name_size, value_size;
  };
  std::string text_;
  std::vector<entry> entries_;
};

/// The certificate a peer presented and that was verified against the configured CA.
struct peer_certificate {
  std::string subject;                ///< one line, for logs
  std::vector<std::string> dns_names; ///< DNS subject alternative names
  std::vector<std::string> uri_names; ///< URI subject alternative names, e.g. "berth-host:gpu-1"
};

/// Facts about a connection; shared by all of its requests.
struct connection_info {
  std::string peer_address; ///< numeric, without the port
  std::uint16_t peer_port = 0;
  bool tls = false;
  std::optional<peer_certificate> certificate; ///< only when verified; anonymous peers have none
};

/// One request as a handler gets it: complete, within the limits, percent-decoded.
struct request {
  std::string method; ///< upper case, as sent
  std::string target; ///< as sent, for logs
  std::string path;   ///< decoded, begins with '/'
  query_params query;
  header_fields headers;
  std::string body;
  std::shared_ptr<const connection_info> connection; ///< never null in a handler
};

/// One answer. The server adds Content-Length, Date and Connection.
struct response {
  int status = 200;
  header_fields headers;
  std::string body;

  /// An answer with a body of the given type.
  [[nodiscard]] static response with(int status, std::string_view content_type, std::string body);
};

/// The reason phrase of a status ("Not Found"), or "Status" for one that is not known.
[[nodiscard]] std::string_view reason_phrase(int status);

} // namespace berth::net
