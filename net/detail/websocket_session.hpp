#pragma once

#include "net/detail/server_core.hpp"
#include "net/websocket.hpp"

#include <functional>
#include <memory>
#include <string>

namespace berth::net::detail {

/// Takes over a server's connection whose upgrade request had the given fields, answers 101 and
/// runs the WebSocket. On the lane.
void open_server_websocket(std::shared_ptr<lane> where, std::unique_ptr<stream> connection,
                           ticket_ptr ticket, std::shared_ptr<const connection_info> info,
                           const header_fields& fields, websocket_handlers handlers,
                           websocket_limits limits);

/// How a client asks for the upgrade.
struct websocket_request {
  std::string host; ///< for the Host field
  std::string target;
  header_fields headers;
};

/// Sends the upgrade over an established connection. Exactly one of `handlers.on_open` and
/// `on_failed` comes. On the lane.
void open_client_websocket(std::shared_ptr<lane> where, std::unique_ptr<stream> connection,
                           std::shared_ptr<const connection_info> info, websocket_request request,
                           websocket_handlers handlers, websocket_limits limits,
                           std::function<void(error)> on_failed);

} // namespace berth::net::detail
