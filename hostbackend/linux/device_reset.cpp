#include "hostbackend/linux/device_reset.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include "hostbackend/linux/device_holders.hpp"
#include "hostbackend/linux/pci_function_files.hpp"
#include "model/text.hpp"

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;
using model::errc;
using model::fail;
using model::pci_address;
using model::pci_function;
using model::result;

namespace {

// Linux: drivers/pci/pci.c, pci_reset_fn_methods.
constexpr std::array<std::string_view, 8> method_names{
    "device_specific", "acpi", "flr", "af_flr", "pm", "bus", "cxl_bus", rescan};

bool contains(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

bool resets_the_bus(std::string_view method) {
  return method == "bus" || method == "cxl_bus";
}

// --- The table -----------------------------------------------------------------------------------

bool is_pattern(std::string_view text) {
  if (text == "*" || model::vendor_device_id::parse(text))
    return true;
  return text.size() == 6 && text.ends_with(":*") &&
         model::vendor_device_id::parse(std::string{text.substr(0, 5)} + "0000");
}

bool matches(const reset_rule& rule, const model::device_info& device) {
  const auto id = to_string(device.vendor_device);
  const auto pattern = model::to_lower(rule.devices);
  const bool by_id =
      pattern == "*" || pattern == id ||
      (pattern.ends_with('*') && id.starts_with(pattern.substr(0, pattern.size() - 1)));
  return by_id && (rule.model.empty() || model::contains_ignoring_case(device.model, rule.model));
}

// --- What is safe --------------------------------------------------------------------------------

/// Every function on the bus of one of these.
std::set<pci_address> same_buses(const fs::path& sysfs,
                                 const std::vector<pci_function>& functions) {
  std::set<std::pair<std::uint32_t, std::uint8_t>> buses;
  for (const auto& one : functions)
    buses.emplace(one.address.domain, one.address.bus);
  std::set<pci_address> found;
  std::error_code unreadable; // then nothing is found, which is not safe
  for (const auto& entry : entries_of(sysfs / "bus/pci/devices", unreadable))
    if (const auto address = pci_address::parse(entry.filename().string()))
      if (buses.contains({address->domain, address->bus}))
        found.insert(*address);
  return found;
}

/// True if every function that sits in a slot of these is one of these.
bool no_stranger_in_slots(const fs::path& sysfs, const std::vector<pci_function>& functions) {
  std::set<pci_address> own;
  std::set<std::tuple<std::uint32_t, std::uint8_t, std::uint8_t>> slots;
  for (const auto& one : functions) {
    own.insert(one.address);
    slots.emplace(one.address.domain, one.address.bus, one.address.device);
  }
  const auto near = same_buses(sysfs, functions);
  if (!std::includes(near.begin(), near.end(), own.begin(), own.end()))
    return false; // gone, or sysfs cannot be read: nothing is known of the neighbours
  return std::all_of(near.begin(), near.end(), [&](const auto& one) {
    return own.contains(one) || !slots.contains({one.domain, one.bus, one.device});
  });
}

/// True if all that is on the buses of these functions is one of these; bridges never are.
bool no_stranger_on_buses(const fs::path& sysfs, const std::vector<pci_function>& functions) {
  std::set<pci_address> own;
  for (const auto& one : functions)
    own.insert(one.address);
  return same_buses(sysfs, functions) == own;
}

/// The bridges above that stay when the functions go, with the bus of each; empty if a function has
/// none.
std::set<fs::path> rescan_files(const fs::path& sysfs, const std::vector<pci_function>& functions) {
  std::set<fs::path> files;
  for (const auto& one : functions) {
    const auto above = pci_function_files{sysfs, one.address}.parent();
    if (!above)
      return {};
    const auto text = to_string(one.address);
    files.insert(pci_function_files{sysfs, *above}.path("pci_bus") /
                 text.substr(0, text.rfind(':')) / "rescan");
  }
  return files;
}

/// True if some functions are on one bus: their bus is reset through vfio.
bool share_a_bus(const std::vector<pci_function>& functions) {
  std::set<std::pair<std::uint32_t, std::uint8_t>> buses;
  for (const auto& one : functions)
    buses.emplace(one.address.domain, one.address.bus);
  return buses.size() < functions.size();
}

bool is_safe(const fs::path& sysfs, const std::vector<pci_function>& functions,
             std::string_view method) {
  if (method == rescan)
    return no_stranger_in_slots(sysfs, functions) && !rescan_files(sysfs, functions).empty();
  return !resets_the_bus(method) || no_stranger_on_buses(sysfs, functions);
}

// --- Doing it ------------------------------------------------------------------------------------

/// Everything that happens to one function, on one thread: what is overdue still puts the list
/// back when the kernel returns.
result<void> reset_one(sysfs_writer& kernel, const pci_function_files& here,
                       const pci_function& one, const std::string& method) {
  const auto failed = [&](const std::string& step, const std::error_code& answer) {
    return fail(here.present() ? errc::reset_failed : errc::device_lost,
                to_string(one.address) + ": " + step + ": " + explain(answer));
  };
  if (auto same = here.is_still(one.id); !same)
    return same;
  if (!resets_the_bus(method) && here.config_is_lost())
    return fail(errc::reset_failed, to_string(one.address) +
                                        " does not answer (its configuration space reads all "
                                        "ones), so `" +
                                        method +
                                        "` cannot reach it: try `bus`, then power-cycle it");
  const auto before = here.reset_methods();
  const bool narrow = before != std::vector{method};
  if (narrow)
    if (const auto answer = kernel.write(here.path("reset_method"), method))
      return failed("choosing reset method `" + method + "`", answer);
  const auto answer = kernel.write(here.path("reset"), "1");
  if (narrow)
    if (const auto refused = put_back_reset_methods(kernel, here.path("reset_method"), before);
        refused && !answer)
      return failed("it was reset, but its list of reset methods could not be put back", refused);
  if (answer)
    return failed("reset by `" + method + "`", answer);
  return {};
}

result<void> reset_function(const device_tools& tools, const pci_function& one,
                            const std::string& method) {
  return tools.calls->run<void>(to_string(one.address), "reset by " + method, tools.limits.reset,
                                [kernel = tools.kernel,
                                 here = pci_function_files{tools.sysfs, one.address}, one,
                                 method] { return reset_one(*kernel, here, one, method); });
}

result<void> reset_shared_bus(const device_tools& tools, const pci_function& one,
                              const std::set<pci_address>& together) {
  return tools.calls->run<void>(
      to_string(one.address), "reset of its bus", tools.limits.reset,
      [bus = tools.bus, together] { return bus->reset_bus_of(together); });
}

result<void> write_step(const device_tools& tools, const std::string& subject,
                        const std::string& what, const fs::path& file, model::duration limit) {
  return tools.calls->run<void>(
      subject, what, limit, [kernel = tools.kernel, file, subject]() -> result<void> {
        if (const auto answer = kernel->write(file, "1"))
          return fail(errc::reset_failed,
                      subject + ": writing to " + file.string() + ": " + explain(answer));
        return {};
      });
}

result<void> all_on_vfio(const device_tools& tools, const std::vector<pci_function>& functions) {
  for (const auto& one : functions) {
    const pci_function_files here{tools.sysfs, one.address};
    if (auto same = here.is_still(one.id); !same)
      return same;
    if (const auto driver = here.driver(); driver != vfio_pci)
      return fail(errc::reset_failed, to_string(one.address) + " is " +
                                          (driver.empty() ? "without a driver" : "on " + driver) +
                                          ", not on vfio-pci: it is not reset");
  }
  return {};
}

/// What does not answer would not be found again.
result<void> all_answer(const device_tools& tools, const std::vector<pci_function>& functions) {
  for (const auto& one : functions) {
    const auto address = to_string(one.address);
    auto answers = tools.calls->run<void>(
        address, "reading its configuration space", tools.limits.look,
        [here = pci_function_files{tools.sysfs, one.address}, address]() -> result<void> {
          if (here.config_is_lost())
            return fail(errc::reset_failed,
                        address + " does not answer (its configuration space reads all ones): once "
                                  "removed it would not be found again; power-cycle it");
          return {};
        });
    if (!answers)
      return answers;
  }
  return {};
}

} // namespace

result<void> check_reset_rules(const std::vector<reset_rule>& rules) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto name = "reset rule " + std::to_string(i + 1);
    if (!is_pattern(rules[i].devices))
      return fail(errc::invalid_argument,
                  name + ": `" + rules[i].devices + "` is none of `10de:2330`, `10de:*`, `*`");
    if (rules[i].methods.empty())
      return fail(errc::invalid_argument, name + " names no method");
    std::set<std::string> seen;
    for (const auto& method : rules[i].methods) {
      if (std::find(method_names.begin(), method_names.end(), method) == method_names.end()) {
        const auto near = model::nearest_name(method, std::span{method_names});
        return fail(errc::invalid_argument,
                    name + ": unknown reset method `" + method + "`" +
                        (near ? ", did you mean `" + std::string{*near} + "`?" : ""));
      }
      if (!seen.insert(method).second)
        return fail(errc::invalid_argument, name + " names `" + method + "` twice");
    }
  }
  return {};
}

