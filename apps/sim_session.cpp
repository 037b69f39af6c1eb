#include "apps/sim_session.hpp"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <ostream>
#include <stop_token>
#include <thread>
#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "apps/config.hpp"
#include "apps/write_file.hpp"
#include "model/time.hpp"
#include "sim/report/report_json.hpp"
#include "sim/study/purchase.hpp"
#include "sim/study/run_store.hpp"

namespace berth::apps {

using model::errc;
using model::fail;
using model::result;

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

extern "C" void interrupt(int /*signal*/) {
  interrupted = true;
}

/// SIGINT and SIGTERM end the playing; a second one ends the process.
class signal_guard {
public:
  signal_guard() {
    struct sigaction how {};
    how.sa_handler = interrupt;
    how.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(SIGINT, &how, &on_int_);
    sigaction(SIGTERM, &how, &on_term_);
  }
  signal_guard(const signal_guard&) = delete;
  signal_guard& operator=(const signal_guard&) = delete;
  ~signal_guard() {
    sigaction(SIGINT, &on_int_, nullptr);
    sigaction(SIGTERM, &on_term_, nullptr);
  }

private:
  struct sigaction on_int_ {};
  struct sigaction on_term_ {};
};

/// Midnight, UTC.
std::optional<model::timestamp> parse_date(std::string_view text) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  const auto part = [&text](auto& into, char end) {
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), into);
    text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
    const bool ended = end == 0 ? text.empty() : text.starts_with(end);
    text.remove_prefix(end == 0 || text.empty() ? 0 : 1);
    return error == std::errc{} && ended;
  };
  if (!part(year, '-') || !part(month, '-') || !part(day, 0))
    return std::nullopt;
  const auto date = std::chrono::year{year} / static_cast<int>(month) / static_cast<int>(day);
  if (!date.ok() || year < 1970 || year > 2200)
    return std::nullopt;
  return model::timestamp{std::chrono::sys_days{date}.time_since_epoch()};
}

result<sim::metrics_options> metrics_of(const sim_arguments& given) {
  sim::metrics_options options;
  if (!given.has("metrics-start"))
    return options;
  const auto text = given.text("metrics-start");
  const auto start = parse_date(text);
  if (!start)
    return fail(errc::invalid_argument,
                "--metrics-start " + text + " is no date such as 2026-01-31");
  options.start = *start;
  return options;
}

/// Before hours are spent: the outputs can be made.
result<void> check_outputs(const sim_arguments& given) {
  if (const auto metrics = metrics_of(given); !metrics)
    return tl::unexpected{metrics.error()};
  if (!given.has("out"))
    return {};
  std::error_code problem;
  std::filesystem::create_directories(given.text("out"), problem);
  if (problem)
    return fail(errc::store_failed,
                "--out " + given.text("out") + " cannot be made: " + problem.message());
  return {};
}

