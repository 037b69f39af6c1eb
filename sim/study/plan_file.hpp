#pragma once

#include <string>
#include <string_view>

#include "model/failure.hpp"
#include "sim/demand/generator.hpp"

namespace berth::sim {

/// A generator's plan as YAML: what `demand.plan` of a scenario holds, as a file of its own
/// (docs/scenario.md). Equal to the plan when it is read again, but for times below a millisecond.
[[nodiscard]] std::string to_yaml(const demand_plan& plan);

/// Messages name `name` and the line. Whether something can arrive at every moment shows when a
/// generator is made of it, which needs a horizon.
[[nodiscard]] model::result<demand_plan> read_plan(std::string_view text, std::string name);
[[nodiscard]] model::result<demand_plan> load_plan(const std::string& path);

} // namespace berth::sim
