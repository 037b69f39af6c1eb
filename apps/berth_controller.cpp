#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "actors/cluster_actor.hpp"
#include "actors/cluster_metrics.hpp"
#include "actors/host_link_actor.hpp"
#include "actors/live_cluster_port.hpp"
#include "actors/load_cluster.hpp"
#include "actors/scheduler_actor.hpp"
#include "actors/store_writer.hpp"
#include "actors/websocket_link.hpp"
#include "api/listen_policy.hpp"
#include "api/service.hpp"
#include "apps/actor_config.hpp"
#include "apps/capacity_shapes.hpp"
#include "apps/config.hpp"
#include "apps/process.hpp"
#include "apps/scheduler_pools.hpp"
#include "apps/write_file.hpp"
#include "net/http_server.hpp"
#include "store/memory_store.hpp"
#include "store/sqlite_store.hpp"

namespace berth::apps {
namespace {

using std::chrono::seconds;

/// Events before a snapshot that stay readable for /v1/events.
constexpr std::uint64_t kept_events = 100'000;

/// Why the program ends, and with which code.
struct refusal {
  exit_code code;
  std::string message;
};
template <class T> using started = tl::expected<T, refusal>;

tl::unexpected<refusal> refuse(exit_code code, std::string message) {
  return tl::unexpected{refusal{code, std::move(message)}};
}

/// The store's writing handle and how to open reading ones.
struct opened_store {
  std::unique_ptr<store::event_store> log;
  actors::open_store reader; ///< empty: there is only the one handle
};

started<opened_store> open_log(const controller_config& config) {
  if (config.store_kind == "memory")
    return opened_store{std::make_unique<store::memory_store>(), {}};
  store::sqlite_options options;
  options.path = config.store_path;
  options.version = version();
  options.keep_events = kept_events;
  auto log = store::sqlite_store::open(options);
  if (!log)
    return refuse(exit_code::store_refused, log.error().message);
  return opened_store{std::move(*log), [path = options.path, by = options.version] {
                        return store::open_reader(path, by);
                      }};
}

void log_note(const control::note& what) {
  using control::note_kind;
  switch (what.kind) {
  case note_kind::host_online:
  case note_kind::host_offline:
  case note_kind::store_back:
    spdlog::info("{} {}: {}", control::to_string(what.kind), what.subject, what.text);
    return;
  case note_kind::placement_conflict:
  case note_kind::stale_device_report:
    spdlog::debug("{} {}: {}", control::to_string(what.kind), what.subject, what.text);
    return;
  default:
    spdlog::warn("{} {}: {}", control::to_string(what.kind), what.subject, what.text);
  }
}

control::cluster_config cluster_settings(const controller_config& config) {
  control::cluster_config settings;
  settings.version = version();
  settings.heartbeat_interval = config.hosts_heartbeat_interval;
  settings.lease = config.hosts_lease;
  settings.keep_reasons = config.scheduler_keep_reasons;
  settings.specs_per_command_max = static_cast<std::size_t>(config.limits_batch);
  settings.scheduling.policy = scheduler::find_policy(config.scheduler_policy);
  const auto pools = parse_pools(config.scheduler_pools).value();
  for (const auto& [project, pool] : pools)
    settings.project_scheduling[project].policy = scheduler::find_policy(pool.policy);
  settings.reservations.after = config.queue_reserve_after;
  settings.reservations.priority = static_cast<std::int32_t>(config.queue_reserve_priority);
  settings.reservations.max = static_cast<std::size_t>(config.queue_reservations);
  return settings;
}

/// Of a configuration that was checked.
std::vector<scheduler::capacity_shape> capacity_shapes(const controller_config& config) {
  std::vector<scheduler::capacity_shape> shapes;
  const auto wanted = parse_capacity_shapes(config.capacity_shapes).value();
  for (const auto& shape : wanted)
    shapes.push_back({shape.model, shape.gpus,
                      scheduler::parse_togetherness(shape.together)
                          .value_or(scheduler::togetherness::anywhere)});
  return shapes;
}

/// All actors of a controller. Made on what the store holds; ends with everything in it.
class controller_actors {
public:
  controller_actors(const controller_config& config, opened_store store,
                    control::cluster_state loaded, metrics::registry& live,
                    metrics::snapshot_slot& slot)
      : caf_(config.threads_actors), system_(caf_),
        door_(std::make_shared<actors::cluster_door>(
            actors::mail_meter{live, "cluster", wall_clock})),
        observer_(std::make_shared<actors::cluster_metrics>(live, slot, log_note)) {
    for (const auto* actor : {"cluster", "scheduler", "store_writer", "host_link"})
      (void)live.get_counter(metrics::metric::actor_restarts_total, {actor});
    auto reader = store.reader;
    actors::cluster_parts parts;
    parts.config = cluster_settings(config);
    parts.dice = system_dice();
    parts.clock = wall_clock;
    parts.door = door_;
    parts.feed = feed_;
    parts.observer = observer_;
    parts.batch_events_max = static_cast<std::size_t>(config.store_batch_events);
    parts.ready = ready_;
    parts.writer =
        actors::spawn_store_writer(system_, std::move(store.log), writer_settings(config, reader));
    parts.schedulers = spawn_schedulers(config.scheduler_policy, config.threads_schedulers,
                                        capacity_shapes(config));
    const auto pools = parse_pools(config.scheduler_pools).value();
    for (const auto& [project, pool] : pools)
      parts.pools[project] = spawn_schedulers(pool.policy, pool.schedulers);
    cluster_ = actors::spawn_cluster(system_, std::move(parts), std::move(loaded));
    // Writer, schedulers and courier are linked to the cluster: its end is the end of all.
    cluster_->attach_functor([](const caf::error& why) {
      if (why)
        report_death();
    });
    auto archive = reader ? actors::spawn_log_archive(system_, reader) : nullptr;
    port_ = std::make_unique<actors::live_cluster_port>(
        actors::live_cluster_port::parts{door_, feed_, std::move(archive), ready_},
        actors::port_limits{config.limits_in_flight, config.limits_in_flight});
    actors::host_link_parts links;
    links.door = door_;
    links.clock = wall_clock;
    links.link.lease = config.hosts_lease;
    links.counters = actors::link_counters{live, wall_clock};
    link_door_ = actors::make_link_door(system_, std::move(links));
  }
  controller_actors(const controller_actors&) = delete;
  controller_actors& operator=(const controller_actors&) = delete;
  ~controller_actors() {
    port_.reset(); // the archive's actor ends with it
    caf::anon_send_exit(cluster_, caf::exit_reason::user_shutdown);
    cluster_ = nullptr;
  }

