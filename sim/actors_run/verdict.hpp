#pragma once

#include <string>
#include <vector>

#include "sim/actors_run/clients.hpp"
#include "sim/world.hpp"

namespace berth::sim {

/// Holds what the cluster says, what the clients were told and what runs on the machines against
/// each other, at a time when everything should have settled. One sentence for each thing that is
/// wrong. What it holds to be wrong:
///  1. all that the auditor saw (fleet_auditor.hpp);
///  2. a device with two owners, or whose owner does not list it;
///  3. a server that was acknowledged and is lost, or whose deletion was acknowledged and that is
///     still there;
///  4. a server between two states;
///  5. a guest that runs although its server does not, or the other way round, or with other
///     devices.
[[nodiscard]] std::vector<std::string> find_violations(world& all, const clients& told);

} // namespace berth::sim
