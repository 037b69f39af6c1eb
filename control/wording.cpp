#include "control/wording.hpp"

#include "model/plan.hpp"

namespace berth::control {

using model::errc;
using model::fail;

std::string name_of(const model::server_record& server) {
  return "server '" + server.spec->name + "'";
}

std::string name_of(const model::host_record& host) {
  return "host '" + host.name + "'";
}

std::string host_name(model::host_id host, const cluster_state& state) {
  const auto* known = state.find_host(host);
  return known != nullptr ? "'" + known->record.name + "'" : to_string(host);
}

std::string name_of(const model::device_record& device, const cluster_state& state) {
  return "device " + to_string(device.info.id) + " (" + device.info.model + " at " +
         short_string(device.info.address) + " on host " + host_name(device.host, state) + ")";
}

namespace {

/// A user's word in a message: bounded, without control characters.
std::string quoted(std::string_view word) {
  constexpr std::size_t shown = 64;
  std::string safe{word.substr(0, shown)};
  for (auto& c : safe) {
    c = static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? '?' : c;
  }
  return "'" + safe + (word.size() > shown ? "...'" : "'");
}

} // namespace

tl::unexpected<model::failure> no_such_server(std::string_view ref) {
  return fail(errc::not_found,
              "there is no server " + quoted(ref) +
                  ": give the id or the name of one in berthctl server-list",
              {{"server", std::string{ref.substr(0, 128)}}});
}

tl::unexpected<model::failure> no_such_device(std::string_view ref) {
  return fail(errc::not_found,
              "there is no device " + quoted(ref) +
                  ": give the id of one in berthctl isolated-device-list",
              {{"device", std::string{ref.substr(0, 128)}}});
}

tl::unexpected<model::failure> no_such_host(std::string_view ref) {
  return fail(errc::not_found,
              "there is no host " + quoted(ref) +
                  ": give the id or the name of one in berthctl host-list",
              {{"host", std::string{ref.substr(0, 128)}}});
}

tl::unexpected<model::failure> host_is_offline(const model::host_record& host) {
  return fail(errc::host_offline,
              name_of(host) + " is offline: bring its agent (berth-host) back first",
              {{"host", to_string(host.id)}});
}

model::result<void> check_free(const model::device_record& device, const cluster_state& state) {
  if (device.owner) {
    const auto* owner = state.find_server(*device.owner);
    const auto name = owner != nullptr ? owner->record.spec->name : to_string(*device.owner);
    return fail(errc::device_in_use,
                name_of(device, state) + " is in use by server '" + name +
                    "': choose another, or detach it first: berthctl "
                    "server-detach-isolated-device " +
                    name + " " + to_string(device.info.id),
                {{"device", to_string(device.info.id)},
                 {"server", to_string(*device.owner)},
                 {"server_name", name}});
  }
  if (is_offerable(device)) {
    return {};
  }
  std::string why = "is " + std::string{to_string(device.state)};
  std::string remedy = "wait until it is free, or choose another";
  if (!device.info.unusable_reason.empty()) {
    why = "cannot be used (" + device.info.unusable_reason + ")";
    remedy = "choose another";
  } else if (!device.present) {
    why = "is missing from its host's inventory";
    remedy = "choose another, or bring it back and probe the host";
  } else if (!device.enabled) {
    why = "is disabled";
    remedy = "enable it: berthctl isolated-device-enable " + to_string(device.info.id);
  } else if (!device.state_reason.empty()) {
    why += " (" + device.state_reason + ")";
  }
  return fail(errc::device_not_free, name_of(device, state) + " " + why + ": " + remedy,
              {{"device", to_string(device.info.id)},
               {"state", std::string{to_string(device.state)}},
               {"reason", device.state_reason}});
}

model::failure no_such_model(const scheduler::unknown_model& what) {
  std::string known;
  for (const auto& name : what.known) {
    known += (known.empty() ? "" : ", ") + name;
  }
  auto message = "no device of model '" + what.asked + "' is known";
  message += what.nearest ? "; did you mean '" + *what.nearest + "'?" : "; there are: " + known;
  return {errc::invalid_argument, std::move(message), {{"model", what.asked}, {"known", known}}};
}

model::failure does_not_fit(const model::refusal& why) {
  model::failure failure{errc::does_not_fit, summary(why), {}};
  failure.details["hosts_considered"] = std::to_string(why.hosts_considered);
  for (const auto& rule : why.rules) {
    std::string text = std::to_string(rule.hosts_excluded) + " hosts";
    if (!rule.miss.text.empty()) {
      text += "; nearest: " + rule.nearest_name + ": " + rule.miss.text;
    }
    failure.details["rule." + rule.rule] = std::move(text);
  }
  for (std::size_t i = 0; i < why.suggestions.size(); ++i) {
    failure.details["suggestion." + std::to_string(i + 1)] = why.suggestions[i].change;
  }
  return failure;
}

} // namespace berth::control