  [[nodiscard]] api::cluster_port& port() { return *port_; }
  [[nodiscard]] const std::shared_ptr<actors::link_door>& links() const { return link_door_; }

private:
  std::vector<actors::scheduler_actor>
  spawn_schedulers(const std::string& policy, std::int64_t count,
                   const std::vector<scheduler::capacity_shape>& counted = {}) {
    std::vector<actors::scheduler_actor> made;
    for (std::int64_t i = 0; i < count; ++i)
      made.push_back(actors::spawn_scheduler(system_, {scheduler::find_policy(policy)}, counted));
    return made;
  }
  static actors::store_writer_options writer_settings(const controller_config& config,
                                                      actors::open_store reader) {
    actors::store_writer_options settings;
    if (reader)
      settings.snapshot_events = static_cast<std::uint64_t>(config.store_snapshot_events);
    settings.reader = std::move(reader);
    settings.on_snapshot = [](model::sequence_number at, const model::result<void>& outcome) {
      if (outcome)
        spdlog::info("snapshot at event {} written", at);
      else
        spdlog::warn("no snapshot at event {}: {}", at, outcome.error().message);
    };
    return settings;
  }

  actor_config caf_;
  caf::actor_system system_;
  std::shared_ptr<actors::cluster_door> door_;
  std::shared_ptr<actors::event_feed> feed_ = std::make_shared<actors::event_feed>(65'536);
  std::shared_ptr<std::atomic<bool>> ready_ = std::make_shared<std::atomic<bool>>(false);
  std::shared_ptr<actors::cluster_metrics> observer_;
  actors::cluster_actor cluster_;
  std::unique_ptr<actors::live_cluster_port> port_;
  std::shared_ptr<actors::link_door> link_door_;
};

/// Takes in host links whose certificate names the host, refuses all others.
class link_gate {
public:
  link_gate(const controller_config& config, std::shared_ptr<actors::link_door> links)
      : links_(std::move(links)), policy_{config.hosts_fleet_certificates} {
    limits_.frame_bytes_max = static_cast<std::size_t>(config.limits_frame_bytes);
    limits_.queue_bytes_max = limits_.frame_bytes_max * 2;
    limits_.idle_timeout = config.hosts_lease * 3;
  }

