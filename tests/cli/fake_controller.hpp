#pragma once

#include <deque>
#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cli/reading.hpp"
#include "cli/run.hpp"

namespace berth::cli::testing {

/// A controller made of prepared answers. A request that nobody prepared for fails the test.
class fake_controller {
public:
  /// The next answer to `METHOD target`; the last one prepared stays.
  void answer(const std::string& request, int status, std::string body) {
    answers_[request].push_back({.status = status, .body = std::move(body)});
  }
  void answer_with_retry_after(const std::string& request, int status, std::string seconds) {
    answers_[request].push_back(
        {.status = status, .body = "{}", .retry_after = std::move(seconds)});
  }
  /// From now on nothing comes back.
  void go_dark(exit_code how) { dark_ = how; }

  [[nodiscard]] const std::vector<call>& calls() const { return calls_; }
  /// The body of the only request to `METHOD target`.
  [[nodiscard]] json body_of(const std::string& request) const;
  [[nodiscard]] const connection_options& connected_with() const { return connection_; }

  result<call_answer> take(const call& what);
  result<call_answer> take_stream(const call& what,
                                  const std::function<bool(std::string_view)>& on_bytes);
  void connected(const connection_options& options) { connection_ = options; }

private:
  std::map<std::string, std::deque<call_answer>> answers_;
  std::vector<call> calls_;
  connection_options connection_;
  exit_code dark_ = exit_code::success;
};

/// What a command line did.
struct outcome {
  int status = 0;
  std::string out;
  std::string err;
};

/// Runs command lines against a fake controller, in a time that only passes while waiting.
class shell {
public:
  fake_controller controller;
  std::map<std::string, std::string> variables;
  bool live = false;
  std::chrono::milliseconds waited{0};

  template <class... Words> outcome operator()(Words... words) {
    return run_line(std::vector<std::string>{words...});
  }
  outcome run_line(const std::vector<std::string>& argv);
};

/// Compares with tests/cli/golden/NAME; UPDATE_GOLDEN=1 rewrites the file.
void expect_golden(const std::string& name, const std::string& text);

/// The two devices of the page.
[[nodiscard]] json page_devices();
/// A list answer around items.
[[nodiscard]] std::string list_of(const json& items, std::int64_t total = -1);
/// A server as the API answers it.
[[nodiscard]] json server(const std::string& name, const std::string& status);
/// An error answer.
[[nodiscard]] std::string error_body(int status, const std::string& name,
                                     const std::string& message,
                                     const json& details = json::object());

inline constexpr const char* server_id = "6b0c1f0a-3c55-4c0e-9a43-0d6a7c1e2f01";
inline constexpr const char* page_gpu = "273f4f72-06b6-49aa-8456-4beceec44997";

} // namespace berth::cli::testing