std::vector<std::string> offered_resets(const fs::path& sysfs, const model::device_info& device,
                                        const std::vector<std::string>& by_kernel,
                                        const std::vector<reset_rule>& rules) {
  const auto functions = functions_of(device);
  auto available = by_kernel;
  if (share_a_bus(functions) && !contains(available, "bus"))
    available.emplace_back("bus"); // through vfio
  available.emplace_back(rescan);
  const auto rule = std::find_if(rules.begin(), rules.end(),
                                 [&](const auto& one) { return matches(one, device); });
  auto methods = rule != rules.end() ? rule->methods : available;
  std::erase_if(methods, [&](const auto& one) {
    return !contains(available, one) || !is_safe(sysfs, functions, one);
  });
  return methods;
}

result<void> reset_functions(const device_tools& tools, const model::device_info& device,
                             const std::string& method) {
  const auto functions = functions_of(device);
  if (auto ours = all_on_vfio(tools, functions); !ours)
    return ours;
  if (auto free = not_held(tools, functions, errc::reset_failed); !free)
    return free;
  if (!is_safe(tools.sysfs, functions, method))
    return fail(errc::reset_failed, to_string(device.address) + ": reset by `" + method +
                                        "` would also reset a function that is not the device's");
  std::set<pci_address> done; // with their whole bus
  for (const auto& one : functions) {
    if (done.contains(one.address))
      continue;
    const auto together = same_buses(tools.sysfs, {one});
    const bool shared = method == "bus" && together.size() > 1;
    if (shared)
      done.insert(together.begin(), together.end());
    else if (one.address != device.address &&
             !contains(pci_function_files{tools.sysfs, one.address}.reset_methods(), method))
      continue;
    if (auto reset =
            shared ? reset_shared_bus(tools, one, together) : reset_function(tools, one, method);
        !reset)
      return reset;
  }
  return {};
}

