#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/packing_games/workload.hpp"
#include "model/resources.hpp"

namespace berth::packing {

/// Where a server is: what leave() wants to know.
struct seat {
  std::uint32_t host = 0;   ///< position among the machines
  std::uint64_t server = 0; ///< the packer's own number
};

/// One player: it puts demands on hosts, one after another, and never moves them.
class packer {
public:
  packer() = default;
  packer(const packer&) = delete;
  packer& operator=(const packer&) = delete;
  virtual ~packer() = default;

  /// nullopt = it fits nowhere. Times are in seconds; `leaves` is set where the game gives hints.
  virtual std::optional<seat> place(const demand& wanted, double now,
                                    std::optional<double> leaves) = 0;
  virtual void leave(const seat& where, const demand& what) = 0;
};

/// Policies written without the scheduler, to compare with: each looks at every host.
///   first-fit     the first host that fits
///   random        any host that fits
///   dot-product   least product of what is free and what is wanted, in shares of the largest host
///   best-fit      fewest GPUs left over, then least CPU
///   fgd-best-fit  least GPUs and CPUs left over, in shares of the largest host: the FGD paper's
/// nullptr = there is none of that name.
[[nodiscard]] std::unique_ptr<packer>
make_baseline(std::string_view name, const std::vector<machine>& hosts, std::uint64_t seed);
[[nodiscard]] const std::vector<std::string>& baseline_names();

/// FGD's own rule for servers of whole GPUs, written from the paper (Weng et al., ATC 2023): the
/// host where the fragments grow least. For a server of `mix`, all free GPUs of a host that cannot
/// hold it (GPUs, CPUs, model) are fragments; what counts is their mean over the mix.
[[nodiscard]] std::unique_ptr<packer> make_fgd(const std::vector<machine>& hosts,
                                               const std::vector<demand>& mix);

/// The real thing: scheduler/ with one of its policies; nullptr = there is none of that name.
/// `reserve`: what each GPU keeps for servers with GPUs.
[[nodiscard]] std::unique_ptr<packer> make_scheduler(const std::string& policy,
                                                     const std::vector<machine>& hosts,
                                                     const model::resources& reserve = {});
[[nodiscard]] std::vector<std::string> policy_names();

} // namespace berth::packing
