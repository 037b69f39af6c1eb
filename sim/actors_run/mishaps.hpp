#pragma once

#include <cstddef>
#include <set>
#include <utility>

#include "model/random.hpp"
#include "sim/actors_run/run.hpp"
#include "sim/world.hpp"

namespace berth::sim {

/// The hand of fate: lets machines lose power, devices leave their slots and hosts be cut off, and
/// puts all of it right again, at the given rates.
class mishaps {
public:
  /// The world and the scenario outlive it.
  mishaps(world& all, const actors_scenario& what, model::random dice);
  mishaps(const mishaps&) = delete;
  mishaps& operator=(const mishaps&) = delete;

  void start();
  /// What is wrong is put right now, and nothing happens any more.
  void stop();
  [[nodiscard]] const mishap_counts& counted() const { return counted_; }

private:
  using place = std::pair<std::size_t, std::size_t>; ///< host, device of its machine

  void after(model::duration mean, std::function<void()> what);
  void fail_machine(std::size_t host);
  void mend_machine(std::size_t host);
  void take_device(const place& which);
  void return_device(const place& which);
  void cut_link(std::size_t host);
  void mend_link(std::size_t host);

  world& all_;
  const actors_scenario& what_;
  model::random dice_;
  bool stopped_ = false;
  std::set<std::size_t> down_;
  std::set<place> out_;
  std::set<std::size_t> cut_;
  mishap_counts counted_;
};

} // namespace berth::sim
