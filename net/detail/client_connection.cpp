#include "net/detail/client_connection.hpp"

#include <boost/beast/http/error.hpp>
#include <openssl/err.h>

#include <cstring>

namespace berth::net::detail {
namespace {
constexpr std::size_t in_bytes_first = 8U << 10U;
constexpr std::size_t in_bytes_most = 256U << 10U;
} // namespace

bool may_send_again(const client_request& call) {
  return (call.method != "POST" && call.method != "PATCH") ||
         call.headers.contains("Idempotency-Key");
}

client_connection::client_connection(std::unique_ptr<stream> connection,
                                     const http_client_options& options)
    : stream_(std::move(connection)), who_(to_string(options.where)),
      authorization_(options.bearer_token.empty()
                         ? std::string{}
                         : "Authorization: Bearer " + options.bearer_token + "\r\n"),
      header_bytes_max_(options.header_bytes_max), body_bytes_max_(options.body_bytes_max),
      in_(in_bytes_first, '\0') {}

void client_connection::send(const client_request& call, byte_sink sink, callback done,
                             std::function<void()> on_head) {
  done_ = std::move(done);
  sink_ = std::move(sink);
  on_head_ = std::move(on_head);
  head_only_ = call.method == "HEAD";
  new_parser();
  got_bytes_ = hung_up_ = failed_unanswered_ = false;
  in_begin_ = in_end_ = 0;
  out_.clear();
  sent_ = 0;
  out_.append(call.method).append(" ").append(call.target).append(" HTTP/1.1\r\nHost: ");
  out_.append(who_).append("\r\n").append(authorization_);
  append_fields(out_, call.headers);
  if (!call.body.empty() || call.method == "POST" || call.method == "PUT")
    out_.append("Content-Length: ").append(std::to_string(call.body.size())).append("\r\n");
  out_.append("\r\n").append(call.body);
  write_more();
  if (!closed_)
    read_more();
}

void client_connection::new_parser() {
  parser_.emplace(header_bytes_max_, body_bytes_max_);
  parser_->skip(head_only_);
  if (sink_)
    parser_->set_sink(this);
  head_seen_ = false;
}

void client_connection::write_more() {
  if (stream_->tls() == nullptr && sent_ == 0) { // most requests fit the socket's buffer
    error_code ec;
    sent_ = stream_->socket().write_some(asio::buffer(out_), ec);
    if (ec)
      sent_ = 0; // the waiting path reports what lasts
  }
  if (sent_ == out_.size())
    return;
  writing_ = true;
  stream_->async_write_some(asio::buffer(out_.data() + sent_, out_.size() - sent_),
                            [self = shared_from_this()](error_code ec, std::size_t count) {
                              self->writing_ = false;
                              if (self->closed_)
                                return self->release_when_quiet();
                              if (ec)
                                return; // an answer may already be there; the read tells
                              self->sent_ += count;
                              self->write_more();
                            });
}

void client_connection::read_more() {
  if (in_begin_ == in_end_)
    in_begin_ = in_end_ = 0;
  if (in_end_ == in_.size()) {
    if (in_begin_ > 0) {
      std::memmove(in_.data(), in_.data() + in_begin_, in_end_ - in_begin_);
      in_end_ -= in_begin_;
      in_begin_ = 0;
    } else if (in_.size() < in_bytes_most) {
      in_.resize(in_.size() * 2);
    } else {
      return fail({errc::too_large, "the answer of " + who_ + " has too long a head"});
    }
  } else if (head_seen_ && in_end_ == 0 && in_.size() < in_bytes_most &&
             in_.size() == last_count_) {
    in_.resize(in_.size() * 2);
  }
  reading_ = true;
  stream_->async_read_some(
      asio::buffer(in_.data() + in_end_, in_.size() - in_end_),
      [self = shared_from_this()](error_code ec, std::size_t count) { self->on_read(ec, count); });
}

void client_connection::on_read(error_code ec, std::size_t count) {
  reading_ = false;
  if (closed_)
    return release_when_quiet();
  if (ec)
    return end_of_input(ec);
  got_bytes_ = true;
  last_count_ = count;
  in_end_ += count;
  if (parse())
    read_more();
}

/// Feeds the parser. True when more bytes are needed.
bool client_connection::parse() {
  while (in_begin_ < in_end_) {
    error_code ec;
    const auto used = parser_->put(asio::buffer(in_.data() + in_begin_, in_end_ - in_begin_), ec);
    in_begin_ += used;
    if (ec && ec != http::error::need_more) {
      if (hung_up_)
        return complete(), false;
      if (ec == http::error::body_limit || ec == http::error::header_limit)
        fail({errc::too_large, "the answer of " + who_ + " is too large"});
      else
        fail({errc::protocol, who_ + " does not speak HTTP: " + ec.message()});
      return false;
    }
    if (parser_->is_header_done() && !head_seen_) {
      head_seen_ = true;
      if (parser_->streams() && on_head_)
        on_head_();
    }
    if (parser_->is_done()) {
      if (parser_->message().status >= 200)
        return complete(), false;
      new_parser(); // that was 100 Continue or its like
      continue;
    }
    if (ec == http::error::need_more || used == 0)
      return true;
  }
  return true;
}

void client_connection::end_of_input(error_code ec) {
  ERR_clear_error();
  if (ec == asio::error::eof && parser_->got_some()) {
    error_code incomplete;
    parser_->put_eof(incomplete);
    if (!incomplete && parser_->is_done())
      return complete();
  }
  failed_unanswered_ = !got_bytes_;
  if (is_certificate_alert(ec))
    return fail({errc::bad_certificate,
                 who_ + " refused our certificate: " + socket_error(ec, "alert").message});
  auto reason = socket_error(ec, got_bytes_ ? "the answer of " + who_ + " broke off"
                                            : "no answer from " + who_);
  fail(std::move(reason));
}

void client_connection::complete() {
  const bool again = !hung_up_ && parser_->is_done() && parser_->keep_alive() &&
                     sent_ == out_.size() && in_begin_ == in_end_;
  response message = std::move(parser_->message());
  auto done = std::move(done_);
  done_ = {};
  if (!again)
    close();
  if (done)
    done(std::move(message));
}

void client_connection::fail(error reason) {
  auto done = std::move(done_);
  done_ = {};
  close();
  if (done)
    done(tl::unexpected(std::move(reason)));
}

bool client_connection::usable() {
  if (closed_ || done_)
    return false;
  // Between requests nothing may come: bytes are a TLS goodbye, or nonsense.
  char byte = 0;
  error_code ec;
  stream_->socket().receive(asio::buffer(&byte, 1), socket_type::message_peek, ec);
  return ec == asio::error::would_block || ec == asio::error::try_again;
}

void client_connection::close() {
  if (closed_)
    return;
  closed_ = true;
  done_ = {};
  stream_->close();
  release_when_quiet();
}

void client_connection::release_when_quiet() {
  if (!reading_ && !writing_)
    stream_.reset();
}

} // namespace berth::net::detail
