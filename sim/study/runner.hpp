#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "model/failure.hpp"
#include "sim/fleet/run.hpp"
#include "sim/study/offered_demand.hpp"
#include "sim/study/result.hpp"

namespace berth::sim {

/// A variant that is to be played, with its demand.
struct variant_plan {
  std::string name;
  scenario what;
  offered_demand demand;
};

/// The variants of a study: one for each of its policies.
[[nodiscard]] std::vector<variant_plan> variants_of(const study& what,
                                                    const offered_demand& demand);

/// How far the playing is, for another thread to look at, over one play() or several.
class play_progress {
public:
  /// Runs that are complete, and the shares of those under way.
  [[nodiscard]] double runs() const;
  /// That were asked for until now.
  [[nodiscard]] std::uint64_t runs_wanted() const { return wanted_; }
  /// Simulated so far.
  [[nodiscard]] std::uint64_t events() const;
  /// Ends the playing soon: runs under way are cut where they are. From any thread.
  void stop();

private:
  friend class player;
  struct slot {
    run_watch watch;
    std::atomic<std::int64_t> span{0}; ///< of the run under way; 0: none, or not known
  };
  std::atomic<std::uint64_t> wanted_{0};
  std::atomic<std::uint64_t> complete_{0};
  std::atomic<std::uint64_t> events_{0}; ///< of complete runs
  std::atomic<bool> stopped_{false};
  /// Asks for more runs on so many workers.
  void expect(std::uint64_t runs, std::size_t workers);

  mutable std::mutex mutex_;                 ///< of the list, not of what is in it
  std::vector<std::unique_ptr<slot>> slots_; ///< by worker
};

/// Keeps complete runs beyond this process, so that they need not be played again. Calls come one
/// at a time.
class run_keeper {
public:
  virtual ~run_keeper() = default;

  /// A run that was kept; nullptr: there is none.
  [[nodiscard]] virtual const run_result* find(std::size_t variant, std::uint64_t seed) const = 0;
  [[nodiscard]] virtual model::result<void> keep(std::size_t variant, std::uint64_t seed,
                                                 const run_result& result) = 0;
};

struct play_options {
  std::uint64_t seeds = 1; ///< 1 to this, of each variant
  unsigned jobs = 1;       ///< runs at a time, each on a thread of its own
  play_progress* progress = nullptr;
  run_keeper* keeper = nullptr;
};

/// Plays every variant with the same seeds. The result does not depend on `jobs`. When it was
/// stopped it is partial: the complete runs, and of a variant that has none the one that was cut.
/// Fails with the first run's failure, in the order of seeds and variants, or the keeper's.
[[nodiscard]] model::result<std::vector<variant>> play(const std::vector<variant_plan>& variants,
                                                       const play_options& how);

/// The study's name, confidence and seeds with what was played; partial if runs are missing.
[[nodiscard]] study_result result_of(const study& what, std::vector<variant> played);

} // namespace berth::sim
