#include "hostbackend/linux/device_watch.hpp"

#include <utility>

#include "hostbackend/linux/call_within.hpp"

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;

device_watch::device_watch(const watch_limits& limits, device_snapshot baseline, parts what)
    : limits_{limits}, what_{std::move(what)}, known_{std::move(baseline)}, thread_{[this] {
        run();
      }} {}

device_watch::~device_watch() {
  {
    const std::scoped_lock hold{guard_};
    stopping_ = true;
  }
  stop_.notify_all();
  what_.source->wake();
  thread_.join();
}

void device_watch::run() {
  tell(look());
  while (!stopping()) {
    const auto waited = wait();
    if (stopping())
      return;
    const auto looked = look();
    tell(waited ? looked : waited);
  }
}

/// Until there is a reason to look: a hint that has settled, a source that failed, or the period.
model::result<void> device_watch::wait() {
  const auto hint = what_.source->wait(limits_.period);
  if (hint && !*hint)
    return {};
  std::unique_lock hold{guard_};
  stop_.wait_for(hold, limits_.settle, [this] { return stopping_; });
  hold.unlock();
  if (!hint)
    return tl::unexpected<model::failure>{hint.error()};
  if (const auto rest = what_.source->wait(model::duration::zero()); !rest)
    return tl::unexpected<model::failure>{rest.error()};
  return {};
}

model::result<void> device_watch::look() {
  if (looking_->exchange(true))
    return fail(errc::outcome_unknown, "the look at the PCI devices before has not ended yet");
  using scanned = model::result<device_snapshot>;
  const auto away_since = what_.away();
  auto found = call_within<scanned>(limits_.look, [work = what_.look, looking = looking_] {
    auto outcome = work();
    looking->store(false);
    return outcome;
  });
  if (!found)
    return fail(errc::outcome_unknown,
                "a look at the PCI devices does not end: a device may be in reset");
  if (!*found)
    return tl::unexpected<model::failure>{found->error()};
  auto now = as_before(away_since(), known_, *std::move(*found));
  for (auto& event : compare_devices(known_, now))
    what_.on_event(std::move(event));
  known_ = std::move(now);
  return {};
}

void device_watch::tell(const model::result<void>& outcome) {
  if (!outcome && outcome.error().message != told_)
    what_.on_problem(outcome.error());
  told_ = outcome ? std::string{} : outcome.error().message;
}

bool device_watch::stopping() const {
  const std::scoped_lock hold{guard_};
  return stopping_;
}

} // namespace berth::hostbackend::host_linux
