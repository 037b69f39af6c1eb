#include "net/detail/http_session.hpp"

#include "net/detail/websocket_session.hpp"

#include <boost/beast/http/error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>

namespace berth::net::detail {
namespace {

/// Answers of pipelined requests collected before a write is forced.
constexpr std::size_t out_bytes_soft_max = 256U << 10U;

void append_number(std::string& out, std::uint64_t number) {
  std::array<char, 20> digits{};
  const auto end = std::to_chars(digits.begin(), digits.end(), number).ptr;
  out.append(digits.begin(), end);
}

/// "Date: ...\r\n", made once a second per thread.
std::string_view date_line() {
  thread_local std::time_t made_at = -1;
  thread_local std::array<char, 48> text{};
  thread_local std::size_t size = 0;
  const std::time_t now = std::time(nullptr);
  if (now != made_at) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    size = std::strftime(text.data(), text.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc);
    made_at = now;
  }
  return {text.data(), size};
}

bool has_no_body(int status) {
  return status < 200 || status == 204 || status == 304;
}

} // namespace

http_session::http_session(std::shared_ptr<server_core> core, std::shared_ptr<lane> where,
                           socket_type socket, ticket_ptr ticket)
    : core_(std::move(core)), lane_(std::move(where)),
      stream_(std::make_unique<stream>(std::move(socket))), ticket_(std::move(ticket)) {}

