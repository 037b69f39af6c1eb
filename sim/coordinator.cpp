#include "sim/coordinator.hpp"

#include <algorithm>
#include <utility>

namespace berth::sim {

namespace {

constexpr std::size_t cache_line = 64;
constexpr std::size_t actor_size = 1536;
constexpr std::size_t letter_size = 256;

/// Thousands of actors take turns, so an actor's memory is cold when its turn comes. Asked for one
/// turn ahead, it arrives while another works.
void fetch_ahead(const void* from, std::size_t size) {
  for (std::size_t at = 0; at < size; at += cache_line)
    __builtin_prefetch(static_cast<const char*>(from) + at);
}

} // namespace

model::timestamp virtual_clock::next() const {
  const auto& timeouts = schedule();
  const auto timeout = timeouts.empty() ? model::timestamp::max()
                                        : epoch + timeouts.begin()->first.time_since_epoch();
  return std::min(timeout, letters_.next());
}

void virtual_clock::set(model::timestamp to) {
  current_time = std::max(current_time, time_point{to - epoch});
}

void virtual_clock::deliver() {
  trigger_expired_timeouts();
  while (letters_.next() <= at()) {
    auto due = letters_.pop();
    if (const auto* next = letters_.first()) {
      fetch_ahead(next->receiver.get(), actor_size);
      fetch_ahead(next->content.get(), letter_size);
    }
    due.receiver->enqueue(std::move(due.content), nullptr);
  }
}

void virtual_clock::schedule_message(time_point when, caf::strong_actor_ptr receiver,
                                     caf::mailbox_element_ptr content) {
  letters_.push(epoch + when.time_since_epoch(), {std::move(receiver), std::move(content)});
}

void virtual_clock::cancel_all() {
  test_actor_clock::cancel_all();
  letters_.clear();
}

caf::actor_system::module* coordinator::make(caf::actor_system& system, caf::detail::type_list<>) {
  return new coordinator{system}; // NOLINT(cppcoreguidelines-owning-memory): the system takes it
}

} // namespace berth::sim
