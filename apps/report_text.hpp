#pragma once

#include <string>

#include "sim/study/result.hpp"

namespace berth::apps {

/// What a study's result says, for a terminal: tables of means over the seeds, with intervals where
/// the seeds differ. Of a study without runs only its head.
[[nodiscard]] std::string report_text(const sim::study_result& all);

} // namespace berth::apps
