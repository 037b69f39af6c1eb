#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/ids.hpp"
#include "model/resources.hpp"

namespace berth::apps {

// The independent checker: plain facts about a cluster and what must hold of them. It shares no
// code with the scheduler or the control plane, so that it cannot share their errors.

struct host_fact {
  model::host_id id;
  std::string name;
  model::resources capacity; ///< with overcommit

  friend bool operator==(const host_fact&, const host_fact&) = default;
};

struct device_fact {
  model::device_id id;
  model::host_id host;
  std::optional<model::server_id> owner;

  friend bool operator==(const device_fact&, const device_fact&) = default;
};

struct server_fact {
  model::server_id id;
  std::string name;
  std::optional<model::host_id> host;
  model::resources amount;
  std::vector<model::device_id> devices; ///< ascending

  friend bool operator==(const server_fact&, const server_fact&) = default;
};

struct cluster_facts {
  std::string source; ///< `api` or `store`
  model::sequence_number sequence = 0;
  std::vector<host_fact> hosts;
  std::vector<device_fact> devices;
  std::vector<server_fact> servers;
};

struct violation {
  std::string rule; ///< e.g. `one_owner`, `host_capacity`
  std::string text;

  friend bool operator==(const violation&, const violation&) = default;
};

/// What must hold of one view:
///   unique         no host, device or server is there twice, no server name either
///   one_owner      no device is with two servers, and a device's owner has it
///   known          servers and devices name hosts, devices and servers that exist
///   same_host      a server's devices are on its host
///   host_capacity  the servers of a host fit into its capacity with overcommit
[[nodiscard]] std::vector<violation> find_violations(const cluster_facts& facts);

/// Where two views of the same cluster differ (rule `agreement`).
[[nodiscard]] std::vector<violation> find_differences(const cluster_facts& a,
                                                      const cluster_facts& b);

} // namespace berth::apps
