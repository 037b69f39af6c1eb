#include "api/router.hpp"

#include <algorithm>
#include <chrono>

#include "api/router_state.hpp"

namespace berth::api {

namespace {

constexpr std::array table{
    route{"GET", "/v1/servers", "listServers", false, handlers::list_servers},
    route{"POST", "/v1/servers", "createServer", false, handlers::create_server},
    route{"POST", "/v1/servers:batch", "createServers", false, handlers::create_batch},
    route{"GET", "/v1/servers/{server}", "showServer", false, handlers::show_server},
    route{"DELETE", "/v1/servers/{server}", "deleteServer", false, handlers::delete_server},
    route{"POST", "/v1/servers/{server}/start", "startServer", false, handlers::start_server},
    route{"POST", "/v1/servers/{server}/stop", "stopServer", false, handlers::stop_server},
    route{"POST", "/v1/servers/{server}/restart", "restartServer", false, handlers::restart_server},
    route{"POST", "/v1/servers/{server}/devices", "attachDevice", false, handlers::attach_device},
    route{"DELETE", "/v1/servers/{server}/devices/{device}", "detachDevice", false,
          handlers::detach_device},
    route{"GET", "/v1/isolated-devices", "listDevices", false, handlers::list_devices},
    route{"PATCH", "/v1/isolated-devices", "updateDevices", false, handlers::update_devices},
    route{"GET", "/v1/isolated-devices/{device}", "showDevice", false, handlers::show_device},
    route{"PATCH", "/v1/isolated-devices/{device}", "updateDevice", false, handlers::update_device},
    route{"DELETE", "/v1/isolated-devices/{device}", "deleteDevice", false,
          handlers::delete_device},
    route{"POST", "/v1/isolated-devices/{device}/purge", "purgeDevice", false,
          handlers::purge_device},
    route{"GET", "/v1/hosts", "listHosts", false, handlers::list_hosts},
    route{"GET", "/v1/hosts/{host}", "showHost", false, handlers::show_host},
    route{"PATCH", "/v1/hosts/{host}", "updateHost", false, handlers::update_host},
    route{"DELETE", "/v1/hosts/{host}", "deleteHost", false, handlers::delete_host},
    route{"POST", "/v1/hosts/{host}/enable", "enableHost", false, handlers::enable_host},
    route{"POST", "/v1/hosts/{host}/disable", "disableHost", false, handlers::disable_host},
    route{"POST", "/v1/hosts/{host}/maintenance", "hostMaintenance", false,
          handlers::host_maintenance},
    route{"POST", "/v1/hosts/{host}/probe", "probeHost", false, handlers::probe_host},
    route{"POST", "/v1/placements:forecast", "forecastPlacement", false, handlers::forecast},
    route{"POST", "/v1/placements:explain", "explainPlacement", false, handlers::explain},
    route{"GET", "/v1/usage", "showUsage", false, handlers::usage},
    route{"GET", "/v1/snapshot", "showSnapshot", false, handlers::snapshot},
    route{"GET", "/v1/events", "streamEvents", false, handlers::events},
    route{"GET", "/v1/openapi.yaml", "showOpenapi", false, handlers::openapi},
    route{"GET", "/healthz", "showHealth", true, handlers::health},
    route{"GET", "/readyz", "showReadiness", true, handlers::readiness},
    route{"GET", "/metrics", "showMetrics", false, handlers::metrics},
};

/// Cuts the first segment (after a slash) off `path`.
std::string_view next_segment(std::string_view& path) {
  path.remove_prefix(1);
  const auto end = std::min(path.find('/'), path.size());
  const auto segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

bool matches(std::string_view pattern, std::string_view path,
             std::array<std::string_view, 2>& parameters) {
  std::size_t found = 0;
  while (!pattern.empty() && !path.empty()) {
    const auto expected = next_segment(pattern);
    const auto given = next_segment(path);
    if (expected.starts_with('{')) {
      if (given.empty()) {
        return false;
      }
      parameters[found++] = given;
    } else if (expected != given) {
      return false;
    }
  }
  return pattern.empty() && path.empty();
}

/// HEAD is GET without a body, which net/ leaves out; but nobody opens a stream to look at its
/// head.
bool is_head_of(const route& line, std::string_view method) {
  return method == "HEAD" && line.method == "GET" && line.run != handlers::events;
}

/// Finds the route, or says why there is none (404, 405).
model::result<void> match(call& c) {
  std::string allowed;
  for (std::size_t i = 0; i < table.size(); ++i) {
    if (!matches(table[i].pattern, c.req.path, c.parameters)) {
      continue;
    }
    if (table[i].method == c.req.method || is_head_of(table[i], c.req.method)) {
      c.route = i;
      return {};
    }
    allowed += allowed.empty() ? "" : ", ";
    allowed += table[i].method;
  }
  if (allowed.empty()) {
    return model::fail(model::errc::not_found,
                       "there is nothing at this path: see /v1/openapi.yaml for the routes");
  }
  return model::fail(model::errc::method_not_allowed,
                     "this path does not take " + c.req.method + ": it takes " + allowed,
                     {{"allow", allowed}});
}

/// FNV-1a over everything that makes the request what it is.
std::uint64_t fingerprint(const request& req) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const auto mix = [&](std::string_view text) {
    for (const char c : text) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    }
    hash = (hash ^ 0xffU) * 0x100000001b3ULL;
  };
  mix(req.method);
  mix(req.path);
  for (const auto& [name, value] : req.query) {
    mix(name);
    mix(value);
  }
  mix(req.body);
  return hash;
}

bool is_key(std::string_view key) {
  return !key.empty() && key.size() <= 255 &&
         std::ranges::all_of(key, [](char c) { return c >= 0x20 && c < 0x7f; });
}

response to_response(const model::failure& why) {
  const auto& row = model::describe(why.code);
  response what{.status = row.http_status, .passing = row.retryable};
  what.body.reserve(256);
  json_writer out{what.body};
  out.begin_object();
  out.key("error");
  render(out, why);
  out.end_object();
  if (row.http_status == 429 || row.http_status == 503) {
    what.headers.emplace_back("Retry-After", "1");
  }
  if (why.code == model::errc::not_authenticated) {
    what.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"berth\"");
  }
  if (const auto allow = why.details.find("allow");
      why.code == model::errc::method_not_allowed && allow != why.details.end()) {
    what.headers.emplace_back("Allow", allow->second);
  }
  return what;
}

