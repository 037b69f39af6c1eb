#include <algorithm>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "scheduler/pipeline.hpp"
#include "scheduler/search.hpp"

namespace berth::scheduler {

namespace {

constexpr std::size_t suggestions_max = 8;

/// Tries changes of a refused request, smallest first; keeps those that make it fit.
class adviser {
public:
  adviser(inventory& world, const model::placement_request& request, const policy& how)
      : world_(world), request_(request), how_(how) {}

  std::vector<model::suggestion> run(const model::refusal& why) {
    relax_topology();
    relax_group();
    relax_tags();
    relax_pin();
    for (std::size_t i = 0; i < request_.devices.size(); ++i) {
      fewer_devices(i);
      other_model(i);
    }
    less_of(why, "cpu", &model::resources::cpus, "CPUs");
    less_of(why, "memory", &model::resources::memory_mib, "MiB of memory");
    less_of(why, "storage", &model::resources::storage_mib, "MiB of storage");
    open_host();
    remove_server();
    return std::move(found_);
  }

private:
  /// Plans the changed request; if it fits, the change is a suggestion.
  bool try_change(const model::placement_request& changed, const std::string& text) {
    if (found_.size() >= suggestions_max) {
      return true;
    }
    const auto& inside = world_.internals();
    const auto best = find_best(inside, resolve(inside, changed), how_);
    if (best) {
      const auto& host = inside.hosts[best->host].record;
      found_.push_back({text, host.id, host.name});
    }
    return best.has_value();
  }

  void relax_topology() {
    const auto relax = [this](model::wish model::topology_wishes::*which, const char* name) {
      if (request_.topology.*which == model::wish::require) {
        auto changed = request_;
        changed.topology.*which = model::wish::prefer;
        try_change(changed, "prefer one " + std::string{name} + " instead of requiring it");
      }
    };
    relax(&model::topology_wishes::numa, "NUMA node");
    relax(&model::topology_wishes::pcie_root, "PCIe root port");
    relax(&model::topology_wishes::pcie_switch, "PCIe switch");
    relax(&model::topology_wishes::fabric, "fabric");
  }

  void relax_group() {
    if (!request_.anti_affinity_group.empty()) {
      auto changed = request_;
      changed.anti_affinity_group.clear();
      try_change(changed, "without the anti-affinity group " + request_.anti_affinity_group);
    }
  }

  void relax_tags() {
    if (!request_.tags.require.empty() || !request_.tags.avoid.empty()) {
      auto changed = request_;
      changed.tags.require.clear();
      changed.tags.avoid.clear();
      try_change(changed, "without required and avoided tags");
    }
  }

  void relax_pin() {
    if (request_.host) {
      auto changed = request_;
      changed.host.reset();
      try_change(changed, "any host instead of " + to_string(*request_.host));
    }
  }

  [[nodiscard]] static std::string name_of(const model::device_request& wish) {
    const auto& first = wish.alternatives.front();
    return !first.model.empty() ? first.model
           : first.type         ? std::string{to_string(*first.type)}
                                : "devices";
  }

  void fewer_devices(std::size_t which) {
    const auto& wish = request_.devices[which];
    for (std::int32_t count = wish.count - 1; !wish.id && count > 0; --count) {
      auto changed = request_;
      changed.devices[which].count = count;
      if (try_change(changed, std::to_string(count) + " " + name_of(wish) + " instead of " +
                                  std::to_string(wish.count))) {
        return;
      }
    }
  }

  void other_model(std::size_t which) {
    const auto& wish = request_.devices[which];
    const auto& kinds = world_.internals().kinds;
    std::set<std::string> models;
    for (kind_id kind = 0; kind < kinds.size(); ++kind) {
      if (kinds.at(kind).devices > 0 && model::is_gpu(kinds.at(kind).type)) {
        models.insert(kinds.at(kind).model);
      }
    }
    for (const auto& name : models) {
      auto changed = request_;
      changed.devices[which] = {
          std::nullopt, wish.count, {model::device_selector{name, {}, {}, {}}}};
      const std::string wanted = wish.id ? "device " + to_string(*wish.id) : name_of(wish);
      if (wanted != name && try_change(changed, "any " + name + " instead of " + wanted)) {
        return;
      }
    }
  }

  void less_of(const model::refusal& why, std::string_view rule,
               std::int64_t model::resources::*amount, const char* unit) {
    for (const auto& verdict : why.rules) {
      const std::int64_t free = verdict.miss.capacity - verdict.miss.used;
      if (verdict.rule == rule && free > 0) {
        auto changed = request_;
        changed.amount.*amount = free;
        try_change(changed, std::to_string(free) + " " + unit + " instead of " +
                                std::to_string(request_.amount.*amount));
      }
    }
  }

  /// A closed host that passes every rule but the one that closed it.
  void open_host() {
    const auto& inside = world_.internals();
    const query asked = resolve(inside, request_);
    std::optional<host_slot_id> best;
    for (const closure why : {closure::disabled, closure::maintenance}) {
      for (const auto& [id, slot] : inside.index(asked.holds_devices).closed(why)) {
        if (best && inside.hosts[*best].record.id < id) {
          break;
        }
        if (is_only_closed({inside, asked, slot})) {
          best = slot;
          break;
        }
      }
    }
    if (best && found_.size() < suggestions_max) {
      const auto& record = inside.hosts[*best].record;
      found_.push_back(
          {(record.enabled ? "end the maintenance of host " : "enable host ") + record.name,
           record.id, record.name});
    }
  }