  void operator()(const net::request& asked, net::upgrader upgrader) const {
    if (asked.path != actors::host_link_path)
      return upgrader.refuse(net::response::with(404, "text/plain", "no such WebSocket\n"));
    auto host = actors::authenticated_host(asked, policy_);
    if (!host) {
      spdlog::warn("a host link from {} is refused: {}", asked.connection->peer_address,
                   host.error().message);
      return upgrader.refuse(net::response::with(model::describe(host.error().code).http_status,
                                                 "text/plain", host.error().message + "\n"));
    }
    actors::accept_host_link(links_, std::move(*host), std::move(upgrader), limits_);
  }

private:
  std::shared_ptr<actors::link_door> links_;
  actors::host_link_policy policy_;
  net::websocket_limits limits_;
};

started<api::service_options> service_settings(const controller_config& config) {
  const auto where = net::parse_host_port(config.listen);
  if (!where)
    return refuse(exit_code::usage, "listen: " + where.error().message);
  api::service_options options;
  options.http.address = where->host;
  options.http.port = where->port;
  options.http.body_bytes_max = static_cast<std::uint64_t>(config.limits_body_bytes);
  options.http.connections_max = static_cast<std::size_t>(config.limits_connections);
  if (!config.tls_certificate.empty()) {
    options.http.tls =
        net::server_tls{config.tls_certificate, config.tls_key, config.tls_client_ca};
    // Loopback serves both, so that local tools need no certificates.
    options.http.plain_allowed = api::listen_policy(where->host, false, false).has_value();
  }
  if (!config.token_file.empty()) {
    auto loaded = api::authenticator::load(config.token_file);
    if (!loaded)
      return refuse(exit_code::usage, loaded.error().message);
    options.auth = std::move(*loaded);
  }
  if (auto allowed =
          api::listen_policy(where->host, options.http.tls.has_value(), options.auth.has_tokens());
      !allowed)
    return refuse(exit_code::usage, allowed.error().message);
  options.name_seed = system_dice().next();
  return options;
}

started<control::cluster_state> load_state(const controller_config& config,
                                           const store::event_store& log) {
  const auto begin = wall_clock();
  auto loaded = actors::load_cluster(log);
  if (!loaded)
    return refuse(exit_code::store_refused, loaded.error().message);
  spdlog::info("{}: {} events, {} servers, {} hosts; read in {:.3f} s",
               config.store_kind == "memory" ? std::string{"memory store"} : config.store_path,
               loaded->last_sequence(), loaded->servers().size(), loaded->hosts().size(),
               std::chrono::duration<double>(wall_clock() - begin).count());
  return std::move(*loaded);
}

started<exit_code> serve(const controller_config& config) {
  auto log = open_log(config);
  if (!log)
    return tl::unexpected{std::move(log.error())};
  auto loaded = load_state(config, *log->log);
  if (!loaded)
    return tl::unexpected{std::move(loaded.error())};
  metrics::registry live{metrics::process::controller};
  live.get_gauge(metrics::metric::build_info, {version(), revision()}).set(1);
  metrics::snapshot_slot slot;
  controller_actors actors{config, std::move(*log), std::move(*loaded), live, slot};
  auto options = service_settings(config);
  if (!options)
    return tl::unexpected{std::move(options.error())};
  options->on_upgrade = link_gate{config, actors.links()};
  net::io_pool pool{static_cast<unsigned>(config.threads_io)};
  auto service = api::service::start({pool, actors.port(), live, slot}, std::move(*options));
  if (!service)
    return refuse(exit_code::cannot_listen, service.error().message);
  const auto port = (*service)->port();
  if (!config.listen_port_file.empty())
    if (auto written = write_file(config.listen_port_file, std::to_string(port) + "\n"); !written)
      return refuse(exit_code::usage, written.error().message);
  spdlog::info("listening on port {}", port);

  auto reason = wait_for_signal();
  for (; reason == wake_reason::reload; reason = wait_for_signal()) {
    if (const auto done = (*service)->reload_certificates(); done)
      spdlog::info("certificates read anew");
    else
      spdlog::error("the certificates stay as they were: {}", done.error().message);
  }
  spdlog::info("stopping");
  end_at_the_latest(seconds{10}, exit_code::stop_overdue);
  (*service)->stop();
  pool.stop();
  return reason == wake_reason::died ? exit_code::died : exit_code::success;
}

} // namespace
} // namespace berth::apps

int main(int argc, char** argv) {
  using namespace berth::apps;
  block_signals();
  const auto asked = read_controller_arguments(argc, argv);
  if (!asked) {
    std::fprintf(stderr, "berth-controller: %s\n", asked.error().message.c_str());
    return static_cast<int>(exit_code::usage);
  }
  if (!asked->text.empty()) {
    std::fputs(asked->text.c_str(), stdout);
    return 0;
  }
  start_log("berth-controller", asked->config.log_level);
  const auto ended = serve(asked->config);
  if (!ended) {
    spdlog::error(ended.error().message);
    return static_cast<int>(ended.error().code);
  }
  return static_cast<int>(*ended);
}
