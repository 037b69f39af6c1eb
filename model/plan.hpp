#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/ids.hpp"

namespace berth::model {

/// One bounded score of a chosen host, with the name of the rule that gave it.
struct score_part {
  std::string rule;
  std::int32_t points = 0; ///< 0..1000
  std::string reason;

  friend bool operator==(const score_part&, const score_part&) = default;
};

/// The host that would have been chosen next, and the first score that decided against it.
struct runner_up {
  host_id host;
  std::string host_name;
  std::string decided_by;         ///< a score's name; `host_id` where every score is equal
  std::int32_t points = 0;        ///< its own, of that score
  std::int32_t winner_points = 0; ///< the chosen host's

  friend bool operator==(const runner_up&, const runner_up&) = default;
};

/// Where a server goes: every device on one host.
struct placement {
  host_id host;
  std::vector<device_id> devices; ///< in the order of the request, then of the unit
  // Filled on request only (explain).
  std::vector<score_part> scores{};
  std::optional<runner_up> next{}; ///< nullopt = no other host fits

  friend bool operator==(const placement&, const placement&) = default;
};

/// How far one host missed one rule.
struct shortfall {
  std::int64_t used = 0;
  std::int64_t requested = 0;
  std::int64_t capacity = 0;
  std::string text; ///< one sentence naming the thing, e.g. `2 of 4 GPUs free`

  friend bool operator==(const shortfall&, const shortfall&) = default;
};

/// What one hard rule did to the candidates.
struct rule_verdict {
  std::string rule;                ///< e.g. `cpu`, `devices`, `host_enabled`
  std::int64_t hosts_excluded = 0; ///< hosts whose first failing rule this was
  std::optional<host_id> nearest;  ///< the host that missed it by least
  std::string nearest_name;
  shortfall miss; ///< of the nearest host

  friend bool operator==(const rule_verdict&, const rule_verdict&) = default;
};

/// Why a server was placed where it is. Kept with the server, so without words.
struct placement_reason {
  std::string policy;
  std::vector<score_part> scores; ///< its host's above 0, in the order of deciding; no words
  std::optional<runner_up> next;  ///< nullopt = no other host fitted

  friend bool operator==(const placement_reason&, const placement_reason&) = default;
};

/// What placement thinks of one host: "why not host X".
struct host_verdict {
  host_id host;
  std::string host_name;
  bool fits = false;
  std::vector<rule_verdict> broken; ///< every hard rule it breaks, in the order of the pipeline
  // Where it fits:
  std::vector<score_part> scores;
  bool is_best = false;           ///< it is the host that would be chosen
  std::optional<runner_up> loses; ///< how it compares with the best, if it is not

  friend bool operator==(const host_verdict&, const host_verdict&) = default;
};

/// A change of the request (or of the cluster) that was verified to make it fit.
struct suggestion {
  std::string change; ///< e.g. `2 GPUs instead of 4`, `any A100 instead of H100`
  host_id host;       ///< where it would then go
  std::string host_name;

  friend bool operator==(const suggestion&, const suggestion&) = default;
};

/// Why no host can take a request. A result, not an error.
struct refusal {
  std::int64_t hosts_considered = 0;
  std::vector<rule_verdict> rules; ///< in the order of the pipeline; only rules that excluded hosts
  std::vector<suggestion> suggestions; ///< smallest change first; filled on request only (explain)

  friend bool operator==(const refusal&, const refusal&) = default;
};

using decision = std::variant<placement, refusal>;

/// The rule that stood between the request and the hosts that came furthest: the last in the
/// pipeline that excluded one; `no_hosts` when there was none to exclude.
[[nodiscard]] std::string deciding_rule(const refusal& why);

/// One sentence for a status line: `no host fits: 3 lack devices, 1 is disabled`.
[[nodiscard]] std::string summary(const refusal& why);

} // namespace berth::model
