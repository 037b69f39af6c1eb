#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hostbackend/linux/device_memory.hpp"
#include "hostbackend/linux/kernel_calls.hpp"
#include "model/device.hpp"
#include "model/failure.hpp"

namespace berth::hostbackend::host_linux {

/// All functions of one device, bound to vfio-pci and back by `driver_override`, `unbind`,
/// `drivers_probe` and `bind` (Linux: Documentation/ABI/testing/sysfs-bus-pci). Touches no other
/// function, and none that is another card by now. Blocks, each step at most its limit; one
/// operation per device at a time is the caller's business.
///
/// A function that is on vfio-pci already is left as it is, whoever put it there.
class vfio_unit {
public:
  /// `memory` outlives it.
  vfio_unit(device_tools tools, device_memory& memory, const model::device_info& device);
  /// The same for functions of which no more is known than that they were bound.
  vfio_unit(device_tools tools, device_memory& memory, std::vector<model::pci_function> functions);

  /// Remembers on disk how each function was, then binds them. A function whose device files some
  /// process has open is refused, with the process named (errc::bind_failed). After a failure
  /// those that were changed are taken back; what could not be is said in the message. After
  /// errc::outcome_unknown nothing more is touched, and the message says where each function is.
  [[nodiscard]] model::result<void> bind();
  /// As bind() after a rescan: what was remembered before it stays, though the kernel may have
  /// given the functions to a host driver meanwhile.
  [[nodiscard]] model::result<void> bind_again();
  /// Gives each function back to the driver that it had (or none), with its override and reset
  /// methods, and forgets it. What was not remembered was not bound here and is left alone; a
  /// driver that somebody else gave a function meanwhile stays. A group that a process holds is
  /// refused (errc::bind_failed).
  [[nodiscard]] model::result<void> unbind();

  /// `0000:23:00.0 is on vfio-pci, 0000:23:00.1 has no driver`
  [[nodiscard]] std::string where() const;

private:
  struct look;
  enum class remembering : bool { anew, as_before };

  model::result<void> bind(remembering how);
  [[nodiscard]] model::result<void> may_bind() const;
  [[nodiscard]] model::result<look> look_at(const model::pci_function& one) const;
  model::result<void> remember(remembering how);
  model::result<void> put_back_resets(const model::pci_function& one,
                                      const std::vector<std::string>& methods);
  model::result<void> take(const model::pci_function& one);
  model::result<void> give_back(const model::pci_function& one, const kept_function& kept);
  tl::unexpected<model::failure> give_up(model::failure why,
                                         const std::vector<model::pci_function>& changed);
  model::result<void> unbind_driver(const model::pci_function& one);
  model::result<void> write(const model::pci_function& one, const std::filesystem::path& file,
                            const std::string& text, model::duration limit,
                            std::function<std::string()> waits_for = {});

  device_tools tools_;
  device_memory& memory_;
  std::vector<model::pci_function> functions_; ///< the device's own first
};

} // namespace berth::hostbackend::host_linux
