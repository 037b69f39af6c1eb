#pragma once

#include <iosfwd>
#include <string>
#include <vector>

namespace berth::apps {

// The commands of berth-sim that look ahead. Exit statuses as those of sim_play.hpp.

/// `berth-sim plan`: the cheapest purchase that keeps the service as good as wanted. 1 when there
/// is none.
[[nodiscard]] int plan_purchase(const std::vector<std::string>& words, std::ostream& out,
                                std::ostream& err);
/// `berth-sim forecast`: when servers of a shape will fit no more.
[[nodiscard]] int forecast_capacity(const std::vector<std::string>& words, std::ostream& out,
                                    std::ostream& err);

} // namespace berth::apps
