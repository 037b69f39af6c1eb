#pragma once

#include "net/http.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <string>
#include <string_view>

namespace berth::net::detail {

namespace http = boost::beast::http;
namespace beast = boost::beast;

/// Beast's incremental parser, writing straight into our request. One per message.
class request_parser final : public http::basic_parser<true> {
public:
  request_parser(std::uint32_t header_limit_bytes, std::uint64_t body_limit_bytes);

  [[nodiscard]] request& message() { return message_; }
  /// True once the path and query have decoded; only meaningful when the header is done.
  [[nodiscard]] bool target_is_valid() const { return target_is_valid_; }
  [[nodiscard]] bool is_http_1_1() const { return is_http_1_1_; }
  /// True for a request that asks to become a WebSocket.
  [[nodiscard]] bool wants_websocket() const;

private:
  using error_code = boost::system::error_code;
  void on_request_impl(http::verb, beast::string_view method, beast::string_view target, int,
                       error_code&) override;
  void on_response_impl(int, beast::string_view, int, error_code&) override {}
  void on_field_impl(http::field, beast::string_view name, beast::string_view value,
                     error_code&) override;
  void on_header_impl(error_code&) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override;
  std::size_t on_body_impl(beast::string_view body, error_code&) override;
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override;
  void on_finish_impl(error_code&) override {}

  request message_;
  bool target_is_valid_ = false;
  bool is_http_1_1_ = false;
};

/// The same for a client's side. Body bytes go to `sink` when there is one.
class response_parser final : public http::basic_parser<false> {
public:
  response_parser(std::uint32_t header_limit_bytes, std::uint64_t body_limit_bytes);

  /// Where body bytes go instead of the message's body; false stops the parse with `end_of_stream`.
  class body_sink {
  public:
    virtual ~body_sink() = default;
    virtual bool on_body(std::string_view bytes) = 0;
  };

  [[nodiscard]] response& message() { return message_; }
  /// A 200's body goes to `sink`, which must live as long as the parser.
  void set_sink(body_sink* sink) { sink_ = sink; }
  /// True when the body goes to the sink.
  [[nodiscard]] bool streams() const { return streams_; }

private:
  using error_code = boost::system::error_code;
  void on_request_impl(http::verb, beast::string_view, beast::string_view, int,
                       error_code&) override {}
  void on_response_impl(int status, beast::string_view, int, error_code&) override;
  void on_field_impl(http::field, beast::string_view name, beast::string_view value,
                     error_code&) override;
  void on_header_impl(error_code&) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, error_code& ec) override;
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code& ec) override;
  void on_finish_impl(error_code&) override {}

  response message_;
  body_sink* sink_ = nullptr;
  bool streams_ = false;
};

/// Writes a request's or response's header fields; CR and LF in them become spaces, so that no
/// value can forge a header.
void append_fields(std::string& out, const header_fields& fields);

/// Splits the target into the decoded path and the query; false when either does not decode.
[[nodiscard]] bool decode_target(request& message);

/// True when a comma-separated header value lists `token` (case-insensitive).
[[nodiscard]] bool lists_token(std::string_view value, std::string_view token);

} // namespace berth::net::detail
