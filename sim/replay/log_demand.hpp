#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "model/event.hpp"
#include "model/failure.hpp"
#include "sim/demand/arrival.hpp"

namespace berth::sim {

/// What a controller's log says was asked for, as a demand: when each server came, what it wanted,
/// how long it would have waited, and how long it lived from its placement to the request to delete
/// it. Of a server that is still there, or never had a place, the lifetime is what its owner
/// expected; without that it is endless.
///
/// A simulation asks for GPUs of one kind: a server that asks for several kinds, for other
/// devices, for one by its id, or for a vendor's is left out, with a row in the report. Which hosts
/// may have it (by name, tag or anti-affinity) and its disks are not in a demand; a remark says how
/// many wanted such. What an operator attached later is not in it.
class log_demand {
public:
  /// The records of the log, in order.
  void feed(const model::log_record& record);
  /// Times count from the first record.
  [[nodiscard]] demand take() &&;

private:
  struct course {
    std::size_t arrival = 0;
    std::optional<model::timestamp> placed;
  };

  void created(const model::log_record& record, const model::server_record& server);
  void placed(model::server_id server, model::timestamp at);
  void ended(model::server_id server, model::timestamp at);
  void leave_out(std::uint64_t sequence, const char* rule, const std::string& name);

  demand made_;
  std::uint64_t loosened_ = 0; ///< servers that wanted more than a demand can say
  std::map<model::server_id, course> living_;
};

/// What the log of a controller's store says was asked for; a folder stands for the store of the
/// usual name in it. `version` is this program's, for the message about a newer store. Fails when
/// the store cannot be read, and with `strict` when a server had to be left out.
[[nodiscard]] model::result<demand> demand_of_store(const std::filesystem::path& given,
                                                    const std::string& version,
                                                    bool strict = false);

} // namespace berth::sim