  /// The operator's switch alone keeps the host from taking the request.
  static bool is_only_closed(const candidate& at) {
    int switches = 0;
    for (const auto& rule : pipeline) {
      if (!rule.test(at).passes) {
        if (rule.test != host_enabled && rule.test != maintenance) {
          return false;
        }
        ++switches;
      }
    }
    return switches == 1;
  }

  /// The smallest server whose place would do.
  void remove_server() {
    constexpr std::size_t tries_max = 16;
    auto servers = servers_in_the_way();
    const std::size_t tries = std::min(servers.size(), tries_max);
    std::partial_sort(servers.begin(), servers.begin() + static_cast<std::ptrdiff_t>(tries),
                      servers.end());
    for (std::size_t i = 0; i < tries && found_.size() < suggestions_max; ++i) {
      const auto& server = std::get<model::server_id>(servers[i]);
      const auto gone = world_.internals().lift(server);
      const bool fits = try_change(request_, "without server " + to_string(server));
      world_.internals().put_back(gone);
      if (fits) {
        return;
      }
    }
  }

  using sized_server = std::tuple<int, std::int64_t, std::int64_t, model::server_id>;

  /// Servers whose devices and amounts, added to what is free beside them, might suffice; smallest
  /// first is their order.
  [[nodiscard]] std::vector<sized_server> servers_in_the_way() const {
    const auto& inside = world_.internals();
    const query asked = resolve(inside, request_);
    std::vector<sized_server> found;
    // In any order: the caller sorts.
    inside.servers.for_each([&](const model::server_id& id, const allocation& each) {
      const auto& host = inside.hosts[each.host];
      const auto& free = asked.holds_devices ? host.amounts.gpu : host.amounts.ordinary;
      if (!host.is_open() || !has_room(request_.amount, free + each.amount)) {
        return;
      }
      const auto& choices = asked.ask->combinations;
      const bool enough = std::any_of(choices.begin(), choices.end(), [&](const auto& choice) {
        const auto matching = matching_of(inside, choice, host.shape);
        return count((host.free | each.devices) & matching) >= asked.ask->described_count;
      });
      if (enough) {
        found.emplace_back(count(each.devices), each.amount.cpus, each.amount.memory_mib, id);
      }
    });
    return found;
  }

  inventory& world_;
  const model::placement_request& request_;
  const policy& how_;
  std::vector<model::suggestion> found_;
};

model::runner_up compare(const inventory::impl& world, const query& asked, const policy& how,
                         const place_found& loser, const place_found& winner) {
  const auto& record = world.hosts[loser.host].record;
  model::runner_up next{record.id, record.name, "host_id", 0, 0};
  for (std::size_t i = 0; i < score_count; ++i) {
    if (loser.ranked.points[i] != winner.ranked.points[i]) {
      const auto which = static_cast<score>(i);
      next.decided_by = score_name(which, how);
      next.points = shown_points(world, asked, how, loser, which);
      next.winner_points = shown_points(world, asked, how, winner, which);
      break;
    }
  }
  return next;
}

} // namespace

model::decision explain(inventory& world, const model::placement_request& request,
                        const options& how) {
  const auto& inside = world.internals();
  const query asked = resolve(inside, request);
  const auto best = find_best(inside, asked, *how.policy);
  if (best) {
    model::placement where{inside.hosts[best->host].record.id,
                           in_request_order(inside, asked, best->host, best->chosen),
                           explain_scores(inside, asked, *how.policy, *best)};
    if (const auto next = find_best(inside, asked, *how.policy, best->host)) {
      where.next = compare(inside, asked, *how.policy, *next, *best);
    }
    return where;
  }
  model::refusal why = why_nowhere(inside, asked);
  why.suggestions = adviser{world, request, *how.policy}.run(why);
  return why;
}

std::optional<model::host_verdict> judge_host(const inventory& world,
                                              const model::placement_request& request,
                                              model::host_id host, const options& how) {
  const auto& inside = world.internals();
  const query asked = resolve(inside, request);
  const auto slot = inside.find_host(host);
  if (!slot) {
    return std::nullopt;
  }
  const candidate at{inside, asked, *slot};
  model::host_verdict verdict{host, at.host().record.name, false, {}, {}, false, {}};
  for (const auto& rule : pipeline) {
    const finding found = rule.test(at);
    if (!found.passes) {
      verdict.broken.push_back(written(rule, at, found));
    }
  }
  if (!verdict.broken.empty()) {
    return verdict;
  }
  verdict.fits = true;
  const auto choice = choose_on(inside, asked, *slot, strictness::topology);
  const place_found here{*slot, rank_on(inside, asked, *how.policy, *slot, *choice), *choice};
  verdict.scores = explain_scores(inside, asked, *how.policy, here);
  const auto best = find_best(inside, asked, *how.policy);
  verdict.is_best = best && best->host == *slot;
  if (best && !verdict.is_best) {
    verdict.loses = compare(inside, asked, *how.policy, here, *best);
  }
  return verdict;
}

} // namespace berth::scheduler
