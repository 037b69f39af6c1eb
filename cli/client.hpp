#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "cli/reading.hpp"
#include "cli/transport.hpp"

namespace berth::cli {

/// Builds an escaped request target.
class target {
public:
  explicit target(std::string fixed) : text_(std::move(fixed)) {}
  /// Adds `/segment`, escaped.
  target& segment(std::string_view text);
  /// Adds text that needs no escaping.
  target& fixed(std::string_view text);
  /// Adds a query parameter.
  target& query(std::string_view name, std::string_view value);
  [[nodiscard]] const std::string& text() const { return text_; }

private:
  std::string text_;
  bool has_query_ = false;
};

/// The controller's JSON API. Every POST carries a fresh Idempotency-Key, so that a request whose
/// answer was lost, or that met a busy controller, can be sent again without doing it twice.
class client {
public:
  client(transport& door, pacer& time) : door_(door), time_(time) {}

  [[nodiscard]] result<json> get(const target& where);
  [[nodiscard]] result<json> post(const target& where, const json& body = json::object());
  [[nodiscard]] result<json> patch(const target& where, const json& body);
  [[nodiscard]] result<json> remove(const target& where);
  /// Streams server-sent events; each block of lines goes to `on_event` (its id and its data)
  /// until that returns false. `last_id` resumes after an event, empty = from the target's query.
  [[nodiscard]] result<void>
  events(const target& where, const std::string& last_id,
         const std::function<bool(const std::string& id, const std::string& data)>& on_event);

private:
  [[nodiscard]] result<json> send(call what);

  transport& door_;
  pacer& time_;
};

/// What an error answer says, with the remedy of the catalogue.
[[nodiscard]] fault fault_of(int http_status, const std::string& body);
/// The same from the `error` member of a batch item.
[[nodiscard]] fault fault_of(int http_status, const json& error);

} // namespace berth::cli
