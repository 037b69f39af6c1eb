#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/plan.hpp"
#include "scheduler/query.hpp"

namespace berth::scheduler {

// Best fit among the hosts that pass every hard rule. Each score gives 0..1000 points; hosts are
// compared score by score in the order below (no weights: a later score only decides between hosts
// that are equal in all earlier ones); what is still equal goes to the lowest host id.

enum class score : std::uint8_t {
  alternatives,   ///< first choices before second ones
  preferred_host, ///< the wanted host
  preferred_tags, ///< the more of the preferred tags, the better
  gpu_free_host,  ///< ordinary servers stay off hosts with GPUs
  device_fit,     ///< as few matching free devices left over as possible
  closeness,      ///< devices that share a fabric, a NUMA node, a PCIe switch
  resource_fit,   ///< as little CPU and memory left over as possible
};
inline constexpr std::array<std::string_view, 7> score_names{
    "alternatives", "preferred_host", "preferred_tags", "gpu_free_host",
    "device_fit",   "closeness",      "resource_fit"};

/// Points by score; greater is better.
struct ranking {
  std::array<std::int32_t, score_names.size()> points{};

  std::int32_t& operator[](score which) { return points[static_cast<std::size_t>(which)]; }
  [[nodiscard]] std::int32_t operator[](score which) const {
    return points[static_cast<std::size_t>(which)];
  }
  friend auto operator<=>(const ranking&, const ranking&) = default;
};

[[nodiscard]] std::int32_t alternatives_points(int rank);
[[nodiscard]] std::int32_t preferred_host_points(const host_slot& host,
                                                 const model::placement_request& request);
[[nodiscard]] std::int32_t preferred_tags_points(const host_slot& host,
                                                 const model::placement_request& request);
[[nodiscard]] std::int32_t gpu_free_host_points(bool host_has_gpus, bool request_holds_devices);
/// `left_over`: matching devices that stay free on the host.
[[nodiscard]] std::int32_t device_fit_points(int left_over);
/// Of a choice of `devices` devices; 1000 = as close as can be in every respect that is wished.
[[nodiscard]] std::int32_t closeness_points(const choice_cost& cost, int devices,
                                            const model::topology_wishes& wishes);
/// `left_over`: of the amount that was free for this server; `capacity` with overcommit.
[[nodiscard]] std::int32_t resource_fit_points(const model::resources& left_over,
                                               const model::resources& capacity);

/// The points with their reasons, for a person; scores that say nothing about this request are
/// left out.
[[nodiscard]] std::vector<model::score_part> explain_scores(const inventory::impl& world,
                                                            const query& asked, host_slot_id host,
                                                            const ranking& ranked,
                                                            const choice_cost& cost);

} // namespace berth::scheduler
