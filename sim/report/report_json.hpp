#pragma once

#include <iosfwd>

#include "sim/study/result.hpp"

namespace berth::sim {

/// Everything as one JSON document, run by run, each run on a line: docs/sim-outputs.md names the
/// fields. Bytes that are not UTF-8 become U+FFFD. Errors are those of the stream.
void write_json(std::ostream& out, const study_result& all);

} // namespace berth::sim
