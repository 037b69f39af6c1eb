#include "proto/wire_enums.hpp"

#include <array>
#include <cstddef>

namespace berth::proto {

v1::DevType to_wire(model::dev_type value) {
  using enum model::dev_type;
  switch (value) {
  case gpu_hpc:
    return v1::DEV_TYPE_GPU_HPC;
  case gpu_vga:
    return v1::DEV_TYPE_GPU_VGA;
  case pci:
    return v1::DEV_TYPE_PCI;
  }
  return v1::DEV_TYPE_UNSPECIFIED;
}

v1::DeviceState to_wire(model::device_state value) {
  using enum model::device_state;
  switch (value) {
  case discovered:
    return v1::DEVICE_STATE_DISCOVERED;
  case binding:
    return v1::DEVICE_STATE_BINDING;
  case free:
    return v1::DEVICE_STATE_FREE;
  case reserved:
    return v1::DEVICE_STATE_RESERVED;
  case in_use:
    return v1::DEVICE_STATE_IN_USE;
  case releasing:
    return v1::DEVICE_STATE_RELEASING;
  case resetting:
    return v1::DEVICE_STATE_RESETTING;
  case verifying:
    return v1::DEVICE_STATE_VERIFYING;
  case unusable:
    return v1::DEVICE_STATE_UNUSABLE;
  case lost:
    return v1::DEVICE_STATE_LOST;
  case quarantined:
    return v1::DEVICE_STATE_QUARANTINED;
  }
  return v1::DEVICE_STATE_UNSPECIFIED;
}

v1::HostStatus to_wire(model::host_status value) {
  using enum model::host_status;
  switch (value) {
  case offline:
    return v1::HOST_STATUS_OFFLINE;
  case online:
    return v1::HOST_STATUS_ONLINE;
  }
  return v1::HOST_STATUS_UNSPECIFIED;
}

v1::ServerStatus to_wire(model::server_status value) {
  using enum model::server_status;
  switch (value) {
  case init:
    return v1::SERVER_STATUS_INIT;
  case scheduling:
    return v1::SERVER_STATUS_SCHEDULING;
  case sched_fail:
    return v1::SERVER_STATUS_SCHED_FAIL;
  case deploying:
    return v1::SERVER_STATUS_DEPLOYING;
  case deploy_fail:
    return v1::SERVER_STATUS_DEPLOY_FAIL;
  case ready:
    return v1::SERVER_STATUS_READY;
  case starting:
    return v1::SERVER_STATUS_STARTING;
  case running:
    return v1::SERVER_STATUS_RUNNING;
  case stopping:
    return v1::SERVER_STATUS_STOPPING;
  case start_fail:
    return v1::SERVER_STATUS_START_FAIL;
  case dev_fail:
    return v1::SERVER_STATUS_DEV_FAIL;
  case deleting:
    return v1::SERVER_STATUS_DELETING;
  case unknown:
    return v1::SERVER_STATUS_UNKNOWN;
  }
  return v1::SERVER_STATUS_UNSPECIFIED;
}

v1::Firmware to_wire(model::firmware value) {
  using enum model::firmware;
  switch (value) {
  case bios:
    return v1::FIRMWARE_BIOS;
  case uefi:
    return v1::FIRMWARE_UEFI;
  }
  return v1::FIRMWARE_UNSPECIFIED;
}

v1::Power to_wire(model::power value) {
  using enum model::power;
  switch (value) {
  case off:
    return v1::POWER_OFF;
  case on:
    return v1::POWER_ON;
  }
  return v1::POWER_UNSPECIFIED;
}

v1::Wish to_wire(model::wish value) {
  using enum model::wish;
  switch (value) {
  case none:
    return v1::WISH_NONE;
  case prefer:
    return v1::WISH_PREFER;
  case require:
    return v1::WISH_REQUIRE;
  }
  return v1::WISH_UNSPECIFIED;
}

namespace {

// The inverse of to_wire, so that the pairs are written once. `Last` is the highest wire number.
template <class Model, int Last> std::optional<Model> inverse(int number) {
  static const auto table = [] {
    std::array<std::optional<Model>, std::size_t{Last} + 1> made{};
    for (int value = 0; value < Last; ++value) {
      const int wire = to_wire(static_cast<Model>(value));
      made[static_cast<std::size_t>(wire)] = static_cast<Model>(value);
    }
    made[0] = std::nullopt;
    return made;
  }();
  if (number < 1 || number > Last)
    return std::nullopt;
  return table[static_cast<std::size_t>(number)];
}

} // namespace

template <> std::optional<model::dev_type> from_wire(int number) {
  return inverse<model::dev_type, v1::DevType_MAX>(number);
}
template <> std::optional<model::device_state> from_wire(int number) {
  return inverse<model::device_state, v1::DeviceState_MAX>(number);
}
template <> std::optional<model::host_status> from_wire(int number) {
  return inverse<model::host_status, v1::HostStatus_MAX>(number);
}
template <> std::optional<model::server_status> from_wire(int number) {
  return inverse<model::server_status, v1::ServerStatus_MAX>(number);
}
template <> std::optional<model::firmware> from_wire(int number) {
  return inverse<model::firmware, v1::Firmware_MAX>(number);
}
template <> std::optional<model::power> from_wire(int number) {
  return inverse<model::power, v1::Power_MAX>(number);
}
template <> std::optional<model::wish> from_wire(int number) {
  return inverse<model::wish, v1::Wish_MAX>(number);
}

} // namespace berth::proto
