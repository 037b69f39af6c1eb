#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/fault.hpp"

namespace berth::cli {

/// One request to the controller; the transport adds the token.
struct call {
  std::string method = "GET";
  std::string target; ///< escaped
  std::string body{};
  std::vector<std::pair<std::string, std::string>> headers{};
};

struct call_answer {
  int status = 0;
  std::string body;
  std::optional<std::string> retry_after{};
};

/// The door to the controller. A fault means that no answer came: exit_code::unreachable if the
/// request cannot have arrived, exit_code::unknown if it may have.
class transport {
public:
  virtual ~transport() = default;
  [[nodiscard]] virtual result<call_answer> exchange(const call& what) = 0;
  /// Like exchange, but the body of a 200 goes to `on_bytes` as it comes, until that returns false.
  [[nodiscard]] virtual result<call_answer>
  stream(const call& what, const std::function<bool(std::string_view)>& on_bytes) = 0;
};

/// Where the controller is and how to prove who we are.
struct connection_options {
  std::string controller = "http://127.0.0.1:8750"; ///< URL, or address:port for plain HTTP
  std::string token_file{};                         ///< first word of the file; empty = no token
  std::string ca_file{};                            ///< whom to trust; empty = the system's store
  std::string certificate_file{};                   ///< own certificate; empty = none
  std::string key_file{};
  std::chrono::milliseconds timeout{60'000}; ///< of one request
};

/// HTTP by net/. A fault of usage if the options make no sense; nothing is connected yet.
[[nodiscard]] result<std::unique_ptr<transport>> make_transport(const connection_options& options);

/// The door to time.
class pacer {
public:
  using duration = std::chrono::milliseconds;
  virtual ~pacer() = default;
  [[nodiscard]] virtual duration now() = 0; ///< since some fixed moment, never going back
  virtual void pause(duration how_long) = 0;
};

} // namespace berth::cli
