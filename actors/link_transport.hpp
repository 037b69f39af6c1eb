#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "model/failure.hpp"
#include "model/link.hpp"

namespace berth::actors {

// The host link as the actors at its two ends see it: frames go in, frames come out, it breaks.
// apps/ implements it with WebSockets over mutual TLS, sim/ with virtual delay, loss, duplication,
// reordering and partition.

/// One end of an open connection. Shared: it stays valid after it has closed.
template <class Out> class link_line {
public:
  link_line() = default;
  link_line(const link_line&) = delete;
  link_line& operator=(const link_line&) = delete;
  virtual ~link_line() = default;

  /// Queues a frame. False: the line is closed, or too much was unsent and it is being given up.
  /// Any thread; never blocks.
  virtual bool send(model::link_frame<Out> frame) = 0;
  /// Ends the connection; the other end and the own listener hear of it. Idempotent. Any thread.
  virtual void close(std::string reason) = 0;
};

/// What an end wants to hear. One call at a time; `on_closed` comes exactly once, last, from the
/// transport's thread and never from inside send() or close().
template <class In> struct link_listener {
  std::function<void(model::link_frame<In>)> on_frame;
  std::function<void(std::string reason)> on_closed;
};

using controller_line = link_line<model::to_host>;
using controller_listener = link_listener<model::from_host>;
using agent_line = link_line<model::from_host>;
using agent_listener = link_listener<model::to_host>;

/// How an agent reaches its controller.
class link_dialer {
public:
  using opened = std::function<void(model::result<std::shared_ptr<agent_line>>)>;
  virtual ~link_dialer() = default;
  /// Tries once to connect in the name of `host`; `done` is called exactly once, before any call of
  /// the listener. A failure calls nothing else. Any thread.
  virtual void dial(const std::string& host, agent_listener listener, opened done) = 0;
};

/// Where a controller takes in connections.
class link_door {
public:
  virtual ~link_door() = default;
  /// A connection whose peer has proved to be the agent of `host`. Any thread.
  [[nodiscard]] virtual controller_listener admit(std::string host,
                                                  std::shared_ptr<controller_line> line) = 0;
};

} // namespace berth::actors
