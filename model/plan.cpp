#include "model/plan.hpp"

#include <algorithm>
#include <array>
#include <string_view>

namespace berth::model {

namespace {

/// What hosts that a rule excluded are said to do: `1 is disabled`, `3 are disabled`.
struct phrase {
  std::string_view rule;
  std::string_view one;
  std::string_view many;
};

constexpr std::array phrases{
    phrase{"host_enabled", "is disabled", "are disabled"},
    phrase{"host_online", "is offline", "are offline"},
    phrase{"host_settled", "is unsettled", "are unsettled"},
    phrase{"maintenance", "is in maintenance", "are in maintenance"},
    phrase{"pinned_host", "is not the wanted host", "are not the wanted host"},
    phrase{"reserved_host", "is kept for a waiting server", "are kept for waiting servers"},
    phrase{"tags", "does not match the tags", "do not match the tags"},
    phrase{"anti_affinity", "holds a member of the group", "hold a member of the group"},
    phrase{"cpu", "lacks CPUs", "lack CPUs"},
    phrase{"memory", "lacks memory", "lack memory"},
    phrase{"storage", "lacks storage", "lack storage"},
    phrase{"named_devices", "lacks the named devices", "lack the named devices"},
    phrase{"devices", "lacks devices", "lack devices"},
    phrase{"units", "cannot give whole units", "cannot give whole units"},
    phrase{"topology", "lacks the topology", "lack the topology"},
};

std::string words_for(const rule_verdict& verdict) {
  const bool one = verdict.hosts_excluded == 1;
  const auto* found = std::find_if(phrases.begin(), phrases.end(),
                                   [&](const phrase& p) { return p.rule == verdict.rule; });
  std::string text = std::to_string(verdict.hosts_excluded) + " ";
  if (found == phrases.end()) {
    return text + (one ? "fails " : "fail ") + verdict.rule;
  }
  return text + std::string{one ? found->one : found->many};
}

} // namespace

std::string summary(const refusal& why) {
  if (why.hosts_considered == 0) {
    return "no host fits: there are no hosts";
  }
  std::vector<rule_verdict> rules = why.rules;
  std::stable_sort(rules.begin(), rules.end(), [](const auto& a, const auto& b) {
    return a.hosts_excluded > b.hosts_excluded;
  });
  std::string text = "no host fits";
  for (std::size_t i = 0; i < rules.size(); ++i) {
    text += (i == 0 ? ": " : ", ") + words_for(rules[i]);
  }
  return text;
}

std::string deciding_rule(const refusal& why) {
  return why.rules.empty() ? "no_hosts" : why.rules.back().rule;
}

} // namespace berth::model
