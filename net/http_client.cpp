#include "net/http_client.hpp"

#include "net/detail/client_connection.hpp"

#include <chrono>

namespace berth::net {

using detail::client_connection;
using deadline_clock = std::chrono::steady_clock;

struct http_client::impl {
  explicit impl(http_client_options o) : options(std::move(o)) {}
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;
  ~impl() {
    drop();
    settle();
  }

  void drop();
  void settle();
  result<void> connect();
  result<response> once(const client_request& call, const client_connection::byte_sink& sink);
  result<response> perform(const client_request& call, const client_connection::byte_sink& sink);

  http_client_options options;
  detail::asio::io_context context{1};
  std::optional<detail::connect_plan> plan;
  std::shared_ptr<client_connection> connection;
  bool unanswered = false; // the last attempt ended without a byte of answer
};

/// Runs what closing has left behind.
void http_client::impl::settle() {
  context.restart();
  context.poll();
}

void http_client::impl::drop() {
  if (connection)
    connection->close();
  connection.reset();
}

result<void> http_client::impl::connect() {
  if (!plan) {
    auto made = detail::make_connect_plan(options.where, options.tls, options.refused_hint);
    if (!made)
      return tl::unexpected(made.error());
    plan = std::move(*made);
  }
  std::optional<result<std::unique_ptr<detail::stream>>> outcome;
  const auto attempt = std::make_shared<detail::connector>(
      context, *plan,
      [&outcome](result<std::unique_ptr<detail::stream>> done) { outcome = std::move(done); });
  attempt->start();
  const auto until = deadline_clock::now() + options.connect_timeout;
  context.restart();
  while (!outcome && deadline_clock::now() < until && context.run_one_until(until) > 0) {
  }
  if (!outcome) {
    attempt->cancel();
    settle();
    return fail(errc::timed_out, "cannot connect to " + to_string(options.where) +
                                     ": no answer within " +
                                     std::to_string(options.connect_timeout.count()) + " ms");
  }
  if (!*outcome)
    return tl::unexpected(outcome->error());
  connection = std::make_shared<client_connection>(std::move(**outcome), options);
  return {};
}

result<response> http_client::impl::once(const client_request& call,
                                         const client_connection::byte_sink& sink) {
  if (!connection)
    if (auto connected = connect(); !connected)
      return tl::unexpected(connected.error());
  std::optional<result<response>> outcome;
  bool streaming = false;
  connection->send(
      call, sink, [&outcome](result<response> done) { outcome = std::move(done); },
      [&streaming] { streaming = true; });
  const auto until = deadline_clock::now() + options.request_timeout;
  context.restart();
  while (!outcome) {
    if (streaming)
      context.run_one();
    else if (deadline_clock::now() >= until || context.run_one_until(until) == 0)
      break;
  }
  unanswered = connection->failed_unanswered();
  if (outcome && *outcome && connection->usable())
    return std::move(*outcome);
  drop();
  settle();
  if (!outcome)
    return fail(errc::timed_out, to_string(options.where) + " did not answer within " +
                                     std::to_string(options.request_timeout.count()) +
                                     " ms; it may or may not have acted on the request");
  return std::move(*outcome);
}

result<response> http_client::impl::perform(const client_request& call,
                                            const client_connection::byte_sink& sink) {
  if (connection && !connection->usable())
    drop();
  const bool reused = connection != nullptr;
  auto outcome = once(call, sink);
  if (!outcome && reused && unanswered && detail::may_send_again(call))
    outcome = once(call, sink);
  return outcome;
}

http_client::http_client(http_client_options options)
    : impl_(std::make_unique<impl>(std::move(options))) {}
http_client::http_client(http_client&&) noexcept = default;
http_client& http_client::operator=(http_client&&) noexcept = default;
http_client::~http_client() = default;

result<response> http_client::request(client_request call) {
  return impl_->perform(call, {});
}

result<response> http_client::stream(client_request call,
                                     std::function<bool(std::string_view)> on_bytes) {
  return impl_->perform(call, on_bytes);
}

} // namespace berth::net
