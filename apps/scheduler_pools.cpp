#include "apps/scheduler_pools.hpp"

#include <charconv>

#include <fmt/format.h>

#include "apps/comma_list.hpp"
#include "model/text.hpp"

namespace berth::apps {

namespace {

constexpr std::int64_t schedulers_max = 64;

tl::unexpected<model::failure> misread(std::string_view piece, std::string_view what) {
  return model::fail(model::errc::invalid_argument,
                     fmt::format("scheduler.pools: \"{}\" {}; write PROJECT=POLICY:COUNT, such as "
                                 "ml=best-fit:4",
                                 piece.substr(0, 80), what));
}

} // namespace

model::result<std::map<std::string, scheduler_pool, std::less<>>>
parse_pools(std::string_view text) {
  std::map<std::string, scheduler_pool, std::less<>> pools;
  for (const auto piece : comma_list(text)) {
    const auto equals = piece.find('=');
    if (equals == std::string_view::npos)
      return misread(piece, "names no policy");
    const auto project = piece.substr(0, equals);
    const auto rest = piece.substr(equals + 1);
    const auto colon = rest.find(':');
    scheduler_pool pool{std::string{rest.substr(0, colon)}, 1};
    if (!model::is_name(project))
      return misread(piece, "begins with no project's name");
    if (!model::is_name(pool.policy))
      return misread(piece, "names no policy");
    if (colon != std::string_view::npos) {
      const auto digits = rest.substr(colon + 1);
      const auto* const last = digits.data() + digits.size();
      const auto [end, problem] = std::from_chars(digits.data(), last, pool.schedulers);
      if (problem != std::errc{} || end != last || pool.schedulers < 1 ||
          pool.schedulers > schedulers_max)
        return misread(piece, "must end with a number of schedulers from 1 to 64");
    }
    if (!pools.emplace(project, std::move(pool)).second)
      return misread(piece, "names its project a second time");
  }
  return pools;
}

} // namespace berth::apps
