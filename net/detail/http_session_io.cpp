#include "net/detail/http_session.hpp"

#include <boost/asio/ssl/error.hpp>
#include <openssl/err.h>

#include <algorithm>
#include <cstring>

namespace berth::net::detail {
namespace {

constexpr std::size_t in_bytes_first = 4U << 10U;
constexpr std::size_t in_bytes_body = 64U << 10U; // while a body is being read
constexpr std::size_t in_bytes_kept = 16U << 10U; // at most kept by an idle connection
constexpr char tls_handshake_record = 0x16;

} // namespace

void http_session::start(bool refuse) {
  refuse_all_ = refuse;
  if (ticket_)
    ticket_->set_holder(this);
  error_code ec;
  stream_->socket().set_option(asio::ip::tcp::no_delay(true), ec);
  stream_->socket().non_blocking(true, ec);
  const auto peer = stream_->socket().remote_endpoint(ec);
  info_ = std::make_shared<connection_info>();
  if (!ec) {
    info_->peer_address = peer.address().to_string();
    info_->peer_port = peer.port();
  }
  enter(phase::opening);
  set_deadline();
  lane_->attach(*this);
  if (phase_ == phase::closed)
    return;
  if (!core_->tls())
    return begin_http();
  opening_op_ = true;
  stream_->socket().async_wait(
      socket_type::wait_read,
      [self = std::static_pointer_cast<http_session>(shared_from_this())](error_code fault) {
        self->opening_op_ = false;
        self->on_first_byte(fault);
      });
}

void http_session::on_first_byte(error_code ec) {
  if (phase_ == phase::closed)
    return release_when_quiet();
  char first = 0;
  if (!ec)
    stream_->socket().receive(asio::buffer(&first, 1), socket_type::message_peek, ec);
  if (ec)
    return close();
  if (first == tls_handshake_record)
    return refuse_all_ ? close() : start_tls();
  if (core_->options.plain_allowed)
    return begin_http();
  keep_alive_ = false;
  refuse(400, "plain HTTP was sent to a port that wants TLS (https://)");
  process();
}

void http_session::start_tls() {
  opening_op_ = true;
  stream_->add_tls(core_->tls())
      .async_handshake(
          asio::ssl::stream_base::server,
          [self = std::static_pointer_cast<http_session>(shared_from_this())](error_code ec) {
            self->opening_op_ = false;
            if (self->phase_ == phase::closed)
              return self->release_when_quiet();
            if (ec) {
              ERR_clear_error();
              ++self->core_->handshake_failures;
              return self->close();
            }
            self->info_->tls = true;
            self->info_->certificate = verified_peer(self->stream_->tls()->native_handle());
            self->begin_http();
          });
}

void http_session::begin_http() {
  if (refuse_all_)
    refuse(503, "too many connections; try again later");
  else
    enter(phase::idle);
  process();
}

/// True when the read buffer has room; grows it within its bounds.
bool http_session::make_room() {
  const std::size_t most = phase_ == phase::body
                               ? std::max<std::size_t>(in_bytes_body, in_capacity_)
                               : core_->options.header_bytes_max + in_bytes_first;
  if (in_begin_ == in_end_)
    in_begin_ = in_end_ = 0;
  if (phase_ == phase::idle && in_capacity_ > in_bytes_kept && in_end_ == 0) {
    in_.reset();
    in_capacity_ = 0;
  }
  if (in_end_ < in_capacity_)
    return true;
  if (in_begin_ > 0) {
    std::memmove(in_.get(), in_.get() + in_begin_, in_end_ - in_begin_);
    in_end_ -= in_begin_;
    in_begin_ = 0;
    return true;
  }
  if (in_capacity_ >= most)
    return false;
  const auto capacity = std::min(most, std::max(in_bytes_first, in_capacity_ * 2));
  auto grown = std::make_unique_for_overwrite<char[]>(capacity);
  std::copy_n(in_.get(), in_end_, grown.get());
  in_ = std::move(grown);
  in_capacity_ = capacity;
  return true;
}

void http_session::read_more() {
  if (reading_ || peer_done_ || phase_ == phase::closed || phase_ == phase::upgrading)
    return;
  if (phase_ == phase::draining || phase_ == phase::lingering)
    in_begin_ = in_end_ = 0; // what still comes is of no interest
  if (phase_ == phase::lingering && stream_->tls() != nullptr)
    return; // the TLS shutdown reads
  if (!make_room())
    return;
  reading_ = true;
  stream_->async_read_some(asio::buffer(in_.get() + in_end_, in_capacity_ - in_end_),
                           [self = std::static_pointer_cast<http_session>(shared_from_this())](
                               error_code ec, std::size_t count) { self->on_read(ec, count); });
}

void http_session::on_read(error_code ec, std::size_t count) {
  reading_ = false;
  if (phase_ == phase::closed)
    return release_when_quiet();
  if (!ec) {
    in_end_ += count;
    starved_ = false;
    return process();
  }
  peer_done_ = true;
  const bool half_closed = ec == asio::error::eof;
  const bool owes_answer = phase_ == phase::answering || phase_ == phase::draining;
  if (half_closed && owes_answer) {
    keep_alive_ = false; // it may still want to read the answer
    return;
  }
  close();
}

/// Writes without waiting, for plain connections. False when the connection broke.
bool http_session::write_now() {
  error_code ec;
  const auto count = stream_->socket().write_some(asio::buffer(out_), ec);
  if (ec && ec != asio::error::would_block && ec != asio::error::try_again) {
    close();
    return false;
  }
  if (!ec)
    out_.erase(0, count);
  return true;
}

void http_session::flush() {
  if (writing_ || phase_ == phase::closed)
    return;
  if (!out_.empty() && stream_->tls() == nullptr && !write_now())
    return;
  account_stream();
  if (!out_.empty()) {
    sending_.clear();
    sending_.swap(out_);
    sent_ = 0;
    account_stream();
    return write_more();
  }
  if (out_.capacity() > out_.size() + (64U << 10U))
    out_.shrink_to_fit();
  if (phase_ == phase::draining)
    finish();
}

void http_session::write_more() {
  writing_ = true;
  write_deadline_ = steady::now() + core_->options.write_timeout;
  stream_->async_write_some(asio::buffer(sending_.data() + sent_, sending_.size() - sent_),
                            [self = std::static_pointer_cast<http_session>(shared_from_this())](
                                error_code ec, std::size_t count) { self->on_written(ec, count); });
}

void http_session::on_written(error_code ec, std::size_t count) {
  writing_ = false;
  write_deadline_ = steady::time_point::max();
  if (phase_ == phase::closed)
    return release_when_quiet();
  if (ec)
    return close();
  sent_ += count;
  if (sent_ < sending_.size()) {
    account_stream();
    write_more();
    return set_deadline();
  }
  sending_.clear();
  sent_ = 0;
  process();
}

/// Tells the writers of a stream how much of theirs is still here.
void http_session::account_stream() {
  if (streaming_)
    streaming_->in_session = out_.size() + (sending_.size() - sent_);
}

/// Everything is written: say goodbye and let the client close first, so that no reset of ours
/// overtakes the answer.
void http_session::finish() {
  enter(phase::lingering);
  if (stream_->tls() != nullptr) {
    opening_op_ = true;
    stream_->tls()->async_shutdown(
        [self = std::static_pointer_cast<http_session>(shared_from_this())](error_code) {
          self->opening_op_ = false;
          ERR_clear_error();
          if (self->phase_ == phase::closed)
            self->release_when_quiet();
          else
            self->close();
        });
    return;
  }
  error_code ignored;
  stream_->socket().shutdown(socket_type::shutdown_send, ignored);
  if (peer_done_)
    close();
}

void http_session::close() {
  if (phase_ == phase::closed)
    return;
  const auto keep = shared_from_this();
  phase_ = phase::closed;
  deadline = steady::time_point::max();
  if (stream_)
    stream_->close();
  lane_->detach(*this);
  upgrade_.reset();
  if (const auto state = std::move(streaming_)) {
    streaming_ = nullptr;
    unique_function<void()> tell;
    {
      const std::lock_guard lock(state->mutex);
      state->ended = true;
      state->session = nullptr;
      if (!state->closed)
        tell = std::move(state->on_closed);
    }
    if (tell)
      tell();
  }
  release_when_quiet();
}

/// An ssl::stream must outlive its pending operations; only then may the parts go.
void http_session::release_when_quiet() {
  if (reading_ || writing_ || opening_op_)
    return;
  stream_.reset();
  ticket_.reset();
}

} // namespace berth::net::detail