result<void> remove_and_rescan(const device_tools& tools, vfio_unit& unit,
                               const model::device_info& device) {
  const auto functions = functions_of(device);
  if (auto ours = all_on_vfio(tools, functions); !ours)
    return ours;
  if (auto free = not_held(tools, functions, errc::reset_failed); !free)
    return free;
  if (!is_safe(tools.sysfs, functions, rescan))
    return fail(errc::reset_failed, to_string(device.address) +
                                        " cannot be removed and found again: its slot holds a "
                                        "function that is not the device's, or no bridge is "
                                        "above it");
  if (auto alive = all_answer(tools, functions); !alive)
    return alive;
  const auto searches = rescan_files(tools.sysfs, functions); // known only while they are there
  result<void> removed;
  for (auto one = functions.rbegin(); removed && one != functions.rend(); ++one)
    removed = write_step(tools, to_string(one->address), "removing it from the bus",
                         pci_function_files{tools.sysfs, one->address}.path("remove"),
                         tools.limits.rescan);
  if (!removed && removed.error().code == errc::outcome_unknown)
    return removed;
  // Also after a failure: what is gone already shall come back.
  for (const auto& file : searches)
    if (auto found = write_step(tools, to_string(device.address), "searching its bus", file,
                                tools.limits.rescan);
        !found)
      return found;
  auto bound = unit.bind_again();
  if (removed)
    return bound;
  if (!bound)
    removed.error().message += "; and then: " + bound.error().message;
  return removed;
}

} // namespace berth::hostbackend::host_linux
