#pragma once

#include <iosfwd>
#include <string>
#include <string_view>

#include "cli/client.hpp"
#include "cli/fault.hpp"
#include "cli/render.hpp"

namespace berth::cli {

/// What a running command works with. One per command, one thread.
class session {
public:
  struct parts {
    std::string program; ///< as it was called: `berthctl` or `climc`
    std::string version;
    transport& door;
    pacer& time;
    std::ostream& out;
    std::ostream& err;
    bool live = false; ///< `err` is a terminal: status lines may overwrite themselves
    output_format format = output_format::as_table;
  };
  explicit session(const parts& p) : parts_(p), api_(p.door, p.time) {}

  [[nodiscard]] client& api() { return api_; }
  [[nodiscard]] pacer& time() { return parts_.time; }
  [[nodiscard]] const std::string& program() const { return parts_.program; }
  [[nodiscard]] const std::string& version() const { return parts_.version; }
  [[nodiscard]] output_format format() const { return parts_.format; }
  [[nodiscard]] bool live() const { return parts_.live; }
  [[nodiscard]] std::ostream& err() { return parts_.err; }

  /// Writes results.
  void print(std::string_view text);
  /// Writes a remark of one line, apart from the results.
  void note(std::string_view text);
  /// Writes whole lines apart from the results.
  void err_text(std::string_view text);
  /// Writes what went wrong, its details and its remedy.
  void explain(const fault& problem);

private:
  parts parts_;
  client api_;
};

} // namespace berth::cli
