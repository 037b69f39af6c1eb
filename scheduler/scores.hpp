#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <vector>

#include "model/plan.hpp"
#include "scheduler/policy.hpp"
#include "scheduler/query.hpp"

namespace berth::scheduler {

// How hosts that pass every hard rule are compared. Each score gives 0..1000 points; hosts are
// compared score by score in the order below (no weights: a later score only decides between hosts
// that are equal in all earlier ones); what is still equal goes to the lowest host id.

enum class score : std::uint8_t {
  alternatives,   ///< first choices before second ones
  preferred_host, ///< the wanted host
  preferred_tags, ///< the more of the preferred tags, the better
  gpu_free_host,  ///< ordinary servers stay off hosts with GPUs
  first,          ///< the policy's first
  closeness,      ///< devices that share a fabric, a NUMA node, a PCIe switch
  second,         ///< the policy's second
};
inline constexpr std::size_t score_count = 7;
inline constexpr std::int32_t points_max = 1000;

/// By score; greater is better. Points but for the policy's two, which are its own.
struct ranking {
  std::array<std::int64_t, score_count> points{};

  std::int64_t& operator[](score which) { return points[static_cast<std::size_t>(which)]; }
  [[nodiscard]] std::int64_t operator[](score which) const {
    return points[static_cast<std::size_t>(which)];
  }
  friend auto operator<=>(const ranking&, const ranking&) = default;
};

/// Fills in what only some policies look at. One serves one decision.
class policy_sight {
public:
  policy_sight(const inventory::impl& world, const query& asked, const policy& how);
  /// `key`: the host's group; `taken`: the devices that the server would get. The view refers to
  /// this object and is good until the next call.
  void look(policy_view& view, const group_key& key, device_mask taken);

private:
  const inventory::impl& world_;
  const policy& how_;
  const bool holds_devices_;
  largest_host largest_;
  const outlook* expected_ = nullptr;
  std::int64_t now_ = 0;
  std::int64_t ends_ = unknown_end;
  std::vector<int> before_;
  std::vector<int> after_;
};

/// What tells hosts apart in a ranking.
struct ranked_host {
  int alternatives_order = 0; ///< combination::order
  bool preferred = false;     ///< the request prefers exactly this host
  const std::vector<std::string>& tags;
  std::int32_t closeness = points_max;
  policy_view view;
};

[[nodiscard]] ranking rank(const model::placement_request& request, const policy& how,
                           const ranked_host& host);

/// Of a choice of `devices` devices; 1000 = as close as can be in every respect that is wished.
[[nodiscard]] std::int32_t closeness_points(const choice_cost& cost, int devices,
                                            const model::topology_wishes& wishes);

/// How a host compares that passes every hard rule.
[[nodiscard]] ranking rank_on(const inventory::impl& world, const query& asked, const policy& how,
                              host_slot_id host, const host_choice& chosen);

/// A host with the devices it would give and how it compares.
struct place_found {
  host_slot_id host = 0;
  ranking ranked;
  host_choice chosen;
};

/// `closeness`, or the policy's name for its own.
[[nodiscard]] std::string score_name(score which, const policy& how);

/// A score in points of 0 to 1000, for a person.
[[nodiscard]] std::int32_t shown_points(const inventory::impl& world, const query& asked,
                                        const policy& how, const place_found& found, score which);

/// The points with their reasons, for a person; scores that say nothing about this request are
/// left out.
[[nodiscard]] std::vector<model::score_part> explain_scores(const inventory::impl& world,
                                                            const query& asked, const policy& how,
                                                            const place_found& found);

} // namespace berth::scheduler
