// The queue of a simulated fleet's events, beside the standard library's.
//
//   build/release/bench/event_queue_bench
#include <cstdint>
#include <queue>
#include <vector>

#include <benchmark/benchmark.h>

#include "model/random.hpp"
#include "sim/fleet/event_queue.hpp"

namespace berth::sim {
namespace {

/// The standard library's in the place of ours.
class standard_queue {
public:
  void push(std::int64_t at, event_kind kind, std::uint32_t subject, std::uint32_t life = 0) {
    heap_.push({at, event::order_of(kind, ++scheduled_), subject, life});
  }
  event pop() {
    const auto first = heap_.top();
    heap_.pop();
    return first;
  }

private:
  struct later {
    bool operator()(const event& a, const event& b) const { return b < a; }
  };
  std::priority_queue<event, std::vector<event>, later> heap_;
  std::uint64_t scheduled_ = 0;
};

/// The hold model: so many events are pending; the next one happens and schedules another.
template <class Queue> void hold(benchmark::State& state) {
  constexpr std::uint64_t mean = 1'000'000'000;
  model::random dice{1};
  Queue queue;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    queue.push(static_cast<std::int64_t>(dice.below(2 * mean)), event_kind::server_ends, 0);
  }
  for (auto _ : state) {
    const auto next = queue.pop();
    queue.push(next.at + static_cast<std::int64_t>(dice.below(2 * mean)), next.kind(), 0);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(hold<event_queue>)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);
BENCHMARK(hold<standard_queue>)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

} // namespace
} // namespace berth::sim
