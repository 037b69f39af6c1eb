#pragma once

#include "net/detail/http_parser.hpp"
#include "net/detail/server_core.hpp"

#include <mutex>
#include <optional>
#include <string>

namespace berth::net::detail {

/// The part of a streaming answer that both its writers and its session touch.
struct stream_state {
  std::shared_ptr<http_session> session; // until the session has closed
  std::size_t bound = 0;
  bool chunked = true;
  std::atomic<std::size_t> in_session{0}; // bytes taken over by the session, not yet sent

  std::mutex mutex; // guards what follows
  std::string pending;
  bool closed = false;    // by its writer
  bool ended = false;     // the connection is gone
  bool scheduled = false; // a pump is on its way
  unique_function<void()> on_closed;
};

/// One connection speaking HTTP/1.1. One request at a time: while a request is being answered,
/// later ones wait in the read buffer.
class http_session final : public server_connection {
public:
  http_session(std::shared_ptr<server_core> core, std::shared_ptr<lane> where, socket_type socket,
               ticket_ptr ticket);

  /// On the lane. With `refuse`, the connection is answered 503 (if plain) and closed.
  void start(bool refuse);

  // For responder, upgrader and response_stream. Any thread.
  void answer(std::uint64_t turn, response reply);
  void drop(std::uint64_t turn);
  std::shared_ptr<stream_state> open_stream(std::uint64_t turn, response head, std::size_t bound);
  void accept_websocket(std::uint64_t turn, websocket_handlers handlers, websocket_limits limits);
  void schedule_pump();
  void give_up_stream();

  void on_deadline(steady::time_point now) override;
  void on_lane_stop() override { close(); }
  void wind_down() override;

private:
  enum class phase {
    opening,   // nothing known yet: first byte, TLS handshake
    idle,      // between requests
    head,      // part of a head has come
    body,      // the head is complete, the body is not
    answering, // the handler has the request
    upgrading, // the handler decides on an upgrade; nothing is read meanwhile
    streaming, // the handler writes a body bit by bit
    draining,  // the last answer is being written
    lingering, // all written; waiting for the client to close
    closed,
  };
  struct upgrade_plan {
    websocket_handlers handlers;
    websocket_limits limits;
  };

  // Opening and closing (http_session_io.cpp).
  void on_first_byte(error_code ec);
  void start_tls();
  void begin_http();
  void finish();
  void close();
  void release_when_quiet();

  // Bytes in and out (http_session_io.cpp).
  void read_more();
  void on_read(error_code ec, std::size_t count);
  void flush();
  void write_more();
  void on_written(error_code ec, std::size_t count);
  bool write_now();
  void account_stream();
  bool make_room();

  // Requests and answers (http_session.cpp).
  void process();
  bool accepts_input();
  bool parse_some();
  void on_head();
  void dispatch();
  void refuse(int status, std::string message);
  void refuse_malformed(const error_code& ec);
  void write_head(int status, const header_fields& fields);
  void write_answer(const response& reply);
  void answer_here(std::uint64_t turn, response& reply);
  void start_stream_here(std::uint64_t turn, response& head, std::shared_ptr<stream_state> state);
  void pump();
  void next_request();
  void try_upgrade();
  void enter(phase next);
  void set_deadline();

  std::shared_ptr<server_core> core_;
  std::shared_ptr<lane> lane_;
  std::unique_ptr<stream> stream_; // null once closed and quiet
  ticket_ptr ticket_;
  std::shared_ptr<connection_info> info_;

  phase phase_ = phase::opening;
  bool refuse_all_ = false;
  bool reading_ = false;
  bool writing_ = false;
  bool opening_op_ = false; // wait, handshake or TLS shutdown is pending
  bool peer_done_ = false;  // the client has sent its last byte
  bool processing_ = false;
  bool starved_ = true; // the parser needs more bytes
  bool keep_alive_ = true;
  bool http_1_1_ = true;
  bool head_only_ = false; // the request was HEAD
  std::uint64_t turn_ = 0;

  std::unique_ptr<char[]> in_;
  std::size_t in_capacity_ = 0;
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  std::optional<request_parser> parser_;
  bool head_seen_ = false;

  std::string out_;     // collected, not yet being written
  std::string sending_; // being written
  std::size_t sent_ = 0;

  std::shared_ptr<stream_state> streaming_;
  std::optional<upgrade_plan> upgrade_;
  header_fields upgrade_fields_;

  steady::time_point phase_deadline_ = steady::time_point::max();
  steady::time_point write_deadline_ = steady::time_point::max();
};

} // namespace berth::net::detail
