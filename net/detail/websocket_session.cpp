#include "net/detail/websocket_session.hpp"

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/websocket/error.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <openssl/err.h>

#include <algorithm>
#include <deque>
#include <mutex>

namespace berth::net {

const char* to_string(websocket_end::kind why) noexcept {
  using kind = websocket_end::kind;
  switch (why) {
  case kind::closed_by_us:
    return "closed_by_us";
  case kind::closed_by_peer:
    return "closed_by_peer";
  case kind::too_slow:
    return "too_slow";
  case kind::too_large:
    return "too_large";
  case kind::timed_out:
    return "timed_out";
  case kind::protocol:
    return "protocol";
  case kind::lost:
    return "lost";
  case kind::stopped:
    return "stopped";
  }
  return "unknown";
}

namespace detail {
namespace {

namespace beast = boost::beast;
namespace ws = boost::beast::websocket;

constexpr std::size_t read_bytes = 16U << 10U;            // read at most this much at a time
constexpr auto linger = std::chrono::milliseconds(1'000); // for the peer to close after us
constexpr std::size_t reason_bytes_max = 120;             // what fits a close frame
constexpr std::size_t buffer_bytes_kept = 64U << 10U;     // a larger buffer is given back

/// Both ends of a WebSocket once its connection stands. Everything but send, close and
/// queued_bytes happens on the lane.
class websocket_session final : public server_connection, public websocket {
public:
  websocket_session(std::shared_ptr<lane> where, std::unique_ptr<stream> connection,
                    ticket_ptr ticket, std::shared_ptr<const connection_info> info,
                    websocket_handlers handlers, websocket_limits limits)
      : lane_(std::move(where)), stream_(std::move(connection)), ticket_(std::move(ticket)),
        info_(std::move(info)), handlers_(std::move(handlers)), limits_(limits) {}

  void open_as_server(const header_fields& fields);
  void open_as_client(websocket_request request, std::function<void(error)> on_failed);

  bool send(std::string frame) override;
  void close(std::uint16_t code, std::string reason) override;
  [[nodiscard]] std::size_t queued_bytes() const noexcept override { return queued_; }
  [[nodiscard]] const connection_info& connection() const noexcept override { return *info_; }

  void on_deadline(steady::time_point now) override;
  void on_lane_stop() override { end({websocket_end::kind::stopped, 0, "stopped"}); }
  void wind_down() override;

private:
  using self_ptr = std::shared_ptr<websocket_session>;
  self_ptr self() { return std::static_pointer_cast<websocket_session>(shared_from_this()); }
  void prepare();
  void on_open_done(error_code ec);
  [[nodiscard]] error why_not_open(const error_code& ec) const;
  void read();
  void on_piece(error_code ec);
  void take_message();
  void pump();
  void start_close();
  void fail(error_code ec);
  websocket_end explain(const error_code& ec) const;
  void end(websocket_end reason);
  void release_when_quiet();

  std::shared_ptr<lane> lane_;
  std::unique_ptr<stream> stream_;
  std::optional<ws::stream<stream&, false>> ws_; // on stream_
  ticket_ptr ticket_;
  std::shared_ptr<const connection_info> info_;
  websocket_handlers handlers_;
  websocket_limits limits_;
  std::function<void(error)> on_failed_; // a client's, until it is open
  std::string who_;                      // a client's server, for messages
  ws::response_type upgrade_answer_;

  beast::flat_buffer buffer_;
  std::string writing_frame_;
  steady::time_point last_heard_{};
  bool opened_ = false;
  bool ended_ = false;
  bool opening_ = false; // an operation is pending:
  bool reading_ = false;
  bool writing_ = false;
  bool pinging_ = false;
  bool closing_ = false;
  bool stopping_ = false;
  bool draining_ = false;           // the last frame is out; waiting for the peer to close
  std::uint16_t pending_close_ = 0; // close with this code when the queue is empty
  std::string pending_reason_;

  std::atomic<std::size_t> queued_{0};
  std::mutex mutex_;
  std::deque<std::string> queue_; // guarded by mutex_
  bool refusing_ = false;         // guarded by mutex_: closed, closing or over the bound
  bool scheduled_ = false;        // guarded by mutex_: a pump is on its way
};

void websocket_session::prepare() {
  if (ticket_)
    ticket_->set_holder(this);
  ws_.emplace(*stream_);
  stream_->on_drain = [this] {
    draining_ = true;
    deadline = steady::now() + std::min(limits_.handshake_timeout, linger);
  };
  // All deadlines are ours: Beast 1.74's own ping can outlive its stream, and its timeout of a
  // closing handshake trips an assertion of a suspended read.
  ws_->set_option(
      ws::stream_base::timeout{ws::stream_base::none(), ws::stream_base::none(), false});
  ws_->read_message_max(limits_.frame_bytes_max);
  ws_->auto_fragment(false);
  ws_->binary(true);
  ws_->control_callback(
      [this](ws::frame_type, beast::string_view) { last_heard_ = steady::now(); });
  opening_ = true;
  deadline = steady::now() + limits_.handshake_timeout;
  lane_->require_granularity(std::min(limits_.idle_timeout / 8, limits_.handshake_timeout / 4));
  lane_->attach(*this);
}

void websocket_session::open_as_server(const header_fields& fields) {
  prepare();
  ws::request_type request;
  request.version(11);
  request.method(beast::http::verb::get);
  request.target("/");
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto name = fields.name(i);
    const auto value = fields.value(i);
    request.insert({name.data(), name.size()}, {value.data(), value.size()});
  }
  if (ended_)
    return;
  ws_->async_accept(request, [me = self()](error_code ec) { me->on_open_done(ec); });
}

void websocket_session::open_as_client(websocket_request request,
                                       std::function<void(error)> on_failed) {
  on_failed_ = std::move(on_failed);
  who_ = request.host;
  prepare();
  if (ended_)
    return;
  ws_->set_option(ws::stream_base::decorator([headers = request.headers](ws::request_type& sent) {
    for (std::size_t i = 0; i < headers.size(); ++i) {
      const auto name = headers.name(i);
      const auto value = headers.value(i);
      sent.set(beast::string_view(name.data(), name.size()),
               beast::string_view(value.data(), value.size()));
    }
  }));
  ws_->async_handshake(upgrade_answer_, request.host, request.target,
                       [me = self()](error_code ec) { me->on_open_done(ec); });
}

error websocket_session::why_not_open(const error_code& ec) const {
  if (ec == ws::error::upgrade_declined)
    return {errc::upgrade_refused, who_ + " refused the WebSocket upgrade with status " +
                                       std::to_string(upgrade_answer_.result_int())};
  if (ec.category() == make_error_code(ws::error::closed).category() ||
      ec.category() == make_error_code(beast::http::error::end_of_stream).category())
    return {errc::protocol, who_ + " does not speak WebSocket: " + ec.message()};
  return socket_error(ec, "WebSocket handshake with " + who_ + " failed");
}

void websocket_session::on_open_done(error_code ec) {
  opening_ = false;
  if (ended_)
    return release_when_quiet();
  if (ec) {
    ERR_clear_error();
    const auto failed = std::move(on_failed_);
    on_failed_ = nullptr;
    if (failed)
      failed(why_not_open(ec));
    return end({});
  }
  opened_ = true;
  on_failed_ = nullptr;
  last_heard_ = steady::now();
  deadline = last_heard_ + limits_.idle_timeout / 2;
  if (handlers_.on_open)
    handlers_.on_open(self());
  if (ended_)
    return;
  if (stopping_)
    close(1001, "server stops");
  pump();
  read();
}

void websocket_session::read() {
  reading_ = true;
  ws_->async_read_some(buffer_, read_bytes,
                       [me = self()](error_code ec, std::size_t) { me->on_piece(ec); });
}

void websocket_session::on_piece(error_code ec) {
  reading_ = false;
  if (ended_)
    return release_when_quiet();
  if (ec)
    return fail(ec);
  last_heard_ = steady::now();
  if (ws_->is_message_done())
    take_message();
  if (!ended_)
    read();
}

void websocket_session::take_message() {
  if (!ws_->got_binary()) {
    pending_close_ = static_cast<std::uint16_t>(ws::close_code::unknown_data);
    pending_reason_ = "only binary frames are spoken here";
    return start_close();
  }
  const auto bytes = buffer_.cdata();
  std::string message(static_cast<const char*>(bytes.data()), bytes.size());
  buffer_.clear();
  if (buffer_.capacity() > buffer_bytes_kept)
    buffer_ = {};
  if (handlers_.on_message && !closing_)
    handlers_.on_message(std::move(message));
}

bool websocket_session::send(std::string frame) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    if (refusing_)
      return false;
    if (queued_ + frame.size() > limits_.queue_bytes_max) {
      refusing_ = true;
      lane_->post([me = self(), queued = queued_.load()] {
        me->end({websocket_end::kind::too_slow, 0,
                 std::to_string(queued) + " bytes are waiting to be sent; the peer is too slow"});
      });
      return false;
    }
    queued_ += frame.size();
    queue_.push_back(std::move(frame));
    wake = !scheduled_;
    scheduled_ = true;
  }
  if (wake)
    lane_->post([me = self()] { me->pump(); });
  return true;
}

void websocket_session::pump() {
  if (writing_ || ended_ || !opened_ || closing_)
    return;
  {
    const std::lock_guard lock(mutex_);
    if (queue_.empty()) {
      scheduled_ = false;
    } else {
      writing_frame_ = std::move(queue_.front());
      queue_.pop_front();
      writing_ = true;
    }
  }
  if (!writing_) {
    if (pending_close_ != 0)
      start_close();
    return;
  }
  ws_->async_write(asio::buffer(writing_frame_), [me = self()](error_code ec, std::size_t) {
    me->writing_ = false;
    me->queued_ -= me->writing_frame_.size();
    if (me->ended_)
      return me->release_when_quiet();
    if (ec)
      return me->fail(ec);
    me->pump();
  });
}

void websocket_session::close(std::uint16_t code, std::string reason) {
  {
    const std::lock_guard lock(mutex_);
    refusing_ = true;
  }
  lane_->dispatch([me = self(), code, reason = std::move(reason)]() mutable {
    if (me->pending_close_ != 0 || me->ended_)
      return;
    me->pending_close_ = code;
    me->pending_reason_ = std::move(reason);
    me->pump();
  });
}

void websocket_session::start_close() {
  if (closing_ || ended_)
    return;
  closing_ = true;
  deadline = steady::now() + limits_.handshake_timeout;
  const std::string_view words = std::string_view(pending_reason_).substr(0, reason_bytes_max);
  const ws::close_reason why(static_cast<ws::close_code>(pending_close_),
                             {words.data(), words.size()});
  ws_->async_close(why, [me = self()](error_code ec) {
    me->closing_ = false;
    if (me->ended_)
      return me->release_when_quiet();
    const bool ours = me->pending_close_ != static_cast<int>(ws::close_code::unknown_data);
    me->end({ours ? websocket_end::kind::closed_by_us : websocket_end::kind::protocol,
             me->pending_close_,
             ec ? "closed without the peer's consent: " + ec.message() : me->pending_reason_});
  });
}

void websocket_session::wind_down() {
  stopping_ = true;
  if (opened_)
    close(1001, "server stops");
}

void websocket_session::on_deadline(steady::time_point now) {
  if (draining_) {
    deadline = steady::time_point::max();
    return stream_->close(); // the operation under way ends and tells why it began
  }
  if (!opened_) {
    const auto failed = std::move(on_failed_);
    on_failed_ = nullptr;
    if (failed)
      failed({errc::timed_out, "WebSocket handshake with " + who_ + " took too long"});
    return end({});
  }
  if (closing_)
    return end(
        {websocket_end::kind::timed_out, pending_close_, "the closing handshake took too long"});
  const auto limit = last_heard_ + limits_.idle_timeout;
  const auto half = last_heard_ + limits_.idle_timeout / 2;
  if (now >= limit)
    return end({websocket_end::kind::timed_out, 0,
                "nothing came for " + std::to_string(limits_.idle_timeout.count()) + " ms"});
  deadline = now < half ? half : limit;
  if (now < half || pinging_)
    return;
  pinging_ = true;
  ws_->async_ping({}, [me = self()](error_code ec) {
    me->pinging_ = false;
    if (me->ended_)
      return me->release_when_quiet();
    if (ec)
      me->fail(ec);
  });
}

websocket_end websocket_session::explain(const error_code& ec) const {
  using kind = websocket_end::kind;
  if (ec == ws::error::closed) {
    const auto& why = ws_->reason();
    if (pending_close_ != 0)
      return {kind::closed_by_us, pending_close_, pending_reason_};
    return {kind::closed_by_peer, why.code, std::string(why.reason.data(), why.reason.size())};
  }
  if (ec == ws::error::message_too_big || ec == ws::error::buffer_overflow)
    return {kind::too_large, 1009,
            "a message is larger than " + std::to_string(limits_.frame_bytes_max) + " bytes"};
  if (ec.category() == make_error_code(ws::error::closed).category())
    return {kind::protocol, 1002, "WebSocket protocol violation: " + ec.message()};
  return {kind::lost, 0, socket_error(ec, "connection lost").message};
}

void websocket_session::fail(error_code ec) {
  ERR_clear_error();
  if (closing_ && ec == asio::error::operation_aborted)
    return release_when_quiet(); // the close operation reports
  end(explain(ec));
}

void websocket_session::end(websocket_end reason) {
  if (ended_)
    return;
  const auto keep = shared_from_this();
  ended_ = true;
  deadline = steady::time_point::max();
  stream_->close();
  lane_->detach(*this);
  {
    const std::lock_guard lock(mutex_);
    refusing_ = true;
    for (const auto& frame : queue_)
      queued_ -= frame.size();
    queue_.clear();
  }
  const auto handlers = std::move(handlers_);
  handlers_ = {};
  if (opened_ && handlers.on_closed)
    handlers.on_closed(reason);
  if (const auto failed = std::move(on_failed_)) {
    on_failed_ = nullptr;
    failed({errc::stopped, "stopped before the WebSocket was open"});
  }
  release_when_quiet();
}

/// The TLS stream must outlive its pending operations.
void websocket_session::release_when_quiet() {
  if (!ended_ || opening_ || reading_ || writing_ || pinging_ || closing_)
    return;
  ws_.reset();
  stream_.reset();
  ticket_.reset();
}

} // namespace

void open_server_websocket(std::shared_ptr<lane> where, std::unique_ptr<stream> connection,
                           ticket_ptr ticket, std::shared_ptr<const connection_info> info,
                           const header_fields& fields, websocket_handlers handlers,
                           websocket_limits limits) {
  std::make_shared<websocket_session>(std::move(where), std::move(connection), std::move(ticket),
                                      std::move(info), std::move(handlers), limits)
      ->open_as_server(fields);
}

void open_client_websocket(std::shared_ptr<lane> where, std::unique_ptr<stream> connection,
                           std::shared_ptr<const connection_info> info, websocket_request request,
                           websocket_handlers handlers, websocket_limits limits,
                           std::function<void(error)> on_failed) {
  std::make_shared<websocket_session>(std::move(where), std::move(connection), nullptr,
                                      std::move(info), std::move(handlers), limits)
      ->open_as_client(std::move(request), std::move(on_failed));
}

} // namespace detail
} // namespace berth::net
