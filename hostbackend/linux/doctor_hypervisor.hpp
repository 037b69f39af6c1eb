#pragma once

#include "hostbackend/linux/doctor_facts.hpp"

namespace berth::hostbackend::host_linux {

/// Asks this machine's libvirt, over the settings' URI, for its version and the settings' storage
/// pools, and looks at the pools' directories. Changes nothing, apart from starting a libvirt that
/// systemd starts on demand. A libvirt that gives no answer for half a minute is `silent`.
[[nodiscard]] hypervisor_facts ask_hypervisor(const doctor_settings& settings);

} // namespace berth::hostbackend::host_linux
