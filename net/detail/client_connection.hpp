#pragma once

#include "net/detail/connector.hpp"
#include "net/detail/http_parser.hpp"
#include "net/http_client.hpp"

#include <functional>
#include <memory>
#include <optional>

namespace berth::net::detail {

/// One established connection on which a client makes one request at a time. It has no deadlines:
/// its owner closes it. All on the context's thread.
class client_connection final : public std::enable_shared_from_this<client_connection>,
                                private response_parser::body_sink {
public:
  using callback = unique_function<void(result<response>)>;
  using byte_sink = std::function<bool(std::string_view)>;

  client_connection(std::unique_ptr<stream> connection, const http_client_options& options);

  /// Sends `call`; a 200's body goes to `sink` if there is one. `done` comes once, unless closed
  /// before. `on_head` is called when the head of a streamed answer is complete.
  void send(const client_request& call, byte_sink sink, callback done,
            std::function<void()> on_head = {});

  /// True when another request may be sent; notices that the server has hung up.
  [[nodiscard]] bool usable();
  /// True when the last request failed before a byte of its answer came.
  [[nodiscard]] bool failed_unanswered() const { return failed_unanswered_; }
  /// Drops the callback and closes.
  void close();

private:
  void new_parser();
  void write_more();
  void read_more();
  void on_read(error_code ec, std::size_t count);
  bool parse();
  bool on_body(std::string_view bytes) override {
    hung_up_ = !sink_(bytes);
    return !hung_up_;
  }
  void end_of_input(error_code ec);
  void complete();
  void fail(error reason);
  void release_when_quiet();

  std::unique_ptr<stream> stream_;
  const std::string who_;
  const std::string authorization_;
  const std::uint32_t header_bytes_max_;
  const std::uint64_t body_bytes_max_;

  callback done_;
  byte_sink sink_;
  std::function<void()> on_head_;
  std::optional<response_parser> parser_;
  std::string out_;
  std::size_t sent_ = 0;
  std::string in_;
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  std::size_t last_count_ = 0; // bytes of the last read
  bool head_seen_ = false;
  bool got_bytes_ = false;
  bool head_only_ = false;
  bool hung_up_ = false; // the sink said so
  bool writing_ = false;
  bool reading_ = false;
  bool closed_ = false;
  bool failed_unanswered_ = false;
};

/// True when sending the request twice does no harm.
[[nodiscard]] bool may_send_again(const client_request& call);

} // namespace berth::net::detail
