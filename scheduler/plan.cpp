#include "scheduler/pipeline.hpp"
#include "scheduler/search.hpp"

namespace berth::scheduler {

model::decision plan(const inventory& world, const model::placement_request& request,
                     const options& how) {
  const auto& inside = world.internals();
  const query asked = resolve(inside, request);
  const auto best = find_best(inside, asked, *how.policy);
  if (!best) {
    return why_nowhere(inside, asked);
  }
  return model::placement{
      inside.hosts[best->host].id, in_request_order(inside, asked, best->host, best->chosen), {}};
}

std::optional<model::rule_verdict> check(const inventory& world,
                                         const model::placement_request& request,
                                         const model::placement& where) {
  const auto& inside = world.internals();
  const auto slot = inside.find_host(where.host);
  if (!slot) {
    return model::rule_verdict{
        "known_host", 1, where.host, {}, {0, 1, 0, "host " + to_string(where.host) + " is gone"}};
  }
  const query asked = resolve(inside, request);
  const candidate at{inside, asked, *slot, &where.devices};
  const auto failure = first_failure(at);
  if (!failure) {
    return std::nullopt;
  }
  return written(*failure->rule, at, failure->found);
}

namespace {

/// Placements that are taken back at the end: the inventory is then as before.
class trial {
public:
  explicit trial(inventory& world) : world_(world) {}
  trial(const trial&) = delete;
  trial& operator=(const trial&) = delete;
  ~trial() {
    for (const auto& taken : taken_) {
      world_.apply(server_released{taken.server});
      for (const auto& device : taken.devices) {
        world_.apply(device_turned{taken.host, device, model::device_state::free, false});
      }
    }
  }

  void place(const model::placement_request& request, const model::placement& where) {
    taken_.push_back({request.server, where.host, request.amount, where.devices,
                      request.anti_affinity_group, request.ends_at, request.now, request.devices});
    world_.apply(taken_.back());
  }

private:
  inventory& world_;
  std::vector<server_allocated> taken_;
};

} // namespace

model::forecast forecast(inventory& world, const model::placement_request& shape,
                         std::int32_t limit, const options& how) {
  trial tried{world};
  model::forecast answer;
  model::placement_request request = shape;
  // Ids that no server has: the trial never meets a real one.
  const auto trial_space = model::uuid::derive(model::uuid{}, "berth forecast");
  for (std::int32_t i = 0; i < limit; ++i) {
    request.server.value = model::uuid::derive(trial_space, std::to_string(i));
    auto decided = i == 0 ? explain(world, request, how) : plan(world, request, how);
    if (auto* const why = std::get_if<model::refusal>(&decided)) {
      answer.why_not =
          i == 0 ? std::move(*why) : std::get<model::refusal>(explain(world, request, how));
      break;
    }
    auto& where = std::get<model::placement>(decided);
    tried.place(request, where);
    answer.placements.push_back(std::move(where));
    ++answer.allow_count;
  }
  answer.can_create = answer.allow_count > 0;
  return answer;
}

} // namespace berth::scheduler
