#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "model/device.hpp"
#include "model/host.hpp"
#include "model/request.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::scheduler {

// Small worlds for the scheduler's tests.

template <class Id> Id numbered(std::uint64_t number) {
  return Id{model::uuid{0, number}};
}

/// A host that is open for placement: 64 CPUs, 512 GiB, 4 TiB.
inline model::host_record open_host(std::uint64_t number) {
  model::host_record host;
  host.id = numbered<model::host_id>(number);
  host.name = "host-" + std::to_string(number);
  host.capacity = {64, 512 * 1024, 4 * 1024 * 1024};
  host.status = model::host_status::online;
  host.settled = true;
  return host;
}

/// A free GPU of a host. Device ids are host number * 1000 + position.
inline model::device_record free_gpu(std::uint64_t host, std::uint8_t position,
                                     const std::string& name = "A100") {
  model::device_record device;
  device.info.id = numbered<model::device_id>(host * 1000 + position);
  device.info.address = {0, static_cast<std::uint8_t>(0x10 + position), 0, 0};
  device.info.vendor_device = {0x10de,
                               static_cast<std::uint16_t>(name == "A100" ? 0x20b0 : 0x2330)};
  device.info.vendor = "NVIDIA";
  device.info.model = name;
  device.host = numbered<model::host_id>(host);
  device.state = model::device_state::free;
  return device;
}

inline std::vector<model::device_record> free_gpus(std::uint64_t host, int count,
                                                   const std::string& name = "A100") {
  std::vector<model::device_record> devices;
  for (int i = 0; i < count; ++i) {
    devices.push_back(free_gpu(host, static_cast<std::uint8_t>(i), name));
  }
  return devices;
}

/// `count` devices whose model is one of `models`, tried in order; no model = any device.
inline model::device_request some(std::int32_t count, std::vector<std::string> models = {}) {
  model::device_request wish;
  wish.count = count;
  for (auto& name : models) {
    wish.alternatives.push_back({std::move(name), {}, {}, {}});
  }
  if (wish.alternatives.empty()) {
    wish.alternatives.emplace_back();
  }
  return wish;
}

inline model::device_request exactly(std::uint64_t device) {
  model::device_request wish;
  wish.id = numbered<model::device_id>(device);
  return wish;
}

/// A small server: 4 CPUs, 16 GiB, 100 GiB.
inline model::placement_request server(std::vector<model::device_request> devices,
                                       std::uint64_t number = 900'000) {
  model::placement_request request;
  request.server = numbered<model::server_id>(number);
  request.amount = {4, 16 * 1024, 100 * 1024};
  request.devices = std::move(devices);
  return request;
}

} // namespace berth::scheduler
