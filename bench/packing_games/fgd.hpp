#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace berth::packing {

/// Prints the scheduler's policies beside the published results of the FGD paper (ATC 2023), by its
/// protocol: docs/fgd.md. `data` holds alibaba-2023/ and fgd-expected.csv; what is absent is
/// skipped.
void play_fgd(const std::filesystem::path& data, const std::string& game, std::uint64_t seeds);

} // namespace berth::packing
