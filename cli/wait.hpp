#pragma once

#include <string>
#include <vector>

#include "cli/session.hpp"

namespace berth::cli {

/// One line that tells how things stand: overwritten on a terminal, else one line per change.
class status_line {
public:
  explicit status_line(session& s) : session_(s) {}
  status_line(const status_line&) = delete;
  status_line& operator=(const status_line&) = delete;
  ~status_line(); ///< ends the line

  /// `elapsed` is shown on a terminal only: it always changes.
  void show(const std::string& text, pacer::duration elapsed);

private:
  session& session_;
  std::string last_;
  bool open_ = false;
};

/// A server that is waited for.
struct watched_server {
  std::string id;
  std::string name;
};

/// Follows servers until each has `status` (`deleted`: until it is gone). A server that ends in a
/// failed state is reported with its reason and makes the whole a failure. After `deadline` without
/// an end: exit_code::unknown.
[[nodiscard]] result<void> wait_for_servers(session& s, std::vector<watched_server> servers,
                                            const std::string& status, pacer::duration deadline);

} // namespace berth::cli
