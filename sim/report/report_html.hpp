#pragma once

#include <iosfwd>

#include "sim/report/frontier.hpp"
#include "sim/study/result.hpp"

namespace berth::sim {

/// One page that needs nothing else, to be read in a browser or printed: what fitted, what waited,
/// what was refused, over time and by size, each variant beside the others. `purchases`: of a
/// search for what to buy; empty: none was made. Errors are those of the stream.
void write_html(std::ostream& out, const study_result& all, const frontier& purchases = {});

} // namespace berth::sim
