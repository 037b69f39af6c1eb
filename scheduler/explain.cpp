#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "scheduler/pipeline.hpp"
#include "scheduler/search.hpp"

namespace berth::scheduler {

namespace {

constexpr std::size_t suggestions_max = 8;

/// Tries changes of a refused request, smallest first; keeps those that make it fit.
class adviser {
public:
  adviser(const inventory& world, const model::placement_request& request, const policy& how)
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
    std::string_view closed_by;
    for (host_slot_id slot = 0; slot < inside.hosts.size(); ++slot) {
      const auto& host = inside.hosts[slot];
      if (!host.known || (best && inside.hosts[*best].record.id < host.record.id)) {
        continue;
      }
      if (const auto rule = only_failure({inside, asked, slot})) {
        best = slot;
        closed_by = *rule;
      }
    }
    if (best && found_.size() < suggestions_max) {
      const auto& record = inside.hosts[*best].record;
      const bool disabled = closed_by == "host_enabled";
      found_.push_back({(disabled ? "enable host " : "end the maintenance of host ") + record.name,
                        record.id, record.name});
    }
  }

  /// The operator's switch that alone keeps the host from taking the request.
  static std::optional<std::string_view> only_failure(const candidate& at) {
    std::optional<std::string_view> failed;
    for (const auto& rule : pipeline) {
      if (rule.test(at).passes) {
        continue;
      }
      const bool is_switch = rule.name == "host_enabled" || rule.name == "maintenance";
      if (failed || !is_switch) {
        return std::nullopt;
      }
      failed = rule.name;
    }
    return failed;
  }

  const inventory& world_;
  const model::placement_request& request_;
  const policy& how_;
  std::vector<model::suggestion> found_;
};

} // namespace

model::decision explain(const inventory& world, const model::placement_request& request,
                        const options& how) {
  const auto& inside = world.internals();
  const query asked = resolve(inside, request);
  const auto best = find_best(inside, asked, *how.policy);
  if (best) {
    return model::placement{inside.hosts[best->host].record.id,
                            in_request_order(inside, asked, best->host, best->chosen),
                            explain_scores(inside, asked, *how.policy, *best)};
  }
  model::refusal why = why_nowhere(inside, asked);
  why.suggestions = adviser{world, request, *how.policy}.run(why);
  return why;
}

} // namespace berth::scheduler
