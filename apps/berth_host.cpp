#include <atomic>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <spdlog/spdlog.h>

#include "actors/host_actor.hpp"
#include "actors/metered_backend.hpp"
#include "actors/ownership_writer.hpp"
#include "actors/websocket_link.hpp"
#include "apps/actor_config.hpp"
#include "apps/config.hpp"
#include "apps/host_devices.hpp"
#include "apps/host_doctor.hpp"
#include "apps/linux_host.hpp"
#include "apps/metrics_port.hpp"
#include "apps/process.hpp"
#include "apps/simulated_hosts.hpp"
#include "metrics/registry.hpp"
#include "net/io_pool.hpp"

namespace berth::apps {
namespace {

/// Time for the simulated machines: the network's timers.
class pool_timer final : public hostbackend::timer {
public:
  explicit pool_timer(net::io_pool& pool) : pool_(pool) {}
  void after(model::duration delay, std::function<void()> what) override {
    pool_.after(delay, std::move(what));
  }

private:
  net::io_pool& pool_;
};

/// How a host dials: its own certificate, the controller's address.
actors::dial_options dial_settings(const host_config& config, const net::host_port& where) {
  return [config, where](const std::string& host) {
    net::websocket_client_options options;
    options.where = where;
    options.tls = net::client_tls{config.tls_ca, for_host(config.tls_certificate, host),
                                  for_host(config.tls_key, host), config.tls_server_name};
    options.refused_hint = "is berth-controller running?";
    return options;
  };
}

/// All hosts of this process.
class host_agents {
public:
  host_agents(const host_config& config, const net::host_port& controller, net::io_pool& pool,
              actors::ownership_file::opened kept, metrics::registry& live)
      : caf_(config.threads_actors), system_(caf_), timer_(pool),
        dialer_(actors::make_websocket_dialer(pool, dial_settings(config, controller))),
        keeper_(actors::spawn_ownership_writer(system_, std::move(kept.file),
                                               {true, {live, "ownership_writer", wall_clock}})),
        kept_(std::move(kept.kept)), live_(live), counters_(live, wall_clock) {
    for (const auto* actor : {"host", "device", "ownership_writer"})
      (void)live.get_counter(metrics::metric::actor_restarts_total, {actor});
  }
  host_agents(const host_agents&) = delete;
  host_agents& operator=(const host_agents&) = delete;
  ~host_agents() {
    stopping_->store(true);
    for (const auto& each : hosts_)
      caf::anon_send_exit(each, caf::exit_reason::user_shutdown);
    hosts_.clear();
    keeper_.reset();
  }

  [[nodiscard]] hostbackend::timer& timer() { return timer_; }

  void start(const host_config& config, agent_machine machine) {
    actors::host_parts parts;
    parts.name = machine.name;
    parts.backend =
        actors::make_metered_backend(std::move(machine.backend), machine.name, live_, wall_clock);
    parts.dialer = dialer_;
    parts.keeper = keeper_;
    parts.kept = kept_;
    parts.incarnation = model::incarnation_id{fresh_uuid()};
    parts.clock = wall_clock;
    parts.dice = system_dice();
    parts.options.report_gather = std::chrono::milliseconds{10};
    parts.options.operations_in_flight_max = static_cast<std::size_t>(config.workers);
    parts.link.backoff_min = config.reconnect_delay_min;
    parts.link.backoff_max = config.reconnect_delay_max;
    parts.counters = counters_;
    parts.on_refused = [name = machine.name](const model::failure& why) {
      spdlog::info("{}: not obeyed: {}", name, why.message);
    };
    parts.on_link = [name = machine.name](const std::string* trouble) {
      if (trouble != nullptr)
        spdlog::warn("{}: no link to the controller: {}", name, *trouble);
      else
        spdlog::info("{}: linked to the controller", name);
    };
    auto host = actors::spawn_host(system_, std::move(parts));
    host->attach_functor([stopping = stopping_](const caf::error&) {
      if (!*stopping)
        report_death();
    });
    hosts_.push_back(std::move(host));
  }

private:
  actor_config caf_;
  caf::actor_system system_;
  pool_timer timer_;
  std::shared_ptr<actors::link_dialer> dialer_;
  std::shared_ptr<actors::ownership_keeper> keeper_;
  actors::kept_ownerships kept_;
  metrics::registry& live_;
  actors::agent_counters counters_;
  std::shared_ptr<std::atomic<bool>> stopping_ = std::make_shared<std::atomic<bool>>(false);
  std::vector<actors::host_actor> hosts_;
};

int fail(exit_code code, const std::string& message) {
  spdlog::error(message);
  return static_cast<int>(code);
}

model::result<std::vector<agent_machine>> make_machines(const host_config& config,
                                                        hostbackend::timer& timer) {
  if (config.simulated) {
    auto machines = make_simulated_hosts(config, timer);
    if (machines)
      spdlog::info("{} simulated hosts for the controller at {}", machines->size(),
                   config.controller);
    return machines;
  }
  auto backend = make_linux_host(config);
  if (!backend)
    return tl::unexpected{std::move(backend.error())};
  spdlog::info("host {} for the controller at {}", config.name, config.controller);
  return std::vector{agent_machine{config.name, std::move(*backend)}};
}

int run(const host_config& config) {
  const auto controller = net::parse_host_port(config.controller);
  if (!controller)
    return fail(exit_code::usage, "controller: " + controller.error().message);
  auto kept = actors::ownership_file::open(config.state_dir + "/device-ownership");
  if (!kept)
    return fail(exit_code::store_refused, kept.error().message);
  metrics::registry live{metrics::process::host};
  live.get_gauge(metrics::metric::build_info, {version(), revision()}).set(1);
  net::io_pool pool{static_cast<unsigned>(config.threads_io)};
  auto exposed = metrics_port::open(pool, config, live);
  if (!exposed)
    return fail(exit_code::cannot_listen, exposed.error().message);

  auto reason = wake_reason::stop;
  {
    host_agents agents{config, *controller, pool, std::move(*kept), live};
    auto machines = make_machines(config, agents.timer());
    if (!machines)
      return fail(exit_code::usage, machines.error().message);
    for (auto& each : *machines)
      agents.start(config, std::move(each));
    do
      reason = wait_for_signal();
    while (reason == wake_reason::reload);
    spdlog::info("stopping");
    end_at_the_latest(std::chrono::seconds{10}, exit_code::stop_overdue);
    *exposed = nullptr;
  }
  pool.stop();
  return static_cast<int>(reason == wake_reason::died ? exit_code::died : exit_code::success);
}

/// What the program can do besides being an agent; nullopt = the word is no such command.
std::optional<int> run_command(std::string_view word, const std::vector<std::string>& arguments) {
  if (word == "doctor")
    return run_host_doctor(arguments, std::cout, std::cerr);
  if (word == "release")
    return run_host_release(arguments, std::cout, std::cerr);
  if (word == "accept")
    return run_host_accept(arguments, std::cout, std::cerr);
  return std::nullopt;
}

} // namespace
} // namespace berth::apps

int main(int argc, char** argv) {
  using namespace berth::apps;
  if (argc > 1)
    if (const auto status = run_command(argv[1], {argv + 2, argv + argc}))
      return *status;
  block_signals();
  const auto asked = read_host_arguments(argc, argv);
  if (!asked) {
    std::fprintf(stderr, "berth-host: %s\n", asked.error().message.c_str());
    return static_cast<int>(exit_code::usage);
  }
  if (!asked->text.empty()) {
    std::fputs(asked->text.c_str(), stdout);
    return 0;
  }
  start_log("berth-host", asked->config.log_level);
  return run(asked->config);
}
