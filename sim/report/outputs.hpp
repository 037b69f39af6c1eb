#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "model/failure.hpp"
#include "sim/report/frontier.hpp"
#include "sim/report/report_openmetrics.hpp"
#include "sim/study/result.hpp"

namespace berth::sim {

/// Which of the outputs are wanted.
struct outputs {
  bool html = true;         ///< report.html
  bool csv = true;          ///< the tables of report_csv.hpp
  bool json = true;         ///< result.json
  bool open_metrics = true; ///< metrics.om
  metrics_options metrics;
  frontier purchases; ///< of a search for what to buy: part of the page
};

/// Writes them into `directory`, which is made if it is not there. A file appears under its name
/// only when it is complete, and none appears unless all could be written. Gives their paths in the
/// order of writing; fails naming the file.
[[nodiscard]] model::result<std::vector<std::string>>
write_outputs(const std::string& directory, const study_result& all, const outputs& wanted);

} // namespace berth::sim
