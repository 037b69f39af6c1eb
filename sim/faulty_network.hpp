#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "actors/link_transport.hpp"
#include "model/random.hpp"
#include "model/time.hpp"
#include "sim/kernel.hpp"

namespace berth::sim {

/// How bad the network between controller and agents is. Chances are per frame.
struct link_faults {
  model::duration delay_min = std::chrono::microseconds{200};
  model::duration delay_max = std::chrono::milliseconds{1};
  double loss = 0;      ///< vanishes, although the connection lives on (worse than TCP)
  double duplicate = 0; ///< arrives twice
  double late = 0;      ///< arrives up to `late_max` after its time, so others overtake it
  model::duration late_max = std::chrono::milliseconds{500};
  double breakage = 0; ///< takes the connection down
};

/// The host link's transport on virtual time. Same frames, same listeners, same promises as the
/// real one, plus faults drawn from a seed.
class faulty_network final : public actors::link_dialer {
public:
  faulty_network(kernel& world, model::random dice, link_faults faults);
  ~faulty_network() override;

  /// From now on connections reach this door; nullptr: the controller is down. Connections to the
  /// former one break.
  void attach(actors::link_door* door);
  void set_faults(const link_faults& faults);
  /// Cut: frames between this host and the controller vanish silently, both ends notice after
  /// `idle_timeout`, and no new connection succeeds.
  void cut(const std::string& host);
  void heal(const std::string& host);
  /// The agent of this host is gone (its process died): its connections break, its end hears
  /// nothing any more.
  void drop_agent(const std::string& host);

  void dial(const std::string& host, actors::agent_listener listener, opened done) override;

  struct counters {
    std::uint64_t opened = 0; ///< connections; all else are frames
    std::uint64_t sent = 0;
    std::uint64_t lost = 0;
    std::uint64_t duplicated = 0;
    std::uint64_t late = 0;
    std::uint64_t broken = 0;
  };
  [[nodiscard]] const counters& counted() const;

  static constexpr model::duration idle_timeout = std::chrono::seconds{5};
  static constexpr model::duration connect_time = std::chrono::milliseconds{3};

  struct state;
  struct connection;

private:
  std::shared_ptr<state> state_;
};

} // namespace berth::sim
