#include "actors/device_actor.hpp"

#include <optional>
#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/host_messages.hpp"

namespace berth::actors {

namespace {

struct device_shell {
  static inline const char* name = "device";

  device_actor::stateful_pointer<device_shell> self = nullptr;
  device_parts parts;
  std::optional<control::device_turnover> machine;

  void run(const control::turnover::event& what) {
    for (auto& effect : machine->step(parts.clock(), what))
      std::visit([this](auto& each) { on(each); }, effect);
  }

  void on(control::turnover::persist_ownership& what) {
    const device_actor me{self};
    const auto epoch = what.what.epoch;
    parts.keeper->keep({parts.id, what.what}, [me, epoch](model::result<void> kept) {
      using namespace control::turnover;
      auto news = kept ? event{ownership_persisted{epoch}}
                       : event{persist_failed{epoch, std::move(kept.error().message)}};
      caf::anon_send(me, pack(device_event{std::move(news)}));
    });
  }
  void on(control::turnover::arm_timer& what) {
    self->delayed_send(self, what.after,
                       pack(device_event{control::turnover::timer_fired{what.number}}));
  }
  /// Everything else is the host's business.
  template <class Effect> void on(Effect& what) {
    static_assert(!std::is_const_v<Effect>); // or it would win over the two above
    parts.tell_host({parts.id, std::move(what)});
  }
};

device_actor::behavior_type run_device(device_actor::stateful_pointer<device_shell> self,
                                       const device_parts& parts) {
  auto& shell = self->state;
  shell.self = self;
  shell.parts = parts;
  shell.machine.emplace(parts.id, parts.kept, parts.options);
  self->link_to(parts.host);
  return {
      [self](const parcel<device_event>& news) { self->state.run(news.open().what); },
  };
}

} // namespace

device_actor spawn_device(caf::actor_system& system, device_parts parts) {
  return system.spawn(run_device, std::move(parts));
}

} // namespace berth::actors
