#include "model/random.hpp"

#include "scheduler/policy.hpp"

namespace berth::scheduler {

namespace {

std::uint64_t mixed(std::uint64_t with, const model::uuid& id) {
  return model::random{model::random{with ^ id.high}.next() ^ id.low}.next();
}

std::int64_t by_lot(const policy_view& at) {
  return at.lot;
}

std::int64_t none(const policy_view& /*at*/) {
  return 0;
}

told tell_lot(const policy_view& at) {
  return {static_cast<std::int32_t>(at.lot / (lot_max / 1000 + 1)), "drawn by lot"};
}

told tell_none(const policy_view& /*at*/) {
  return {0, "nothing but the lot decides"};
}

} // namespace

std::int64_t lot_of(const model::server_id& server, const model::host_id& host) {
  return static_cast<std::int64_t>(mixed(mixed(0, server.value), host.value) >> 1U);
}

/// Any host that fits, each as likely as another. The lots come from the ids, so that the same
/// server is placed alike in a replay. To compare with, and for schedulers that shall seldom choose
/// the same host. Looks at every host that has room.
constexpr policy random{.name = "random",
                        .scores = {"lot", "nothing"},
                        .first = by_lot,
                        .second = none,
                        .first_by = policy::order::by_cell,
                        .draws_lots = true,
                        .tell_first = tell_lot,
                        .tell_second = tell_none};

} // namespace berth::scheduler
