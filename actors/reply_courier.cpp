#include "actors/reply_courier.hpp"

#include <caf/actor_system.hpp>
#include <caf/typed_event_based_actor.hpp>

namespace berth::actors {

namespace {

template <class Value> Value& open(Value& value) {
  return value;
}
template <class Value> Value& open(control::boxed<Value>& value) {
  return *value;
}

void deliver(reply& each) {
  std::visit(
      [](auto& done, auto& what) {
        if constexpr (std::is_invocable_v<decltype(done), decltype(std::move(open(what)))>) {
          if (done)
            done(std::move(open(what)));
        }
      },
      each.done, each.what);
  each.admitted.release();
}

reply_courier_actor::behavior_type run_courier(reply_courier_actor::pointer, int /*unused*/) {
  return {[](const parcel<reply_batch>& batch) {
    for (auto& each : batch.open().replies)
      deliver(each);
  }};
}

} // namespace

reply_courier_actor spawn_reply_courier(caf::actor_system& system) {
  return system.spawn(run_courier, 0); // CAF 0.17.6 binds a null reference without an argument
}

} // namespace berth::actors
