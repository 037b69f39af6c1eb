#pragma once

#include <string>

#include "scheduler/finding.hpp"
#include "scheduler/query.hpp"

namespace berth::scheduler {

// The hard rules. Each is a pure yes/no question about one host and one request, with the numbers
// behind a no, and says a no in one sentence on demand. The order is the pipeline's
// (scheduler/pipeline.hpp).

/// A host that a request is tested against. With `given` set, the question is about exactly those
/// devices (a plan that is re-checked), else about any that the host could give.
struct candidate {
  const inventory::impl& world;
  const query& asked;
  host_slot_id slot = 0;
  const std::vector<model::device_id>* given = nullptr;

  [[nodiscard]] const host_slot& host() const { return world.hosts[slot]; }
};

finding host_enabled(const candidate& at);
finding host_online(const candidate& at);
finding host_settled(const candidate& at);
finding maintenance(const candidate& at);
finding pinned_host(const candidate& at);
finding reserved_host(const candidate& at);
finding tags(const candidate& at);
finding anti_affinity(const candidate& at);
finding cpu(const candidate& at);
finding memory(const candidate& at);
finding storage(const candidate& at);
finding named_devices(const candidate& at);
finding devices(const candidate& at);
finding units(const candidate& at);
finding topology(const candidate& at);

std::string say_host_enabled(const candidate& at, const finding& found);
std::string say_host_online(const candidate& at, const finding& found);
std::string say_host_settled(const candidate& at, const finding& found);
std::string say_maintenance(const candidate& at, const finding& found);
std::string say_pinned_host(const candidate& at, const finding& found);
std::string say_reserved_host(const candidate& at, const finding& found);
std::string say_tags(const candidate& at, const finding& found);
std::string say_anti_affinity(const candidate& at, const finding& found);
std::string say_cpu(const candidate& at, const finding& found);
std::string say_memory(const candidate& at, const finding& found);
std::string say_storage(const candidate& at, const finding& found);
std::string say_named_devices(const candidate& at, const finding& found);
std::string say_devices(const candidate& at, const finding& found);
std::string say_units(const candidate& at, const finding& found);
std::string say_topology(const candidate& at, const finding& found);

} // namespace berth::scheduler
