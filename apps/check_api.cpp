#include "apps/check_api.hpp"

#include <algorithm>
#include <stdexcept>

#include <nlohmann/json.hpp>

namespace berth::apps {

namespace {

using nlohmann::json;

constexpr std::size_t page_size = 1000;

model::result<json> get_json(const get_body& get, const std::string& target) {
  const auto body = get(target);
  if (!body) {
    return tl::unexpected{body.error()};
  }
  json parsed = json::parse(*body, nullptr, false);
  if (parsed.is_discarded()) {
    return model::fail(model::errc::internal, target + " did not answer JSON");
  }
  return parsed;
}

/// An id in an answer; a missing or malformed one is the API's fault and ends the reading.
template <class Id> Id id_of(const json& item, const char* key) {
  const auto id = Id::parse(item.at(key).get<std::string>());
  if (!id) {
    throw std::invalid_argument{std::string{key} + " is no id"};
  }
  return *id;
}

model::resources amount_of(const json& object) {
  return {object.at("cpus").get<std::int64_t>(), object.at("memory_mib").get<std::int64_t>(),
          object.at("storage_mib").get<std::int64_t>()};
}

host_fact host_of(const json& item) {
  host_fact host{id_of<model::host_id>(item, "id"), item.at("name").get<std::string>(),
                 amount_of(item.at("capacity"))};
  host.capacity.cpus = host.capacity.cpus * item.at("cpu_overcommit").get<std::int64_t>() / 1000;
  host.capacity.memory_mib =
      host.capacity.memory_mib * item.at("memory_overcommit").get<std::int64_t>() / 1000;
  return host;
}

device_fact device_of(const json& item) {
  device_fact device{id_of<model::device_id>(item, "id"), id_of<model::host_id>(item, "host_id"),
                     std::nullopt};
  if (item.contains("guest_id")) {
    device.owner = id_of<model::server_id>(item, "guest_id");
  }
  return device;
}

server_fact server_of(const json& item) {
  server_fact server{
      id_of<model::server_id>(item, "id"),
      item.at("name").get<std::string>(),
      std::nullopt,
      {item.at("vcpus").get<std::int64_t>(), item.at("memory_mib").get<std::int64_t>(), 0},
      {}};
  if (item.contains("host_id")) {
    server.host = id_of<model::host_id>(item, "host_id");
  }
  for (const auto& disk : item.at("disks")) {
    server.amount.storage_mib += disk.at("size_mib").get<std::int64_t>();
  }
  for (const auto& device : item.at("devices")) {
    server.devices.push_back(id_of<model::device_id>(device, "id"));
  }
  std::sort(server.devices.begin(), server.devices.end());
  return server;
}

/// Every page of a list, oldest first.
template <class Fact>
model::result<std::vector<Fact>> read_list(const get_body& get, const std::string& path,
                                           Fact (*make)(const json&)) {
  std::vector<Fact> facts;
  while (true) {
    const model::result<json> page =
        get_json(get, path + "?order=asc&limit=" + std::to_string(page_size) +
                          "&offset=" + std::to_string(facts.size()));
    if (!page) {
      return tl::unexpected{page.error()};
    }
    const json& items = page->at("items");
    for (const auto& item : items) {
      facts.push_back(make(item));
    }
    const json& counted = page->at("total");
    const auto total = counted.get<std::size_t>();
    if (facts.size() >= total) {
      return facts;
    }
    if (items.empty()) {
      return model::fail(model::errc::internal, path + " says " + std::to_string(total) +
                                                    " in total and gave " +
                                                    std::to_string(facts.size()));
    }
  }
}

model::result<model::sequence_number> sequence_now(const get_body& get) {
  return get_json(get, "/v1/usage").map([](const json& usage) {
    return usage.at("sequence").get<model::sequence_number>();
  });
}

model::result<cluster_facts> read_once(const get_body& get) {
  cluster_facts facts{"api", 0, {}, {}, {}};
  auto hosts = read_list<host_fact>(get, "/v1/hosts", host_of);
  if (!hosts) {
    return tl::unexpected{hosts.error()};
  }
  auto devices = read_list<device_fact>(get, "/v1/isolated-devices", device_of);
  if (!devices) {
    return tl::unexpected{devices.error()};
  }
  auto servers = read_list<server_fact>(get, "/v1/servers", server_of);
  if (!servers) {
    return tl::unexpected{servers.error()};
  }
  facts.hosts = *std::move(hosts);
  facts.devices = *std::move(devices);
  facts.servers = *std::move(servers);
  return facts;
}

} // namespace

get_body body_getter(net::http_client& client) {
  return [&client](const std::string& target) -> model::result<std::string> {
    net::client_request call;
    call.target = target;
    auto answer = client.request(std::move(call));
    if (!answer) {
      return model::fail(model::errc::deadline_exceeded, answer.error().message);
    }
    if (answer->status != 200) {
      return model::fail(model::errc::internal,
                         target + " answered HTTP status " + std::to_string(answer->status));
    }
    return std::move(answer->body);
  };
}

model::result<cluster_facts> read_api(const get_body& get, int attempts) {
  try {
    for (; attempts > 0; --attempts) {
      const auto before = sequence_now(get);
      if (!before) {
        return tl::unexpected{before.error()};
      }
      auto facts = read_once(get);
      if (!facts) {
        return facts;
      }
      const auto after = sequence_now(get);
      if (!after) {
        return tl::unexpected{after.error()};
      }
      if (*before == *after) {
        facts->sequence = *after;
        return facts;
      }
    }
  } catch (const std::exception& bad) { // nlohmann's accessors throw: an answer of another shape
    return model::fail(model::errc::internal,
                       std::string{"the API's answer is not as documented: "} + bad.what());
  }
  return model::fail(model::errc::busy, "the cluster changes all the time: check when it is quiet");
}

} // namespace berth::apps
