#include "actors/mail_meter.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace berth::actors {

using metrics::metric;

mail_meter::mail_meter(metrics::registry& live, std::string_view actor,
                       std::function<model::timestamp()> clock)
    : clock_(std::move(clock)), waiting_(live.get_gauge(metric::actor_mailbox_messages, {actor})),
      wait_(live.get_histogram(metric::actor_message_wait_seconds, {actor})) {}

model::timestamp mail_meter::came() const {
  waiting_.add(1);
  return clock_();
}

void mail_meter::taken(const std::vector<model::timestamp>& arrivals) const {
  if (arrivals.empty())
    return;
  waiting_.add(-static_cast<double>(arrivals.size()));
  const auto now = clock_();
  for (const auto& at : arrivals) // the wall clock may go back
    wait_.observe(std::max(0.0, std::chrono::duration<double>(now - at).count()));
}

void mail_meter::lost(std::size_t count) const {
  if (count != 0)
    waiting_.add(-static_cast<double>(count));
}

} // namespace berth::actors
