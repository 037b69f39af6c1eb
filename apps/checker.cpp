#include "apps/checker.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace berth::apps {

namespace {

class examiner {
public:
  explicit examiner(const cluster_facts& facts) : facts_(facts) {}

  std::vector<violation> run() {
    index_everything();
    for (const auto& server : facts_.servers) {
      examine_server(server);
    }
    for (const auto& device : facts_.devices) {
      examine_device(device);
    }
    for (const auto& host : facts_.hosts) {
      examine_host(host);
    }
    return std::move(found_);
  }

private:
  void blame(const std::string& rule, const std::string& text) {
    found_.push_back({rule, facts_.source + ": " + text});
  }

  void index_everything() {
    for (const auto& host : facts_.hosts) {
      if (!hosts_.emplace(host.id, &host).second) {
        blame("unique", "host " + to_string(host.id) + " is listed twice");
      }
    }
    for (const auto& device : facts_.devices) {
      if (!devices_.emplace(device.id, &device).second) {
        blame("unique", "device " + to_string(device.id) + " is listed twice");
      }
    }
    std::set<std::string> names;
    for (const auto& server : facts_.servers) {
      if (!servers_.emplace(server.id, &server).second) {
        blame("unique", "server " + to_string(server.id) + " is listed twice");
      }
      if (!names.insert(server.name).second) {
        blame("unique", "two servers are called " + server.name);
      }
    }
  }

  void examine_server(const server_fact& server) {
    if (server.host && hosts_.count(*server.host) == 0) {
      blame("known", "server " + server.name + " is on host " + to_string(*server.host) +
                         ", which does not exist");
    }
    if (server.host) {
      used_[*server.host] += server.amount;
    } else if (!server.devices.empty()) {
      blame("same_host", "server " + server.name + " holds devices but is on no host");
    }
    for (const auto& id : server.devices) {
      const auto [holder, first] = holders_.emplace(id, &server);
      if (!first) {
        blame("one_owner", "device " + to_string(id) + " is with two servers, " +
                               holder->second->name + " and " + server.name);
      }
      const auto known = devices_.find(id);
      if (known == devices_.end()) {
        blame("known", "server " + server.name + " holds device " + to_string(id) +
                           ", which does not exist");
        continue;
      }
      if (known->second->owner != server.id) {
        blame("one_owner", "server " + server.name + " holds device " + to_string(id) +
                               ", whose owner is " + name_of(known->second->owner));
      }
      if (server.host && known->second->host != *server.host) {
        blame("same_host", "server " + server.name + " is on host " + name_of(*server.host) +
                               ", its device " + to_string(id) + " on host " +
                               name_of(known->second->host));
      }
    }
  }

  void examine_device(const device_fact& device) {
    if (hosts_.count(device.host) == 0) {
      blame("known", "device " + to_string(device.id) + " is on host " + to_string(device.host) +
                         ", which does not exist");
    }
    if (!device.owner) {
      return;
    }
    const auto owner = servers_.find(*device.owner);
    if (owner == servers_.end()) {
      blame("known", "device " + to_string(device.id) + " is owned by server " +
                         to_string(*device.owner) + ", which does not exist");
      return;
    }
    const auto& held = owner->second->devices;
    if (std::find(held.begin(), held.end(), device.id) == held.end()) {
      blame("one_owner", "device " + to_string(device.id) + " is owned by server " +
                             owner->second->name + ", which does not hold it");
    }
  }

  void examine_host(const host_fact& host) {
    const auto& used = used_[host.id];
    const auto compare = [&](const char* what, std::int64_t taken, std::int64_t there) {
      if (taken > there) {
        blame("host_capacity", "host " + host.name + " has " + std::to_string(there) + " " + what +
                                   ", its servers take " + std::to_string(taken));
      }
    };
    compare("CPUs", used.cpus, host.capacity.cpus);
    compare("MiB of memory", used.memory_mib, host.capacity.memory_mib);
    compare("MiB of storage", used.storage_mib, host.capacity.storage_mib);
  }

  [[nodiscard]] std::string name_of(const model::host_id& id) const {
    const auto known = hosts_.find(id);
    return known == hosts_.end() ? to_string(id) : known->second->name;
  }
  [[nodiscard]] std::string name_of(const std::optional<model::server_id>& id) const {
    if (!id) {
      return "nobody";
    }
    const auto known = servers_.find(*id);
    return known == servers_.end() ? to_string(*id) : known->second->name;
  }

  const cluster_facts& facts_;
  std::map<model::host_id, const host_fact*> hosts_;
  std::map<model::device_id, const device_fact*> devices_;
  std::map<model::server_id, const server_fact*> servers_;
  std::map<model::device_id, const server_fact*> holders_;
  std::map<model::host_id, model::resources> used_;
  std::vector<violation> found_;
};

/// Two lists of facts by id: what is only in one, and what differs.
template <class Fact>
void compare_lists(const std::string& kind, const std::string& a_name, const std::vector<Fact>& a,
                   const std::string& b_name, const std::vector<Fact>& b,
                   std::vector<violation>& found) {
  using id_type = decltype(Fact::id);
  std::map<id_type, const Fact*> left;
  std::map<id_type, const Fact*> right;
  for (const auto& fact : a) {
    left.emplace(fact.id, &fact);
  }
  for (const auto& fact : b) {
    right.emplace(fact.id, &fact);
  }
  for (const auto& [id, fact] : left) {
    const auto other = right.find(id);
    if (other == right.end()) {
      found.push_back({"agreement", kind + " " + to_string(id) + " is in the " + a_name +
                                        ", not in the " + b_name});
    } else if (!(*other->second == *fact)) {
      found.push_back({"agreement", kind + " " + to_string(id) + " differs between " + a_name +
                                        " and " + b_name});
    }
  }
  for (const auto& [id, fact] : right) {
    if (left.count(id) == 0) {
      found.push_back({"agreement", kind + " " + to_string(id) + " is in the " + b_name +
                                        ", not in the " + a_name});
    }
  }
}

} // namespace

std::vector<violation> find_violations(const cluster_facts& facts) {
  return examiner{facts}.run();
}

std::vector<violation> find_differences(const cluster_facts& a, const cluster_facts& b) {
  std::vector<violation> found;
  compare_lists("host", a.source, a.hosts, b.source, b.hosts, found);
  compare_lists("device", a.source, a.devices, b.source, b.devices, found);
  compare_lists("server", a.source, a.servers, b.source, b.servers, found);
  return found;
}

} // namespace berth::apps
