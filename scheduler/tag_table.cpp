#include "scheduler/tag_table.hpp"

#include <algorithm>

namespace berth::scheduler {

tag_set_id tag_table::add(const std::vector<std::string>& tags) {
  const auto [found, is_new] = numbers_.try_emplace(tags, static_cast<tag_set_id>(sets_.size()));
  if (is_new) {
    sets_.push_back(&found->first);
  }
  return found->second;
}

std::int64_t tags_met(const std::vector<std::string>& has, const std::vector<std::string>& wished) {
  return std::count_if(wished.begin(), wished.end(), [&has](const std::string& tag) {
    return std::find(has.begin(), has.end(), tag) != has.end();
  });
}

std::int64_t tags_broken(const std::vector<std::string>& has, const model::tag_wishes& wishes) {
  const auto required = static_cast<std::int64_t>(wishes.require.size());
  return required - tags_met(has, wishes.require) + tags_met(has, wishes.avoid);
}

} // namespace berth::scheduler
