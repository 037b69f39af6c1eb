#include "net/detail/http_parser.hpp"

#include <boost/beast/http/error.hpp>

#include <algorithm>

namespace berth::net::detail {
namespace {

std::string_view view(beast::string_view text) {
  return {text.data(), text.size()};
}

/// The most that is reserved on the word of a Content-Length alone.
constexpr std::uint64_t reserve_bytes_max = 64 * 1024;

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool same_word(std::string_view a, std::string_view b) {
  return beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

} // namespace

request_parser::request_parser(std::uint32_t header_limit_bytes, std::uint64_t body_limit_bytes) {
  header_limit(header_limit_bytes);
  body_limit(body_limit_bytes);
  eager(true);
}

bool request_parser::wants_websocket() const {
  return upgrade() && same_word(message_.headers["Upgrade"], "websocket");
}

void request_parser::on_request_impl(http::verb, beast::string_view method,
                                     beast::string_view target, int version, error_code&) {
  message_.method = view(method);
  message_.target = view(target);
  is_http_1_1_ = version == 11;
}

void request_parser::on_field_impl(http::field, beast::string_view name, beast::string_view value,
                                   error_code&) {
  message_.headers.add(view(name), view(value));
}

void request_parser::on_header_impl(error_code&) {
  target_is_valid_ = decode_target(message_);
}

void request_parser::on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) {
  if (length)
    message_.body.reserve(static_cast<std::size_t>(std::min(*length, reserve_bytes_max)));
}

std::size_t request_parser::on_body_impl(beast::string_view body, error_code&) {
  message_.body.append(body.data(), body.size());
  return body.size();
}

std::size_t request_parser::on_chunk_body_impl(std::uint64_t, beast::string_view body,
                                               error_code&) {
  message_.body.append(body.data(), body.size());
  return body.size();
}

response_parser::response_parser(std::uint32_t header_limit_bytes, std::uint64_t body_limit_bytes) {
  header_limit(header_limit_bytes);
  body_limit(body_limit_bytes);
  eager(true);
}

void response_parser::on_response_impl(int status, beast::string_view, int, error_code&) {
  message_.status = status;
}

void response_parser::on_field_impl(http::field, beast::string_view name, beast::string_view value,
                                    error_code&) {
  message_.headers.add(view(name), view(value));
}

void response_parser::on_header_impl(error_code&) {
  streams_ = sink_ != nullptr && message_.status == 200;
  if (streams_)
    body_limit(boost::none); // nothing of it is kept
}

std::size_t response_parser::on_body_impl(beast::string_view body, error_code& ec) {
  if (!streams_)
    message_.body.append(body.data(), body.size());
  else if (!sink_->on_body(view(body)))
    ec = http::error::end_of_stream;
  return body.size();
}

std::size_t response_parser::on_chunk_body_impl(std::uint64_t, beast::string_view body,
                                                error_code& ec) {
  return on_body_impl(body, ec);
}

void append_fields(std::string& out, const header_fields& fields) {
  const auto clean = [&out](std::string_view text) {
    const auto from = out.size();
    out.append(text);
    std::replace_if(
        out.begin() + static_cast<std::ptrdiff_t>(from), out.end(),
        [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  };
  for (std::size_t i = 0; i < fields.size(); ++i) {
    clean(fields.name(i));
    out.append(": ");
    clean(fields.value(i));
    out.append("\r\n");
  }
}

bool decode_target(request& message) {
  std::string_view target = message.target;
  if (target == "*") {
    message.path = "*";
    return true;
  }
  // The absolute form that a proxy would send: scheme://host/path.
  if (const auto mark = target.find("://"); !target.starts_with('/') && mark < target.find('?')) {
    const auto slash = target.find('/', mark + 3);
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  if (!target.starts_with('/'))
    return false;
  target = target.substr(0, target.find('#'));
  const auto question = target.find('?');
  const auto raw_path = target.substr(0, question);
  if (raw_path.find('%') == std::string_view::npos) {
    message.path = raw_path;
  } else {
    auto path = percent_decode(raw_path);
    if (!path)
      return false;
    message.path = std::move(*path);
  }
  if (question == std::string_view::npos)
    return true;
  auto query = parse_query(target.substr(question + 1));
  if (!query)
    return false;
  message.query = std::move(*query);
  return true;
}

bool lists_token(std::string_view value, std::string_view token) {
  while (!value.empty()) {
    const auto comma = value.find(',');
    if (same_word(trim(value.substr(0, comma)), token))
      return true;
    value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
  }
  return false;
}

} // namespace berth::net::detail
