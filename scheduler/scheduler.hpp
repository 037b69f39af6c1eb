#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/command.hpp"
#include "model/plan.hpp"
#include "model/request.hpp"
#include "model/resources.hpp"
#include "scheduler/inventory_update.hpp"

namespace berth::scheduler {

/// What is where: hosts, devices, allocations, indexed for placement. Owned by one thread; no
/// clock, no dice. The control machines hold one as the truth, every scheduler actor one as a
/// replica.
class inventory {
public:
  inventory();
  ~inventory();
  inventory(inventory&&) noexcept;
  inventory& operator=(inventory&&) noexcept;

  /// An update about an unknown host or server is ignored (the updates of one truth never contain
  /// one).
  void apply(const inventory_update& update);

  /// Totals of one host under the reserve formula (CLOUDPODS.md section 2.2), for host_row; nullopt
  /// = unknown host.
  struct host_totals {
    model::resources used;
    model::resources gpu_reserved;
    model::resources free;         ///< for ordinary servers
    model::resources free_for_gpu; ///< for servers with devices
    std::int32_t devices = 0;
    std::int32_t devices_free = 0;
    std::int32_t servers = 0;
  };
  [[nodiscard]] std::optional<host_totals> totals(model::host_id host) const;
  [[nodiscard]] std::size_t host_count() const;

  /// From now on keeps the capacity of these shapes current; replaces those watched before.
  void watch(const std::vector<model::placement_request>& shapes);
  /// Their capacities, in the same order: costs what changed since the last call.
  [[nodiscard]] std::vector<std::int64_t> watched_capacities();

  struct impl;
  [[nodiscard]] const impl& internals() const { return *impl_; }
  [[nodiscard]] impl& internals() { return *impl_; }

private:
  std::unique_ptr<impl> impl_;
};

/// How hosts are compared (scheduler/policy.hpp).
struct policy;
extern const policy best_fit;
/// nullptr = there is none of that name.
[[nodiscard]] const policy* find_policy(std::string_view name);
[[nodiscard]] std::string_view name_of(const policy& which);
/// Every policy's name, the default first.
[[nodiscard]] std::vector<std::string_view> policy_names();

/// How a plan is made.
struct options {
  const scheduler::policy* policy = &best_fit;
};

/// Decides where a request goes. Deterministic: ties end at the host's id. A refusal names, per
/// hard rule, how many hosts it excluded first and which missed by least. Fast: no scores, no
/// suggestions.
[[nodiscard]] model::decision plan(const inventory& world, const model::placement_request& request,
                                   const options& how = {});

/// The same decision with everything a person wants to read: scores of the chosen host and the
/// runner-up, or suggestions for a refusal, each verified by planning it. Tries some on the
/// inventory itself and takes them back: `world` is afterwards as before.
[[nodiscard]] model::decision explain(inventory& world, const model::placement_request& request,
                                      const options& how = {});

/// What the scheduler thinks of one host, whichever it would choose; nullopt = unknown host.
[[nodiscard]] std::optional<model::host_verdict> judge_host(const inventory& world,
                                                            const model::placement_request& request,
                                                            model::host_id host,
                                                            const options& how = {});

/// How many more servers of this shape fit now, one after another, under every rule; exact, and as
/// many as planning them one by one would place.
[[nodiscard]] std::int64_t capacity(const inventory& world, const model::placement_request& shape);

/// Re-checks a plan against `world`: nullopt = it stands; else the first hard rule it breaks, with
/// the shortfall. The referee of optimistic plans.
[[nodiscard]] std::optional<model::rule_verdict> check(const inventory& world,
                                                       const model::placement_request& request,
                                                       const model::placement& where);

/// Whether one host could take a request now: nullopt = it could; else the first hard rule it
/// breaks, with the shortfall. Looks at that host alone.
[[nodiscard]] std::optional<model::rule_verdict>
why_not_on(const inventory& world, const model::placement_request& request, model::host_id host);

/// A model that a request asks for and no device of the inventory has, free or not.
struct unknown_model {
  std::string asked;
  std::optional<std::string> nearest; ///< the name that was probably meant
  std::vector<std::string> known;     ///< every model there is, ascending
};

/// The first device request whose alternatives match nothing at all: a mistake in the request, not
/// a lack of room. nullopt = there is none, or the inventory has no devices yet.
[[nodiscard]] std::optional<unknown_model>
find_unknown_model(const inventory& world, const model::placement_request& request);

/// How many servers of this shape could be placed one after another, at most `limit`, and where.
/// Tries it on the inventory itself and takes it back: `world` is afterwards as before.
[[nodiscard]] model::forecast forecast(inventory& world, const model::placement_request& shape,
                                       std::int32_t limit, const options& how = {});

} // namespace berth::scheduler
