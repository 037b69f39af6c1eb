#include "actors/log_archive.hpp"

#include <utility>

#include <caf/actor_system.hpp>
#include <caf/send.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "actors/admission.hpp"
#include "actors/interfaces.hpp"

namespace berth::actors {

struct read_order {
  model::sequence_number from = 0;
  std::size_t limit = 0;
  log_archive::done_handler done;
  permit admitted;
};

namespace {

model::result<std::vector<model::log_record>> read_from(const open_store& open,
                                                        const read_order& order) {
  auto store = open();
  if (!store)
    return tl::unexpected{std::move(store.error())};
  const auto first = (*store)->first_sequence();
  if (order.from < first)
    return model::fail(model::errc::gone,
                       "event " + std::to_string(order.from) +
                           " was compacted away; the oldest kept is " + std::to_string(first),
                       {{"oldest", std::to_string(first)}});
  std::vector<model::log_record> found;
  const auto outcome = (*store)->read(order.from, [&](const model::log_record& record) {
    found.push_back(record);
    return found.size() < order.limit;
  });
  if (!outcome)
    return tl::unexpected{outcome.error()};
  return found;
}

log_archive_actor::behavior_type run_archive(log_archive_actor::pointer, const open_store& open) {
  return {[open](const parcel<read_order>& order) {
    auto& what = order.open();
    auto found = read_from(open, what);
    what.admitted.release();
    what.done(std::move(found));
  }};
}

class archive_handle final : public log_archive {
public:
  archive_handle(log_archive_actor actor, std::int64_t reads_max)
      : actor_(std::move(actor)), gate_(reads_max) {}
  archive_handle(const archive_handle&) = delete;
  archive_handle& operator=(const archive_handle&) = delete;
  ~archive_handle() override { caf::anon_send_exit(actor_, caf::exit_reason::user_shutdown); }

  void read(model::sequence_number from, std::size_t limit, done_handler done) override {
    auto admitted = gate_.try_acquire();
    if (!admitted)
      return done(model::fail(model::errc::busy,
                              "too many reads of older events are under way: try again shortly"));
    caf::anon_send(actor_, pack(read_order{from, limit, std::move(done), std::move(*admitted)}));
  }

private:
  log_archive_actor actor_;
  gate gate_;
};

} // namespace

std::shared_ptr<log_archive> spawn_log_archive(caf::actor_system& system, open_store open,
                                               log_archive_options options) {
  auto actor = options.detached ? system.spawn<caf::detached>(run_archive, std::move(open))
                                : system.spawn(run_archive, std::move(open));
  return std::make_shared<archive_handle>(std::move(actor), options.reads_max);
}

} // namespace berth::actors
