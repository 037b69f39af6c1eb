#pragma once

#include <iosfwd>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "apps/sim_options.hpp"
#include "sim/report/outputs.hpp"
#include "sim/study/purchase.hpp"
#include "sim/study/runner.hpp"

namespace berth::apps {

// What the commands of berth-sim that play a scenario share: their flags for outputs, the progress
// on a terminal, the interrupt, runs that are kept, and how they end.

inline constexpr int exit_failed = 1;
inline constexpr int exit_usage = 2;
inline constexpr int exit_interrupted = 130; ///< as shells have it for SIGINT

/// --out, --json, --quiet, and so on.
[[nodiscard]] std::vector<command_flag> output_flags();
/// The same and --resume.
[[nodiscard]] std::vector<command_flag> session_flags();

/// Playing for a person: shows how far it is on standard error if that is a terminal, and ends it
/// at SIGINT or SIGTERM with what there is. One at a time in a process.
class sim_session {
public:
  /// `given` and `err` outlive it.
  sim_session(const sim_arguments& given, std::ostream& err) : given_{given}, err_{err} {}

  /// Plays the variants with the study's seeds and jobs, or takes runs that --resume names. What is
  /// wrong with the outputs that are wanted is said before.
  [[nodiscard]] model::result<std::vector<sim::variant>>
  play(const std::vector<sim::variant_plan>& variants, const sim::study& what);
  /// Likewise the search for a purchase, of which nothing is kept.
  [[nodiscard]] model::result<sim::purchase_answer> shop(const sim::study& what,
                                                         const sim::offered_demand& demand);

  /// Somebody wanted it to end.
  [[nodiscard]] static bool was_interrupted();

private:
  template <class Play> auto watched(Play play);

  const sim_arguments& given_;
  std::ostream& err_;
};

/// What the demand's reader and fit have to say goes to `err`. `more`: hosts that may be bought.
[[nodiscard]] model::result<sim::offered_demand>
offer_and_tell(const sim::study& what, std::ostream& err,
               std::span<const sim::host_group> more = {});

/// Writes what --out and --json ask for, and says so on `err`.
[[nodiscard]] model::result<void> write_wanted(const sim_arguments& given,
                                               const sim::study_result& all,
                                               const sim::frontier& purchases, std::ostream& err);

/// The exit status of a command that played; a failure is told.
[[nodiscard]] int ended(const std::string& command, const model::result<void>& how,
                        std::ostream& err);

} // namespace berth::apps
