#include "sim/fleet_auditor.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace berth::sim {

namespace operations = model::host_operations;

struct fleet_auditor::state {
  struct running_server {
    std::string host;
    std::vector<model::device_id> devices;
  };
  std::map<model::server_id, running_server> servers;
  std::map<std::string, std::set<model::server_id>> by_host;
  std::map<model::device_id, model::server_id> users;
  std::set<model::device_id> used; ///< since their last reset
  std::vector<std::string> wrong;
  std::size_t starts = 0;

  void complain(const std::string& what) { wrong.push_back(what); }

  void started(const std::string& host, const model::server_id& server,
               const std::vector<model::device_id>& devices) {
    if (const auto found = servers.find(server); found != servers.end()) {
      if (found->second.host != host)
        complain("server " + to_string(server) + " starts on " + host + " and runs on " +
                 found->second.host);
      return; // starting it again where it runs changes nothing
    }
    ++starts;
    servers[server] = {host, devices};
    by_host[host].insert(server);
    for (const auto& device : devices)
      takes(server, device);
  }
  void takes(const model::server_id& server, const model::device_id& device) {
    const auto [user, is_new] = users.emplace(device, server);
    if (!is_new)
      complain("server " + to_string(server) + " takes device " + to_string(device) +
               " of server " + to_string(user->second));
    if (!used.insert(device).second)
      complain("server " + to_string(server) + " takes device " + to_string(device) +
               " that was not reset since its last user");
  }
  void plugged(const model::server_id& server, const model::device_id& device) {
    const auto found = servers.find(server);
    if (found == servers.end())
      return; // it has gone off since
    auto& devices = found->second.devices;
    if (std::find(devices.begin(), devices.end(), device) != devices.end())
      return; // plugging it in again changes nothing
    devices.push_back(device);
    takes(server, device);
  }
  void left(const model::server_id& server, const model::device_id& device) {
    const auto found = servers.find(server);
    if (found == servers.end() || std::erase(found->second.devices, device) == 0)
      return;
    users.erase(device);
  }
  void stopped(const model::server_id& server) {
    const auto found = servers.find(server);
    if (found == servers.end())
      return;
    for (const auto& device : found->second.devices)
      users.erase(device);
    by_host.at(found->second.host).erase(server);
    servers.erase(found);
  }
  void touched(const std::string& host, const model::device_id& device, const char* how) {
    if (const auto user = users.find(device); user != users.end())
      complain(std::string{"device "} + to_string(device) + " on " + host + " is " + how +
               " while server " + to_string(user->second) + " runs with it");
  }
  /// The truth of a server that is known to run.
  void holds(const model::server_id& server, const std::vector<model::device_id>& devices) {
    const auto before = servers.at(server).devices; // a copy: leaving changes it
    for (const auto& device : before)
      if (std::find(devices.begin(), devices.end(), device) == devices.end())
        left(server, device);
    for (const auto& device : devices)
      plugged(server, device);
  }

  static std::vector<model::device_id> devices_of(const model::desired_server& server) {
    std::vector<model::device_id> devices;
    for (const auto& each : server.attachments)
      devices.push_back(each.device);
    return devices;
  }

  void done(const std::string& host, const operations::operation& what) {
    if (const auto* start = std::get_if<operations::start_server>(&what))
      started(host, start->server.id, devices_of(start->server));
    else if (const auto* undefine = std::get_if<operations::undefine_server>(&what))
      stopped(undefine->server);
    else if (const auto* reset = std::get_if<operations::reset_device>(&what)) {
      touched(host, reset->device, "reset");
      used.erase(reset->device);
    } else if (const auto* plug = std::get_if<operations::plug_device>(&what))
      plugged(plug->server.id, plug->device);
    else if (const auto* bind = std::get_if<operations::bind_device>(&what))
      touched(host, bind->device, "bound");
  }

  /// The truth of one host: what is not in it does not run there.
  void listed(const std::string& host, const operations::server_listing& listing) {
    std::set<model::server_id> alive;
    for (const auto& each : listing.servers)
      if (each.running)
        alive.insert(each.server);
    std::vector<model::server_id> gone;
    for (const auto& server : by_host[host])
      if (!alive.contains(server))
        gone.push_back(server);
    for (const auto& each : gone)
      stopped(each);
    for (const auto& each : listing.servers) // starts and plugs whose answers were lost
      if (each.running && !servers.contains(each.server))
        started(host, each.server, each.devices);
      else if (each.running)
        holds(each.server, each.devices);
  }
};

namespace {

class watched_backend final : public hostbackend::host_backend {
public:
  watched_backend(std::shared_ptr<fleet_auditor::state> seen, std::string host,
                  std::shared_ptr<hostbackend::host_backend> inner)
      : seen_(std::move(seen)), host_(std::move(host)), inner_(std::move(inner)) {}

  void perform(operations::operation what, completion done) override {
    auto copy = what;
    inner_->perform(std::move(what), [seen = seen_, host = host_, what = std::move(copy),
                                      done = std::move(done)](
                                         model::result<operations::operation_result> outcome) {
      if (outcome) {
        if (const auto* listing = std::get_if<operations::server_listing>(&*outcome))
          seen->listed(host, *listing);
        else if (const auto* stop = std::get_if<operations::stop_server>(&what);
                 stop != nullptr && stop->force)
          seen->stopped(stop->server);
        else
          seen->done(host, what);
      }
      done(std::move(outcome));
    });
  }
  void on_event(std::function<void(operations::backend_event)> listener) override {
    inner_->on_event(
        [seen = seen_, listener = std::move(listener)](operations::backend_event what) {
          if (const auto* exited = std::get_if<operations::server_exited>(&what))
            seen->stopped(exited->server);
          else if (const auto* gone = std::get_if<operations::device_left>(&what))
            seen->left(gone->server, gone->device);
          listener(std::move(what));
        });
  }

private:
  std::shared_ptr<fleet_auditor::state> seen_;
  std::string host_;
  std::shared_ptr<hostbackend::host_backend> inner_;
};

} // namespace

fleet_auditor::fleet_auditor() : state_(std::make_shared<state>()) {}

std::shared_ptr<hostbackend::host_backend>
fleet_auditor::watch(std::string host, std::shared_ptr<hostbackend::host_backend> inner) {
  return std::make_shared<watched_backend>(state_, std::move(host), std::move(inner));
}
const std::vector<std::string>& fleet_auditor::violations() const {
  return state_->wrong;
}
std::set<model::device_id> fleet_auditor::devices_of(const model::server_id& server) const {
  const auto found = state_->servers.find(server);
  if (found == state_->servers.end())
    return {};
  return {found->second.devices.begin(), found->second.devices.end()};
}
std::size_t fleet_auditor::starts() const {
  return state_->starts;
}
std::size_t fleet_auditor::running() const {
  return state_->servers.size();
}
bool fleet_auditor::is_running(model::server_id server) const {
  return state_->servers.contains(server);
}

} // namespace berth::sim
