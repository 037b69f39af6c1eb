#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/request.hpp"

namespace berth::scheduler {

/// Number of a set of host tags; 0 = no tags.
using tag_set_id = std::uint32_t;

/// Interns the tags of hosts, so that wishes are held against a set once and not once per host. A
/// set that was seen keeps its number: operators have few, and they come back.
class tag_table {
public:
  [[nodiscard]] tag_set_id add(const std::vector<std::string>& tags);
  [[nodiscard]] const std::vector<std::string>& at(tag_set_id set) const { return *sets_[set]; }

private:
  std::map<std::vector<std::string>, tag_set_id> numbers_{{{}, 0}};
  std::vector<const std::vector<std::string>*> sets_{&numbers_.begin()->first};
};

/// How many of the wished tags a set has.
[[nodiscard]] std::int64_t tags_met(const std::vector<std::string>& has,
                                    const std::vector<std::string>& wished);

/// How many hard wishes a set breaks: required tags it lacks and avoided ones it has.
[[nodiscard]] std::int64_t tags_broken(const std::vector<std::string>& has,
                                       const model::tag_wishes& wishes);

} // namespace berth::scheduler
