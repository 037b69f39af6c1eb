#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

#include "api/cluster_port.hpp"
#include "api/event_stream.hpp"
#include "api/http.hpp"
#include "api/render.hpp"

namespace berth::api {

struct router_state;

/// One request on its way: what the handlers work on. Answered exactly once; shared by the
/// callbacks that carry it along.
class call : public std::enable_shared_from_this<call> {
public:
  using clock = std::chrono::steady_clock;

  call(std::shared_ptr<router_state> shared, request given, response_handler done)
      : state(*shared), req(std::move(given)), keep_(std::move(shared)), done_(std::move(done)),
        began_(clock::now()) {}

  void answer(response what);
  void fail(const model::failure& why);
  template <class T> void answer_json(int status, const T& what) {
    answer({.status = status, .body = to_json(what)});
  }
  void answer_nothing(int status = 200) { answer({.status = status, .body = "{}"}); }

  /// Sends a command, and `handle`s the alternative of the reply that belongs to it; failures and
  /// other replies are answered here.
  template <class Reply, class Handle> void command(model::command what, Handle handle) {
    port().command(std::move(what), expect<Reply, model::reply>(std::move(handle)));
  }
  template <class Answer, class Handle> void query(model::query what, Handle handle) {
    port().query(std::move(what), expect<Answer, model::answer>(std::move(handle)));
  }
  [[nodiscard]] cluster_port& port() const;

  router_state& state;
  request req;
  std::array<std::string_view, 2> parameters; ///< of the path, in order; views into req.path
  std::size_t route = 0;                      ///< in routes(); routes().size() = none
  bool claimed = false;                       ///< holds the Idempotency-Key
  std::uint64_t fingerprint = 0;

private:
  template <class Wanted, class Any, class Handle> auto expect(Handle handle) {
    return [self = shared_from_this(), handle = std::move(handle)](model::result<Any> reply) {
      if (!reply) {
        self->fail(reply.error());
      } else if (auto* wanted = std::get_if<Wanted>(&*reply)) {
        handle(*self, *wanted);
      } else {
        self->fail({model::errc::internal, "the cluster answered with something else"});
      }
    };
  }
  void finish(response what);

  std::shared_ptr<router_state> keep_; // an answer may come after the router is gone
  response_handler done_;
  clock::time_point began_;
};

using call_ptr = std::shared_ptr<call>;

/// Runs one request that was authenticated and matched. Must not block.
using handler = void (*)(call& current);

/// One line of the route table.
struct route {
  std::string_view method;
  std::string_view pattern;   ///< `{x}` takes one segment
  std::string_view operation; ///< operationId of the OpenAPI document
  bool open;                  ///< needs no token
  handler run;
};

namespace handlers {
void list_servers(call& c);
void create_server(call& c);
void create_batch(call& c);
void show_server(call& c);
void delete_server(call& c);
void start_server(call& c);
void stop_server(call& c);
void restart_server(call& c);
void attach_device(call& c);
void detach_device(call& c);
void list_devices(call& c);
void update_devices(call& c);
void show_device(call& c);
void update_device(call& c);
void delete_device(call& c);
void purge_device(call& c);
void list_hosts(call& c);
void show_host(call& c);
void update_host(call& c);
void delete_host(call& c);
void enable_host(call& c);
void disable_host(call& c);
void host_maintenance(call& c);
void probe_host(call& c);
void forecast(call& c);
void explain(call& c);
void usage(call& c);
void snapshot(call& c);
void events(call& c);
void health(call& c);
void readiness(call& c);
void metrics(call& c);
void openapi(call& c);
} // namespace handlers

/// Writes `{"items":[...],"total":N,"limit":L,"offset":O}`.
template <class Row>
void answer_rows(call& c, const model::rows<Row>& rows, const model::page& page) {
  std::string text;
  text.reserve(64 + rows.items.size() * 1024);
  json_writer out{text};
  out.begin_object();
  out.key("items");
  out.begin_array();
  for (const auto& row : rows.items) {
    render(out, row);
  }
  out.end_array();
  out.field("total", rows.total);
  out.field("limit", page.limit);
  out.field("offset", page.offset);
  out.end_object();
  c.answer({.status = 200, .body = std::move(text)});
}

/// Writes `{"items":[{"<name>":{}} or {"error":{}},...],"<done>":N,"failed":M}`.
template <class T>
void answer_results(call& c, const std::vector<model::result<T>>& results, std::string_view name,
                    std::string_view done) {
  std::string text;
  text.reserve(64 + results.size() * 1024);
  json_writer out{text};
  std::int64_t good = 0;
  out.begin_object();
  out.key("items");
  out.begin_array();
  for (const auto& one : results) {
    out.begin_object();
    out.key(one ? name : "error");
    one ? render(out, *one) : render(out, one.error());
    out.end_object();
    good += one ? 1 : 0;
  }
  out.end_array();
  out.field(done, good);
  out.field("failed", static_cast<std::int64_t>(results.size()) - good);
  out.end_object();
  c.answer({.status = 200, .body = std::move(text)});
}

} // namespace berth::api
