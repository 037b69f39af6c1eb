#include "actors/ownership_writer.hpp"

#include <utility>
#include <vector>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/inbox.hpp"
#include "actors/interfaces.hpp"

namespace berth::actors {

namespace {

struct keep_order {
  kept_ownership what;
  std::function<void(model::result<void>)> done;
};

struct writer_parts {
  std::unique_ptr<ownership_store> store;
  std::shared_ptr<inbox<keep_order>> orders;
};

struct writer_state {
  static inline const char* name = "ownership_writer";
  std::shared_ptr<writer_parts> parts;
};

/// Everything that has gathered is kept by one fsync.
void keep_all(writer_parts& parts) {
  auto orders = parts.orders->take();
  if (orders.empty())
    return;
  std::vector<kept_ownership> batch;
  batch.reserve(orders.size());
  for (const auto& each : orders)
    batch.push_back(each.what);
  const auto outcome = parts.store->append(batch);
  for (auto& each : orders)
    each.done(outcome);
}

ownership_writer_actor::behavior_type
run_writer(ownership_writer_actor::stateful_pointer<writer_state> self,
           const std::shared_ptr<writer_parts>& parts) {
  self->state.parts = parts;
  return {[self](atom::wake) { keep_all(*self->state.parts); }};
}

class keeper final : public ownership_keeper {
public:
  keeper(ownership_writer_actor actor, std::shared_ptr<inbox<keep_order>> orders)
      : actor_(std::move(actor)), orders_(std::move(orders)) {}
  keeper(const keeper&) = delete;
  keeper& operator=(const keeper&) = delete;
  ~keeper() override { caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown); }

  void keep(const kept_ownership& what, std::function<void(model::result<void>)> done) override {
    if (orders_->push({what, std::move(done)}))
      caf::anon_send(actor_, atom::wake_v);
  }

private:
  ownership_writer_actor actor_;
  std::shared_ptr<inbox<keep_order>> orders_;
};

} // namespace

std::shared_ptr<ownership_keeper> spawn_ownership_writer(caf::actor_system& system,
                                                         std::unique_ptr<ownership_store> store,
                                                         ownership_writer_options options) {
  auto parts = std::make_shared<writer_parts>();
  parts->store = std::move(store);
  parts->orders = std::make_shared<inbox<keep_order>>(options.mail);
  auto orders = parts->orders;
  auto actor = options.detached ? system.spawn<caf::detached>(run_writer, std::move(parts))
                                : system.spawn(run_writer, std::move(parts));
  return std::make_shared<keeper>(std::move(actor), std::move(orders));
}

} // namespace berth::actors