std::string left_text(double seconds) {
  if (seconds < 90)
    return fmt::format("{:.0f} s", seconds);
  return seconds < 5'400 ? fmt::format("{:.0f} min", seconds / 60)
                         : fmt::format("{:.1f} h", seconds / 3'600);
}

std::string bar(double share) {
  constexpr int width = 24;
  const auto full = static_cast<std::size_t>(std::clamp(share, 0.0, 1.0) * width);
  return std::string(full, '#') + std::string(width - full, '.');
}

/// One line that is written over and over.
class progress_line {
public:
  progress_line(std::ostream& err, bool show) : err_{err}, show_{show} {}

  void show(const sim::play_progress& at) {
    const auto wanted = static_cast<double>(at.runs_wanted());
    if (!show_ || wanted == 0)
      return;
    const auto done = at.runs();
    const std::chrono::duration<double> since = std::chrono::steady_clock::now() - began_;
    const auto share = done / wanted;
    const auto rate = static_cast<double>(at.events()) / since.count();
    auto text = fmt::format("[{}] {:.0f} of {:.0f} runs, {:.2f} M events/s", bar(share), done,
                            wanted, rate / 1e6);
    if (share > 0.01)
      text += ", " + left_text(since.count() * (1 - share) / share) + " left";
    err_ << "\r\033[K" << text << std::flush;
    shown_ = true;
  }
  void clear() {
    if (shown_)
      err_ << "\r\033[K" << std::flush;
  }

private:
  std::ostream& err_;
  bool show_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

/// Looks at the playing from a thread of its own until it is destroyed.
class watcher {
public:
  watcher(sim::play_progress& at, std::ostream& err, bool show)
      : thread_{[this, &at, line = progress_line{err, show}](std::stop_token done) mutable {
          watch(done, at, line);
        }} {}

private:
  void watch(const std::stop_token& done, sim::play_progress& at, progress_line& line) {
    constexpr std::chrono::milliseconds between{200};
    std::unique_lock lock{mutex_};
    while (!wake_.wait_for(lock, done, between, [] { return false; }) && !done.stop_requested()) {
      if (interrupted)
        at.stop();
      line.show(at);
    }
    line.clear();
  }

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread thread_; ///< last: it uses the others
};

} // namespace

std::vector<command_flag> output_flags() {
  return {{"out", "DIR", "report.html, tables as CSV, result.json and OpenMetrics go there"},
          {"json", "FILE", "everything as JSON"},
          {"metrics-start", "DATE",
           "when the simulation begins in the OpenMetrics, such as 2026-01-31 (2024-01-01)"},
          {"quiet", "", "shows no progress"}};
}

std::vector<command_flag> session_flags() {
  auto flags = output_flags();
  flags.push_back(
      {"resume", "FILE", "keeps complete runs there, and does not play again those that it finds"});
  return flags;
}

bool sim_session::was_interrupted() {
  return interrupted;
}

template <class Play> auto sim_session::watched(Play play) {
  const signal_guard signals;
  sim::play_progress progress;
  const bool show = !given_.has("quiet") && isatty(STDERR_FILENO) == 1;
  const watcher watching{progress, err_, show};
  return play(progress);
}

result<std::vector<sim::variant>> sim_session::play(const std::vector<sim::variant_plan>& variants,
                                                    const sim::study& what) {
  if (auto ready = check_outputs(given_); !ready)
    return tl::unexpected{std::move(ready.error())};
  std::unique_ptr<sim::run_store> kept;
  if (given_.has("resume")) {
    const auto fingerprint = sim::fingerprint_of(variants, version());
    if (!fingerprint)
      return tl::unexpected{fingerprint.error()};
    auto opened = sim::run_store::open(given_.text("resume"), *fingerprint);
    if (!opened)
      return tl::unexpected{std::move(opened.error())};
    kept = std::move(*opened);
    if (kept->found() > 0)
      err_ << kept->found() << " runs are there already\n";
  }
  return watched([&](sim::play_progress& progress) {
    return sim::play(
        variants,
        {.seeds = what.seeds, .jobs = what.jobs, .progress = &progress, .keeper = kept.get()});
  });
}

result<sim::purchase_answer> sim_session::shop(const sim::study& what,
                                               const sim::offered_demand& demand) {
  if (auto ready = check_outputs(given_); !ready)
    return tl::unexpected{std::move(ready.error())};
  return watched([&](sim::play_progress& progress) {
    return sim::find_purchase(
        what, demand,
        {.seeds = what.seeds, .jobs = what.jobs, .progress = &progress, .keeper = nullptr});
  });
}

result<sim::offered_demand> offer_and_tell(const sim::study& what, std::ostream& err,
                                           std::span<const sim::host_group> more) {
  for (const auto& remark : what.remarks)
    err << remark << "\n";
  auto demand = sim::offer(what, more);
  if (!demand)
    return demand;
  if (const auto* seen = demand->seen();
      seen != nullptr && (seen->report.skipped > 0 || !seen->report.remarks.empty()))
    err << sim::to_text(seen->report);
  if (const auto* fitted = demand->fitted())
    err << sim::to_text(*fitted);
  return demand;
}

result<void> write_wanted(const sim_arguments& given, const sim::study_result& all,
                          const sim::frontier& purchases, std::ostream& err) {
  if (given.has("json")) {
    const auto write = [&all](std::ostream& out) { sim::write_json(out, all); };
    if (auto written = write_file(given.text("json"), write); !written)
      return written;
  }
  if (!given.has("out"))
    return {};
  sim::outputs wanted;
  wanted.purchases = purchases;
  const auto metrics = metrics_of(given);
  if (!metrics)
    return tl::unexpected{metrics.error()};
  wanted.metrics = *metrics;
  const auto written = sim::write_outputs(given.text("out"), all, wanted);
  if (!written)
    return tl::unexpected{written.error()};
  for (const auto& path : *written)
    err << "written: " << path << "\n";
  return {};
}

int ended(const std::string& command, const result<void>& how, std::ostream& err) {
  if (!how) {
    err << "berth-sim " << command << ": " << how.error().message << "\n";
    return how.error().code == errc::invalid_argument || how.error().code == errc::unknown_field
               ? exit_usage
               : exit_failed;
  }
  return sim_session::was_interrupted() ? exit_interrupted : 0;
}

} // namespace berth::apps
