#include "net/url.hpp"

#include <algorithm>
#include <charconv>

namespace berth::net {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

/// Spaces and control characters, and what delimits a host in a URL or a header.
bool not_in_a_host(char c) {
  return c <= ' ' || c == 0x7f ||
         std::string_view("[]/?#@\\\"<>").find(c) != std::string_view::npos;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, port);
  if (text.empty() || fault != std::errc{} || stop != end)
    return std::nullopt;
  return port;
}

std::uint16_t default_port_of(std::string_view scheme) {
  return scheme == "https" || scheme == "wss" ? 443 : 80;
}

} // namespace

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size())
        return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0 || (high == 0 && low == 0))
        return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    } else if (text[i] == '\0') {
      return std::nullopt;
    } else {
      out += plus_is_space && text[i] == '+' ? ' ' : text[i];
    }
  }
  return out;
}

std::string percent_encode(std::string_view text, bool keep_slash) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (unreserved(c) || (keep_slash && c == '/')) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    }
  }
  return out;
}

std::optional<std::string_view> query_params::find(std::string_view name) const {
  for (const auto& [key, value] : items_)
    if (key == name)
      return value;
  return std::nullopt;
}

std::optional<query_params> parse_query(std::string_view text) {
  query_params params;
  while (!text.empty()) {
    const auto end = text.find('&');
    const auto part = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (part.empty())
      continue;
    const auto equals = part.find('=');
    auto name = percent_decode(part.substr(0, equals), true);
    auto value = percent_decode(
        equals == std::string_view::npos ? std::string_view{} : part.substr(equals + 1), true);
    if (!name || !value)
      return std::nullopt;
    params.add(std::move(*name), std::move(*value));
  }
  return params;
}

std::string to_query(const query_params& params) {
  std::string out;
  for (const auto& [name, value] : params.items()) {
    if (!out.empty())
      out += '&';
    out += percent_encode(name) + "=" + percent_encode(value);
  }
  return out;
}

result<host_port> parse_host_port(std::string_view text, std::optional<std::uint16_t> fallback) {
  const auto bad = [&](const char* what) {
    return fail(errc::bad_argument, "\"" + std::string(text) + "\" is no address: " + what +
                                        "; expected host:port or [ipv6]:port");
  };
  std::string_view host = text;
  std::optional<std::string_view> port;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos)
      return bad("'[' is not closed");
    host = text.substr(1, close - 1);
    const auto rest = text.substr(close + 1);
    if (rest.starts_with(':'))
      port = rest.substr(1);
    else if (!rest.empty())
      return bad("something follows ']'");
  } else if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    if (text.find(':', colon + 1) == std::string_view::npos) {
      host = text.substr(0, colon);
      port = text.substr(colon + 1);
    } else if (!fallback) {
      return bad("an IPv6 address needs brackets");
    }
  }
  if (host.empty())
    return bad("the host is empty");
  if (std::any_of(host.begin(), host.end(), not_in_a_host))
    return bad("the host holds a character that no host has");
  if (!port && !fallback)
    return bad("the port is missing");
  const auto number = port ? parse_port(*port) : fallback;
  if (!number)
    return bad("the port is not a number from 0 to 65535");
  return host_port{std::string(host), *number};
}

std::string to_string(const host_port& where) {
  const bool v6 = where.host.find(':') != std::string::npos;
  return (v6 ? "[" + where.host + "]" : where.host) + ":" + std::to_string(where.port);
}

result<url> parse_url(std::string_view text) {
  const auto mark = text.find("://");
  const auto scheme = text.substr(0, mark == std::string_view::npos ? 0 : mark);
  if (scheme != "http" && scheme != "https" && scheme != "ws" && scheme != "wss")
    return fail(errc::bad_argument, "\"" + std::string(text) +
                                        "\" is no URL: it must begin with http://, https://, "
                                        "ws:// or wss://");
  auto rest = text.substr(mark + 3);
  const auto slash = rest.find_first_of("/?");
  auto where = parse_host_port(rest.substr(0, slash), default_port_of(scheme));
  if (!where)
    return tl::unexpected(where.error());
  std::string target(slash == std::string_view::npos ? std::string_view{} : rest.substr(slash));
  if (!target.starts_with('/'))
    target.insert(target.begin(), '/');
  return url{std::string(scheme), std::move(*where), std::move(target)};
}

bool is_loopback(std::string_view address) {
  constexpr std::string_view mapped = "::ffff:";
  if (address == "localhost" || address == "::1")
    return true;
  if (address.starts_with(mapped))
    address.remove_prefix(mapped.size());
  if (!address.starts_with("127."))
    return false;
  int octets = 0;
  for (;; ++octets) {
    const auto dot = address.find('.');
    const auto number = parse_port(address.substr(0, dot));
    if (!number || *number > 255)
      return false;
    if (dot == std::string_view::npos)
      return octets == 3;
    address.remove_prefix(dot + 1);
  }
}

} // namespace berth::net
