#include "cli/wait.hpp"

#include <algorithm>
#include <map>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "cli/verbs.hpp"

namespace berth::cli {
namespace {

constexpr pacer::duration first_pause{50};
constexpr pacer::duration longest_pause{1'000};

/// One round of looking at what is still pending.
class server_watch {
public:
  server_watch(session& s, std::vector<watched_server> servers, std::string goal)
      : session_(s), pending_(std::move(servers)), goal_(std::move(goal)), total_(pending_.size()) {
  }

  result<void> look();
  [[nodiscard]] bool done() const { return pending_.empty(); }
  [[nodiscard]] bool failed() const { return !failures_.empty(); }
  [[nodiscard]] std::string text() const;
  [[nodiscard]] const std::vector<fault>& failures() const { return failures_; }
  [[nodiscard]] std::string pending_text() const;

private:
  /// True if the server needs no more looking at.
  result<bool> look_at(const watched_server& server);

  session& session_;
  std::vector<watched_server> pending_;
  std::string goal_;
  std::size_t total_;
  std::size_t reached_ = 0;
  std::map<std::string, std::size_t> states_; ///< of the pending ones
  std::vector<fault> failures_;
};

result<bool> server_watch::look_at(const watched_server& server) {
  const auto found = session_.api().get(target{"/v1/servers"}.segment(server.id));
  if (!found) {
    if (found.error().http_status != 404)
      return tl::unexpected{found.error()};
    if (goal_ == "deleted")
      ++reached_;
    else
      failures_.push_back({exit_code::failed, fmt::format("server {} is gone", server.name)});
    return true;
  }
  const auto status = text_of(*found, "status");
  if (status == goal_) {
    ++reached_;
    return true;
  }
  if (status.ends_with("_fail") && goal_ != "deleted") {
    failures_.push_back(refused_server(*found));
    return true;
  }
  ++states_[status];
  return false;
}

result<void> server_watch::look() {
  states_.clear();
  std::vector<watched_server> still;
  for (const auto& server : pending_) {
    auto ended = look_at(server);
    if (!ended)
      return tl::unexpected{ended.error()};
    if (!*ended)
      still.push_back(server);
  }
  pending_ = std::move(still);
  return {};
}

std::string server_watch::pending_text() const {
  std::vector<std::string> parts;
  for (const auto& [state, count] : states_)
    parts.push_back(total_ == 1 ? state : fmt::format("{} {}", count, state));
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string server_watch::text() const {
  if (total_ == 1 && !pending_.empty())
    return fmt::format("server {}: {}", pending_.front().name, pending_text());
  if (total_ == 1)
    return failures_.empty() ? fmt::format("server: {}", goal_) : std::string{"server: failed"};
  auto out = fmt::format("servers: {} of {} {}", reached_, total_, goal_);
  if (!failures_.empty())
    out += fmt::format(", {} failed", failures_.size());
  return states_.empty() ? out : out + ", " + pending_text();
}

} // namespace

status_line::~status_line() {
  if (open_)
    session_.err() << "\n";
}

void status_line::show(const std::string& text, pacer::duration elapsed) {
  if (session_.live()) {
    open_ = true;
    session_.err() << fmt::format("\r{} ({:.1f} s)\x1b[K", printable(text),
                                  static_cast<double>(elapsed.count()) / 1000.0)
                   << std::flush;
  } else if (text != last_) {
    session_.err() << printable(text) << std::endl;
  }
  last_ = text;
}

result<void> wait_for_servers(session& s, std::vector<watched_server> servers,
                              const std::string& status, pacer::duration deadline) {
  const auto started = s.time().now();
  server_watch watch{s, std::move(servers), status};
  {
    status_line line{s};
    for (auto pause = first_pause;; pause = std::min(longest_pause, pause * 3 / 2)) {
      if (auto looked = watch.look(); !looked)
        return looked;
      const auto elapsed = s.time().now() - started;
      line.show(watch.text(), elapsed);
      if (watch.done())
        break;
      if (elapsed >= deadline)
        return tl::unexpected{
            fault{exit_code::unknown,
                  fmt::format("no end after {:.1f} s: still {}",
                              static_cast<double>(elapsed.count()) / 1000.0, watch.pending_text()),
                  {},
                  "it goes on; see server-show, or wait longer with --deadline"}};
      s.time().pause(std::min(pause, deadline - elapsed));
    }
  }
  for (const auto& failure : watch.failures())
    s.explain(failure);
  return watch.failed() ? told() : result<void>{};
}

result<void> follow_servers(session& s, std::vector<batch_item>& items, const std::string& goal,
                            pacer::duration deadline) {
  std::vector<watched_server> watched;
  std::vector<batch_item*> followed;
  for (auto& item : items)
    if (item.answer && !text_of(*item.answer, "status").ends_with("_fail")) {
      watched.push_back({text_of(*item.answer, "id"), text_of(*item.answer, "name")});
      followed.push_back(&item);
    }
  if (watched.empty())
    return {};
  auto ended = wait_for_servers(s, std::move(watched), goal, deadline);
  if (goal != "deleted")
    for (auto* item : followed)
      if (auto now = s.api().get(target{"/v1/servers"}.segment(text_of(*item->answer, "id"))))
        item->answer = std::move(now);
  return ended;
}

} // namespace berth::cli
