#include "net/http_server.hpp"

#include "net/detail/http_session.hpp"

#include <array>
#include <charconv>

namespace berth::net {

using detail::stream_state;

// --- responder and upgrader -------------------------------------------------------------------

responder& responder::operator=(responder&& other) noexcept {
  if (this != &other) {
    responder dropped(std::move(*this));
    session_ = std::move(other.session_);
    turn_ = other.turn_;
  }
  return *this;
}

responder::~responder() {
  if (const auto session = std::move(session_))
    session->drop(turn_);
}

void responder::send(response answer) {
  if (const auto session = std::move(session_))
    session->answer(turn_, std::move(answer));
}

response_stream responder::stream(response head, std::size_t queue_bytes_max) {
  const auto session = std::move(session_);
  if (!session)
    return {};
  return response_stream(session->open_stream(turn_, std::move(head), queue_bytes_max));
}

void upgrader::accept(websocket_handlers handlers, websocket_limits limits) {
  if (const auto session = std::move(answer_.session_))
    session->accept_websocket(answer_.turn_, std::move(handlers), limits);
}

// --- response_stream --------------------------------------------------------------------------

struct response_stream::owner {
  explicit owner(std::shared_ptr<stream_state> s) : state(std::move(s)) {}
  owner(const owner&) = delete;
  owner& operator=(const owner&) = delete;
  ~owner() { close(); }
  void close();

  std::shared_ptr<stream_state> state;
};

response_stream::response_stream(std::shared_ptr<stream_state> state)
    : owner_(std::make_shared<owner>(std::move(state))) {}

void response_stream::owner::close() {
  const std::lock_guard lock(state->mutex);
  if (state->closed || state->ended)
    return;
  state->closed = true;
  if (!state->scheduled && state->session)
    state->session->schedule_pump();
  state->scheduled = true;
}

void response_stream::close() {
  if (owner_)
    owner_->close();
}

bool response_stream::write(std::string_view bytes) {
  if (!owner_)
    return false;
  stream_state& state = *owner_->state;
  const std::lock_guard lock(state.mutex);
  if (state.closed || state.ended)
    return false;
  if (state.pending.size() + state.in_session + bytes.size() > state.bound) {
    state.closed = true;
    if (state.session)
      state.session->give_up_stream();
    return false;
  }
  if (bytes.empty())
    return true; // an empty chunk would end the body
  if (state.chunked) {
    std::array<char, 18> size{};
    const auto end = std::to_chars(size.begin(), size.end(), bytes.size(), 16).ptr;
    state.pending.append(size.begin(), end).append("\r\n").append(bytes).append("\r\n");
  } else {
    state.pending.append(bytes);
  }
  if (!state.scheduled && state.session)
    state.session->schedule_pump();
  state.scheduled = true;
  return true;
}

void response_stream::on_closed(unique_function<void()> fn) {
  if (!owner_)
    return;
  {
    const std::lock_guard lock(owner_->state->mutex);
    if (!owner_->state->ended) {
      owner_->state->on_closed = std::move(fn);
      return;
    }
  }
  fn();
}

std::size_t response_stream::queued_bytes() const noexcept {
  if (!owner_)
    return 0;
  const std::lock_guard lock(owner_->state->mutex);
  return owner_->state->pending.size() + owner_->state->in_session;
}

// --- http_server ------------------------------------------------------------------------------

http_server::http_server(std::shared_ptr<detail::server_core> core) : core_(std::move(core)) {}

result<std::unique_ptr<http_server>> http_server::listen(io_pool& pool, http_server_options options,
                                                         http_handlers handlers) {
  if (!handlers.on_request)
    return fail(errc::bad_argument, "an HTTP server needs a request handler");
  if (!options.plain_allowed && !options.tls)
    return fail(errc::bad_argument,
                "an HTTP server that allows neither plain nor TLS serves nobody");
  auto core =
      std::make_shared<detail::server_core>(pool.lanes(), std::move(options), std::move(handlers));
  if (auto loaded = core->load_certificates(); !loaded)
    return tl::unexpected(loaded.error());
  if (auto listening = core->listen(); !listening)
    return tl::unexpected(listening.error());
  return std::unique_ptr<http_server>(new http_server(std::move(core)));
}

http_server::~http_server() {
  stop();
}
std::uint16_t http_server::port() const noexcept {
  return core_->port();
}
result<void> http_server::reload_certificates() {
  return core_->load_certificates();
}
http_server_counters http_server::counters() const noexcept {
  return core_->counters();
}
void http_server::stop() {
  core_->stop();
}

} // namespace berth::net
