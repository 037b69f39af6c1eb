// Feeds the server's request parser and the URL functions arbitrary bytes, in two pieces cut at an
// arbitrary place, and holds them against what must be true of whatever they accept.
#include "net/detail/http_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>

#include <cstdint>
#include <cstdlib>

namespace {

namespace net = berth::net;
constexpr std::uint32_t header_bytes_max = 1'024;
constexpr std::uint64_t body_bytes_max = 256;

void must(bool holds) {
  if (!holds)
    std::abort();
}

/// As a session does it: what the parser leaves stands before the next piece.
void parse(std::string_view first, std::string_view second) {
  net::detail::request_parser parser(header_bytes_max, body_bytes_max);
  std::string buffer;
  for (const auto piece : {first, second}) {
    buffer.append(piece);
    while (!buffer.empty() && !parser.is_done()) {
      boost::system::error_code ec;
      const auto used = parser.put(boost::asio::buffer(buffer), ec);
      must(used <= buffer.size());
      buffer.erase(0, used);
      if (ec == net::detail::http::error::need_more || (!ec && used == 0))
        break;
      if (ec)
        return;
    }
  }
  if (!parser.is_done() || !parser.target_is_valid())
    return;
  const auto& message = parser.message();
  must(message.path == "*" || message.path.starts_with('/'));
  must(message.path.find('\0') == std::string::npos);
  must(message.body.size() <= body_bytes_max);
  for (std::size_t i = 0; i < message.headers.size(); ++i)
    must(!message.headers.name(i).empty() &&
         message.headers.value(i).find_first_of("\r\n") == std::string_view::npos);
  (void)parser.wants_websocket();
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t cut = size == 0 ? 0 : data[0] % size;
  parse(input.substr(0, cut), input.substr(cut));
  if (const auto params = net::parse_query(input)) {
    const auto again = net::parse_query(net::to_query(*params));
    must(again && again->items() == params->items());
  }
  if (const auto where = net::parse_host_port(input, 80))
    must(net::parse_host_port(net::to_string(*where)) == *where);
  (void)net::parse_url(input);
  (void)net::is_loopback(input);
  return 0;
}
