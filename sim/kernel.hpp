#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include <caf/fwd.hpp>

#include "hostbackend/host_backend.hpp"
#include "model/random.hpp"
#include "model/time.hpp"

namespace berth::sim {

struct kernel_options {
  std::uint64_t seed = 1;
  /// Runs ready actors in seeded random order instead of first come, first served.
  bool shuffle = true;
};

/// A whole actor system on one thread and on virtual time. Everything that runs in it is a function
/// of the seed: two kernels with one seed and one driver go through the same steps, which
/// trace_hash() proves. Drive it from the thread that made it.
class kernel {
public:
  explicit kernel(kernel_options options);
  /// Everything spawned in it must have been told to stop; what is left of its work is dropped.
  ~kernel();
  kernel(const kernel&) = delete;
  kernel& operator=(const kernel&) = delete;

  [[nodiscard]] caf::actor_system& system();
  /// Virtual wall-clock time; starts at 2026-01-01T00:00:00Z.
  [[nodiscard]] model::timestamp now() const;
  /// Time inside actors, timers and everything else: the same clock, as a function to hand in.
  [[nodiscard]] std::function<model::timestamp()> clock() const;
  /// Calls `what` after `delay` of virtual time.
  void after(model::duration delay, std::function<void()> what);
  /// The same door for backends; valid as long as the kernel.
  [[nodiscard]] hostbackend::timer& timers();
  /// An independent generator, derived from the seed and the name.
  [[nodiscard]] model::random dice(std::uint64_t stream) const;

  /// Runs everything that is due within the next `span`; time ends exactly `span` later.
  void run_for(model::duration span);
  /// Runs until `done` holds, looking after every step, for at most `limit`; true if it held.
  [[nodiscard]] bool run_until(const std::function<bool()>& done, model::duration limit);

  /// Mixes an observation into the trace.
  void note(std::uint64_t what);
  [[nodiscard]] std::uint64_t trace_hash() const;
  [[nodiscard]] std::uint64_t steps() const;

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace berth::sim
