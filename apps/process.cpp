#include "apps/process.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include <pthread.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

namespace berth::apps {

namespace {

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int each : {SIGINT, SIGTERM, SIGHUP, SIGUSR1})
    sigaddset(&set, each);
  return set;
}

std::uint64_t entropy() {
  std::random_device source;
  return (std::uint64_t{source()} << 32U) | source();
}

} // namespace

void block_signals() {
  const auto set = handled_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

wake_reason wait_for_signal() {
  const auto set = handled_signals();
  int which = 0;
  while (sigwait(&set, &which) != 0) {
  }
  switch (which) {
  case SIGHUP:
    return wake_reason::reload;
  case SIGUSR1:
    return wake_reason::died;
  default:
    return wake_reason::stop;
  }
}

void report_death() {
  ::kill(::getpid(), SIGUSR1);
}

void start_log(std::string_view program, std::string_view level) {
  auto log = spdlog::stderr_logger_mt(std::string{program});
  log->set_level(spdlog::level::from_str(std::string{level}));
  log->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %n %l %v");
  log->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(log));
}

void end_at_the_latest(model::duration patience, exit_code code) {
  std::thread{[patience, code] {
    std::this_thread::sleep_for(patience);
    spdlog::error("stopping takes too long: ending without waiting for the rest");
    std::_Exit(static_cast<int>(code));
  }}.detach();
  // A second signal means: now.
  std::thread{[code] {
    while (wait_for_signal() != wake_reason::stop) {
    }
    std::_Exit(static_cast<int>(code));
  }}.detach();
}

model::random system_dice() {
  return model::random{entropy()};
}

model::uuid fresh_uuid() {
  const auto high = entropy();
  return model::uuid::from_random(high, entropy());
}

model::timestamp wall_clock() {
  return std::chrono::time_point_cast<model::duration>(std::chrono::system_clock::now());
}

} // namespace berth::apps
