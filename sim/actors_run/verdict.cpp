#include "sim/actors_run/verdict.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace berth::sim {

namespace {

using model::server_status;

bool has_settled(server_status status) {
  return status == server_status::running || status == server_status::ready ||
         status == server_status::sched_fail || status == server_status::start_fail ||
         status == server_status::dev_fail || status == server_status::deploy_fail ||
         status == server_status::scheduling;
}

class examination {
public:
  explicit examination(world& all) : all_(all), wrong_(all.auditor().violations()) {
    for (auto& row : all.servers())
      servers_.emplace(row.server.id, std::move(row.server));
  }

  void look_at_servers() {
    for (const auto& [id, server] : servers_) {
      const auto what =
          "server " + server.spec->name + " is " + std::string{model::to_string(server.status)};
      if (!has_settled(server.status))
        wrong_.push_back(what + " and does not settle: " + server.status_reason);
      const bool runs = all_.auditor().is_running(id);
      if (runs != (server.status == server_status::running))
        wrong_.push_back(what + ", and its guest " + (runs ? "runs" : "does not run"));
      std::set<model::device_id> attached;
      for (const auto& each : server.attachments) {
        attached.insert(each.device);
        if (const auto [owner, alone] = owners_.emplace(each.device, id); !alone)
          wrong_.push_back("device " + to_string(each.device) + " has two owners: " +
                           to_string(id) + " and " + to_string(owner->second));
      }
      if (runs && all_.auditor().devices_of(id) != attached)
        wrong_.push_back(what + " with other devices than it should have");
    }
  }

  void look_at_devices() {
    for (const auto& row : all_.devices()) {
      const auto& device = row.device;
      const auto owner = owners_.find(device.info.id);
      const bool listed = owner != owners_.end();
      if (device.owner.has_value() != listed || (listed && *device.owner != owner->second))
        wrong_.push_back("device " + to_string(device.info.id) +
                         " and the servers do not agree on whom it belongs to");
    }
  }

  void look_at_promises(const clients& told) {
    for (const auto& each : told.servers()) {
      const bool is_there = servers_.contains(each.id);
      if (is_there && each.deleting)
        wrong_.push_back("the deletion of server " + to_string(each.id) +
                         " was acknowledged, and it is still there");
      else if (!is_there)
        wrong_.push_back("server " + to_string(each.id) + " was acknowledged and is lost");
    }
  }

  [[nodiscard]] std::vector<std::string> take() && { return std::move(wrong_); }

private:
  world& all_;
  std::vector<std::string> wrong_;
  std::map<model::server_id, model::server_record> servers_;
  std::map<model::device_id, model::server_id> owners_;
};

} // namespace

std::vector<std::string> find_violations(world& all, const clients& told) {
  examination look{all};
  look.look_at_servers();
  look.look_at_devices();
  look.look_at_promises(told);
  return std::move(look).take();
}

} // namespace berth::sim
