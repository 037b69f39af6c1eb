#include "apps/metrics_port.hpp"

#include <utility>

#include "api/listen_policy.hpp"
#include "apps/process.hpp"
#include "apps/write_file.hpp"
#include "metrics/exposition.hpp"

namespace berth::apps {

namespace {

void serve(const net::request& asked, net::responder answer, const metrics::registry& live) {
  if (asked.method != "GET")
    return answer.send(net::response::with(405, "text/plain", "only GET is served here\n"));
  if (asked.path == "/healthz")
    return answer.send(net::response::with(200, "text/plain", "ok\n"));
  if (asked.path != "/metrics")
    return answer.send(net::response::with(404, "text/plain", "see /metrics and /healthz\n"));
  metrics::text_writer out;
  live.collect(out);
  answer.send(net::response::with(200, metrics::text_writer::content_type, out.take()));
}

} // namespace

model::result<std::unique_ptr<net::http_server>>
metrics_port::open(net::io_pool& pool, const host_config& config, metrics::registry& live) {
  if (config.metrics_listen.empty())
    return nullptr;
  const auto where = net::parse_host_port(config.metrics_listen);
  if (!where)
    return model::fail(model::errc::invalid_argument, "metrics.listen: " + where.error().message);
  if (auto allowed = api::listen_policy(where->host, false, false); !allowed)
    return model::fail(model::errc::invalid_argument,
                       "metrics.listen: " + config.metrics_listen +
                           " is not a loopback address, and these metrics have no TLS");
  net::http_server_options options;
  options.address = where->host;
  options.port = where->port;
  options.connections_max = 64;
  net::http_handlers handlers;
  handlers.on_request = [&live](const net::request& asked, net::responder answer) {
    serve(asked, std::move(answer), live);
  };
  auto server = net::http_server::listen(pool, options, std::move(handlers));
  if (!server)
    return model::fail(model::errc::invalid_argument, server.error().message);
  if (!config.metrics_port_file.empty())
    if (auto written =
            write_file(config.metrics_port_file, std::to_string((*server)->port()) + "\n");
        !written)
      return tl::unexpected{std::move(written.error())};
  return std::move(*server);
}

} // namespace berth::apps
