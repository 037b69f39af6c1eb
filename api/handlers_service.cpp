#include <charconv>
#include <limits>

#include "api/call.hpp"
#include "api/query_reader.hpp"
#include "api/router_state.hpp"

namespace berth::api::handlers {

namespace {

/// The sequence number after `Last-Event-ID`; nullopt after answering a refusal.
std::optional<model::sequence_number> start_after(call& c, const std::string& last) {
  model::sequence_number number = 0;
  const auto [end, code] = std::from_chars(last.data(), last.data() + last.size(), number);
  if (code != std::errc{} || end != last.data() + last.size() ||
      number == std::numeric_limits<model::sequence_number>::max()) {
    c.fail({model::errc::invalid_argument,
            "the Last-Event-ID must be the id of an event, a whole number",
            {{"field", "Last-Event-ID"}}});
    return std::nullopt;
  }
  return number + 1;
}

void open_stream(call& c, std::vector<model::log_record> first, model::sequence_number from,
                 bool follow) {
  const auto next = first.empty() ? from : first.back().sequence + 1;
  const bool drained = first.size() < event_stream::batch;
  response head{.status = 200, .content_type = "text/event-stream"};
  head.headers.emplace_back("Cache-Control", "no-store");
  head.stream = [streams = c.state.streams, &cluster = c.port(), first = std::move(first), next,
                 drained, follow](std::shared_ptr<byte_stream> out) {
    const auto stream = std::make_shared<event_stream>(cluster, std::move(out), follow);
    streams->add(stream);
    stream->start(first, next, drained);
  };
  c.answer(std::move(head));
}

} // namespace

void events(call& c) {
  std::int64_t given = 1;
  bool follow = true;
  query_reader query{c.req.query};
  query.read("from", given, 1, std::numeric_limits<std::int64_t>::max());
  query.read("follow", follow);
  if (const auto why = query.failure()) {
    return c.fail(*why);
  }
  auto from = static_cast<model::sequence_number>(given);
  if (c.req.last_event_id) {
    const auto after = start_after(c, *c.req.last_event_id);
    if (!after) {
      return;
    }
    from = *after;
  }
  // The first batch comes before the head, so that a refusal (410) still has its status.
  c.port().events(from, event_stream::batch,
                  [self = c.shared_from_this(), from, follow](auto records) {
                    if (!records) {
                      return self->fail(records.error());
                    }
                    open_stream(*self, *std::move(records), from, follow);
                  });
}

void health(call& c) {
  c.answer({.status = 200, .content_type = "text/plain", .body = "ok\n"});
}

void readiness(call& c) {
  if (c.port().ready()) {
    return c.answer({.status = 200, .content_type = "text/plain", .body = "ready\n"});
  }
  c.answer({.status = 503,
            .content_type = "text/plain",
            .body = "not ready: the state is not loaded or the store cannot be written\n",
            .headers = {{"Retry-After", "1"}}});
}

void metrics(call& c) {
  metrics::text_writer out;
  c.state.parts.live.collect(out);
  if (const auto snapshot = c.state.parts.snapshot.get()) {
    collect(*snapshot, out);
  }
  c.answer({.status = 200,
            .content_type = std::string{metrics::text_writer::content_type},
            .body = out.take()});
}

void openapi(call& c) {
  c.answer(
      {.status = 200, .content_type = "application/yaml", .body = std::string{openapi_document()}});
}

} // namespace berth::api::handlers