void http_session::enter(phase next) {
  using std::chrono::milliseconds;
  phase_ = next;
  const auto& options = core_->options;
  const auto within = [](milliseconds time) { return steady::now() + time; };
  switch (next) {
  case phase::opening:
    phase_deadline_ = within(options.handshake_timeout);
    break;
  case phase::idle:
    phase_deadline_ = within(options.idle_timeout);
    break;
  case phase::head:
    phase_deadline_ = within(options.header_timeout);
    break;
  case phase::body:
    phase_deadline_ = within(options.body_timeout);
    break;
  case phase::answering:
  case phase::upgrading:
    phase_deadline_ = within(options.answer_timeout);
    break;
  case phase::lingering:
    phase_deadline_ = within(milliseconds(1'000));
    break;
  default:
    phase_deadline_ = steady::time_point::max();
  }
}

void http_session::set_deadline() {
  deadline = std::min(phase_deadline_, write_deadline_);
}

void http_session::on_deadline(steady::time_point now) {
  if (write_deadline_ <= now)
    return close();
  switch (phase_) {
  case phase::opening:
    if (stream_->tls() != nullptr)
      ++core_->handshake_failures;
    return close();
  case phase::head:
    refuse(408, "the request head did not arrive in time");
    break;
  case phase::body:
    refuse(408, "the request body did not arrive in time");
    break;
  case phase::answering:
  case phase::upgrading:
    ++turn_; // what the handler still sends is too late
    upgrade_.reset();
    write_answer(core_->make_error(504, "no answer in time; the request may still take effect"));
    return next_request();
  default:
    return close();
  }
  process();
}

void http_session::wind_down() {
  keep_alive_ = false;
  switch (phase_) {
  case phase::opening:
  case phase::idle:
  case phase::head:
  case phase::lingering:
    return close();
  case phase::streaming:
    return close();
  default:
    return; // an answer is under way; it is the last
  }
}

bool http_session::accepts_input() {
  const bool between = phase_ == phase::idle || phase_ == phase::head || phase_ == phase::body;
  if (!between || starved_ || in_begin_ == in_end_)
    return false;
  if (out_.size() >= out_bytes_soft_max)
    flush();
  return out_.size() < out_bytes_soft_max && phase_ != phase::closed;
}

void http_session::process() {
  if (processing_ || phase_ == phase::closed)
    return;
  processing_ = true;
  const auto keep = shared_from_this();
  while (accepts_input())
    if (!parse_some())
      starved_ = true;
  processing_ = false;
  if (phase_ == phase::idle && (parser_ || in_begin_ < in_end_))
    enter(phase::head);
  flush();
  try_upgrade();
  read_more();
  set_deadline();
}

/// Feeds the parser once. False when it needs more bytes than there are.
bool http_session::parse_some() {
  if (!parser_) {
    parser_.emplace(core_->options.header_bytes_max, core_->options.body_bytes_max);
    head_seen_ = false;
    head_only_ = false;
    http_1_1_ = true;
  }
  error_code ec;
  const auto used = parser_->put(asio::buffer(in_.get() + in_begin_, in_end_ - in_begin_), ec);
  in_begin_ += used;
  if (in_begin_ == in_end_)
    in_begin_ = in_end_ = 0;
  if (ec && ec != http::error::need_more) {
    refuse_malformed(ec);
    return true;
  }
  if (parser_->is_header_done() && !head_seen_) {
    on_head();
    if (phase_ == phase::draining)
      return true;
  }
  if (parser_->is_done()) {
    dispatch();
    return true;
  }
  return ec != http::error::need_more && used > 0;
}

void http_session::on_head() {
  head_seen_ = true;
  http_1_1_ = parser_->is_http_1_1();
  keep_alive_ = keep_alive_ && parser_->keep_alive() && !core_->stopping();
  const request& message = parser_->message();
  head_only_ = message.method == "HEAD";
  if (!parser_->target_is_valid())
    return refuse(400, "the request target is malformed");
  if (http_1_1_ && !message.headers.contains("Host"))
    return refuse(400, "the Host header is missing");
  if (parser_->is_done())
    return;
  enter(phase::body);
  if (http_1_1_ && lists_token(message.headers["Expect"], "100-continue"))
    out_.append("HTTP/1.1 100 Continue\r\n\r\n");
}

void http_session::refuse_malformed(const error_code& ec) {
  if (ec == http::error::body_limit)
    refuse(413,
           "the body is larger than " + std::to_string(core_->options.body_bytes_max) + " bytes");
  else if (ec == http::error::header_limit || ec == http::error::buffer_overflow)
    refuse(431, "the request head is larger than " +
                    std::to_string(core_->options.header_bytes_max) + " bytes");
  else
    refuse(400, "malformed HTTP request: " + ec.message());
}

void http_session::refuse(int status, std::string message) {
  keep_alive_ = false;
  in_begin_ = in_end_ = 0;
  write_answer(core_->make_error(status, std::move(message)));
  enter(phase::draining);
}

void http_session::dispatch() {
  const bool websocket = parser_->wants_websocket();
  const auto self = std::static_pointer_cast<http_session>(shared_from_this());
  request message = std::move(parser_->message());
  parser_.reset();
  message.connection = info_;
  core_->requests.fetch_add(1, std::memory_order_relaxed);
  responder reply(self, ++turn_);
  if (!websocket) {
    enter(phase::answering);
    return core_->handlers.on_request(std::move(message), std::move(reply));
  }
  enter(phase::upgrading);
  if (!core_->handlers.on_upgrade)
    return reply.send(core_->make_error(404, "no WebSocket at " + message.path));
  if (in_begin_ != in_end_ || reading_) // whoever upgrades must wait for the answer, and ask alone
    return reply.send(core_->make_error(400, "a WebSocket upgrade cannot be pipelined"));
  upgrade_fields_ = message.headers;
  core_->handlers.on_upgrade(std::move(message), upgrader(std::move(reply)));
}

void http_session::write_head(int status, const header_fields& fields) {
  out_.append(http_1_1_ ? "HTTP/1.1 " : "HTTP/1.0 ");
  append_number(out_, static_cast<std::uint64_t>(status));
  out_ += ' ';
  out_.append(reason_phrase(status));
  out_.append("\r\n");
  append_fields(out_, fields);
  out_.append(date_line());
  if (!keep_alive_)
    out_.append("Connection: close\r\n");
  else if (!http_1_1_)
    out_.append("Connection: keep-alive\r\n");
}

void http_session::write_answer(const response& reply) {
  write_head(reply.status, reply.headers);
  if (!has_no_body(reply.status)) {
    out_.append("Content-Length: ");
    append_number(out_, reply.body.size());
    out_.append("\r\n");
  }
  out_.append("\r\n");
  if (!has_no_body(reply.status) && !head_only_)
    out_.append(reply.body);
}

void http_session::answer(std::uint64_t turn, response reply) {
  if (lane_->on_thread())
    return answer_here(turn, reply);
  lane_->post([self = std::static_pointer_cast<http_session>(shared_from_this()), turn,
               reply = std::move(reply)]() mutable { self->answer_here(turn, reply); });
}

void http_session::drop(std::uint64_t turn) {
  lane_->dispatch([self = std::static_pointer_cast<http_session>(shared_from_this()), turn] {
    if (self->phase_ == phase::closed)
      return;
    auto reply = self->core_->make_error(500, "the request was dropped without an answer");
    self->answer_here(turn, reply);
  });
}

void http_session::answer_here(std::uint64_t turn, response& reply) {
  if (turn != turn_ || (phase_ != phase::answering && phase_ != phase::upgrading))
    return;
  if (peer_done_ || core_->stopping())
    keep_alive_ = false;
  write_answer(reply);
  next_request();
}

/// An answer is complete: on to the next request, or to the end.
void http_session::next_request() {
  upgrade_fields_.clear();
  enter(keep_alive_ ? phase::idle : phase::draining);
  starved_ = false;
  process();
}

std::shared_ptr<stream_state> http_session::open_stream(std::uint64_t turn, response head,
                                                        std::size_t bound) {
  auto state = std::make_shared<stream_state>();
  state->session = std::static_pointer_cast<http_session>(shared_from_this());
  state->bound = bound;
  state->scheduled = true; // until the head is out
  if (lane_->on_thread())
    start_stream_here(turn, head, state);
  else
    lane_->post([self = state->session, turn, head = std::move(head), state]() mutable {
      self->start_stream_here(turn, head, std::move(state));
    });
  return state;
}

void http_session::start_stream_here(std::uint64_t turn, response& head,
                                     std::shared_ptr<stream_state> state) {
  if (turn != turn_ || phase_ != phase::answering || peer_done_) {
    streaming_ = std::move(state);
    return close();
  }
  state->chunked = http_1_1_;
  if (!http_1_1_)
    keep_alive_ = false;
  write_head(head.status, head.headers);
  out_.append(state->chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
  streaming_ = std::move(state);
  enter(phase::streaming);
  pump();
}

void http_session::schedule_pump() {
  lane_->post(
      [self = std::static_pointer_cast<http_session>(shared_from_this())] { self->pump(); });
}

void http_session::give_up_stream() {
  lane_->post([self = std::static_pointer_cast<http_session>(shared_from_this())] {
    if (self->streaming_)
      self->close();
  });
}

/// Moves what was written to the stream since the last time into the send buffer.
void http_session::pump() {
  if (phase_ != phase::streaming)
    return;
  bool ended = false;
  {
    const std::lock_guard lock(streaming_->mutex);
    if (!head_only_)
      out_.append(streaming_->pending);
    streaming_->pending.clear();
    streaming_->scheduled = false;
    ended = streaming_->closed;
    account_stream();
  }
  if (!ended)
    return process();
  if (streaming_->chunked && !head_only_)
    out_.append("0\r\n\r\n");
  const auto state = std::move(streaming_);
  streaming_ = nullptr;
  {
    const std::lock_guard lock(state->mutex);
    state->session = nullptr;
  }
  next_request();
}

void http_session::accept_websocket(std::uint64_t turn, websocket_handlers handlers,
                                    websocket_limits limits) {
  lane_->dispatch([self = std::static_pointer_cast<http_session>(shared_from_this()), turn,
                   handlers = std::move(handlers), limits]() mutable {
    if (turn != self->turn_ || self->phase_ != phase::upgrading)
      return;
    self->upgrade_.emplace(upgrade_plan{std::move(handlers), limits});
    if (!self->processing_)
      self->process();
  });
}

/// Hands the connection over to a WebSocket once all earlier answers are out.
void http_session::try_upgrade() {
  if (!upgrade_ || phase_ != phase::upgrading || writing_ || !out_.empty() || reading_)
    return;
  phase_ = phase::closed;
  lane_->detach(*this);
  open_server_websocket(lane_, std::move(stream_), std::move(ticket_), info_, upgrade_fields_,
                        std::move(upgrade_->handlers), upgrade_->limits);
  upgrade_.reset();
}

} // namespace berth::net::detail
