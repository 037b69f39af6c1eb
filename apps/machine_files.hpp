#pragma once

#include <memory>
#include <string>

#include "hostbackend/simulated/machine.hpp"
#include "model/failure.hpp"

namespace berth::apps {

/// The machine descriptions that come with the programs: installed beside them, or in the source
/// tree that they were built in.
[[nodiscard]] std::string machines_directory();

/// A machine of that collection by its name, or a description by its path.
[[nodiscard]] model::result<std::shared_ptr<const hostbackend::simulated::machine>>
find_machine(const std::string& name);

} // namespace berth::apps