/// Runs the handler under the request's Idempotency-Key.
void run_once(call& c) {
  if (!is_key(*c.req.idempotency_key)) {
    return c.fail({model::errc::invalid_argument,
                   "the Idempotency-Key must be 1 to 255 printable characters",
                   {{"field", "Idempotency-Key"}}});
  }
  c.fingerprint = fingerprint(c.req);
  c.port().claim_key(*c.req.idempotency_key, c.fingerprint,
                     [self = c.shared_from_this()](auto claim) {
                       if (!claim) {
                         return self->fail(claim.error());
                       }
                       if (*claim) {
                         return self->answer({.status = (*claim)->http_status,
                                              .body = std::move((*claim)->body),
                                              .headers = {{"Idempotency-Replayed", "true"}}});
                       }
                       self->claimed = true;
                       table[self->route].run(*self);
                     });
}

} // namespace

std::span<const route> routes() {
  return table;
}

router_state::router_state(router_parts given)
    : parts(std::move(given)), names(parts.name_seed), metrics_(table.size() + 1) {
  for (std::size_t i = 0; i <= table.size(); ++i) {
    const auto name = i < table.size() ? table[i].operation : std::string_view{"none"};
    for (std::size_t s = 0; s < answered_statuses.size(); ++s) {
      metrics_[i].answers[s] = parts.live.get_counter(metrics::metric::http_requests_total,
                                                      {name, std::to_string(answered_statuses[s])});
    }
    metrics_[i].duration =
        parts.live.get_histogram(metrics::metric::http_request_duration_seconds, {name});
  }
  parts.live.before_scrape(
      [all = streams, open = parts.live.get_gauge(metrics::metric::event_streams)] {
        open.set(static_cast<double>(all->count()));
      });
}

void router_state::count(std::size_t route, int status, double seconds) const {
  const auto& one = metrics_[route];
  const auto found = std::ranges::find(answered_statuses, status);
  if (found != answered_statuses.end()) {
    one.answers[static_cast<std::size_t>(found - answered_statuses.begin())].increment();
  }
  one.duration.observe(seconds);
}

cluster_port& call::port() const {
  return state.parts.cluster;
}

void call::fail(const model::failure& why) {
  answer(to_response(why));
}

void call::answer(response what) {
  if (!claimed) {
    return finish(std::move(what));
  }
  claimed = false;
  if (what.passing || what.status >= 500) {
    port().forget_key(*req.idempotency_key);
    return finish(std::move(what));
  }
  remembered_answer remembered{static_cast<std::uint16_t>(what.status), what.body};
  port().remember_key(*req.idempotency_key, fingerprint, std::move(remembered),
                      [self = shared_from_this(), what = std::move(what)](auto kept) mutable {
                        // The request was carried out all the same: its answer must go out.
                        if (!kept) {
                          self->port().forget_key(*self->req.idempotency_key);
                        }
                        self->finish(std::move(what));
                      });
}

void call::finish(response what) {
  const std::chrono::duration<double> taken = clock::now() - began_;
  state.count(route, what.status, taken.count());
  done_(std::move(what));
}

router::router(router_parts parts) : state_(std::make_shared<router_state>(std::move(parts))) {}

router::~router() {
  state_->streams->stop();
}

void router::handle(request req, response_handler done) {
  const auto current = std::make_shared<call>(state_, std::move(req), std::move(done));
  current->route = table.size();
  if (auto matched = match(*current); !matched) {
    return current->fail(matched.error());
  }
  const auto& route = table[current->route];
  if (!route.open) {
    const auto who = state_->parts.auth.check(current->req.authorization);
    if (!who) {
      return current->fail(who.error());
    }
    if (*who != role::admin && route.method != "GET") {
      return current->fail(
          {model::errc::not_permitted,
           "role " + std::string{to_string(*who)} + " may only read: use a token of role admin",
           {{"role", std::string{to_string(*who)}}}});
    }
  }
  if (current->req.idempotency_key && route.method == "POST") {
    return run_once(*current);
  }
  route.run(*current);
}

response router::refusal(int status, std::string message) {
  const auto code = [status] {
    switch (status) {
    case 408:
      return model::errc::request_timeout;
    case 413:
    case 431:
      return model::errc::too_large;
    case 500:
      return model::errc::internal;
    case 503:
      return model::errc::busy;
    case 504:
      return model::errc::outcome_unknown;
    default:
      return model::errc::invalid_argument;
    }
  }();
  return to_response({code, std::move(message)});
}

void router::heartbeat() {
  state_->streams->heartbeat();
}

void router::end_streams() {
  state_->streams->stop();
}

void router::resume_streams() {
  state_->streams->resume();
}

} // namespace berth::api
