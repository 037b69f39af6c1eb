#include "actors/live_cluster_port.hpp"

#include <algorithm>
#include <utility>

namespace berth::actors {

namespace {

/// What a command weighs at the gate: one, and one more for every so many servers or devices.
std::int64_t weight(const model::command& what) {
  constexpr std::size_t things_per_unit = 64;
  std::size_t things = 0;
  if (const auto* create = std::get_if<model::create_servers>(&what))
    things = create->specs.size();
  if (const auto* update = std::get_if<model::update_devices>(&what))
    things = update->devices.size();
  return static_cast<std::int64_t>(1 + things / things_per_unit);
}

tl::unexpected<model::failure> busy(const gate& at, std::string_view what) {
  return model::fail(model::errc::busy, std::to_string(at.in_use()) + " " + std::string{what} +
                                            " are under way and the limit is " +
                                            std::to_string(at.capacity()) + ": try again shortly");
}

} // namespace

live_cluster_port::live_cluster_port(parts with, port_limits limits)
    : parts_(std::move(with)), commands_(limits.commands_max), queries_(limits.queries_max) {}

void live_cluster_port::command(model::command what, reply_handler done) {
  auto admitted = commands_.try_acquire(weight(what));
  if (!admitted)
    return done(busy(commands_, "changes"));
  parts_.door->push({control::command_received{parts_.door->next_ticket(), std::move(what)},
                     std::move(done), nullptr, std::move(*admitted)});
}

void live_cluster_port::query(model::query what, answer_handler done) {
  auto admitted = queries_.try_acquire();
  if (!admitted)
    return done(busy(queries_, "queries"));
  parts_.door->push({control::query_received{parts_.door->next_ticket(), std::move(what)},
                     std::move(done), nullptr, std::move(*admitted)});
}

void live_cluster_port::claim_key(std::string key, std::uint64_t fingerprint, claim_handler done) {
  auto admitted = commands_.try_acquire();
  if (!admitted)
    return done(busy(commands_, "changes"));
  parts_.door->push({control::key_claimed{parts_.door->next_ticket(), std::move(key), fingerprint},
                     std::move(done), nullptr, std::move(*admitted)});
}

// The two that follow end a claim that was admitted: they are bounded by the claims and never
// refused, or keys would stay claimed.

void live_cluster_port::remember_key(std::string key, std::uint64_t fingerprint,
                                     api::remembered_answer answer, remember_handler done) {
  parts_.door->push({control::key_answered{parts_.door->next_ticket(), std::move(key), fingerprint,
                                           answer.http_status, std::move(answer.body)},
                     std::move(done),
                     nullptr,
                     {}});
}

void live_cluster_port::forget_key(std::string key) {
  parts_.door->push({control::key_forgotten{std::move(key)}, {}, nullptr, {}});
}

void live_cluster_port::events(
    model::sequence_number from, std::size_t limit,
    std::function<void(model::result<std::vector<model::log_record>>)> done) {
  if (auto recent = parts_.feed->read(from, limit))
    return done(std::move(*recent));
  if (!parts_.older)
    return done(model::fail(model::errc::gone,
                            "event " + std::to_string(from) + " is no longer kept in memory"));
  parts_.older->read(from, limit, std::move(done));
}

std::shared_ptr<void> live_cluster_port::on_new_events(std::function<void()> wake) {
  return parts_.feed->subscribe(std::move(wake));
}

bool live_cluster_port::ready() const {
  return parts_.ready->load(std::memory_order_relaxed);
}

} // namespace berth::actors
