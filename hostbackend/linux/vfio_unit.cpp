#include "hostbackend/linux/vfio_unit.hpp"

#include <map>
#include <set>
#include <system_error>
#include <utility>

#include "hostbackend/linux/device_holders.hpp"
#include "hostbackend/linux/pci_function_files.hpp"
#include "hostbackend/linux/sysfs_reader.hpp"
#include "model/text.hpp"

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;
using model::errc;
using model::fail;
using model::pci_function;
using model::result;

namespace {

/// `/sys/bus/pci/drivers/NAME`
fs::path driver_directory(const device_tools& tools, const std::string& driver) {
  return tools.sysfs / "bus/pci/drivers" / driver;
}

bool has_driver(const device_tools& tools, const std::string& driver) {
  std::error_code ignored;
  return fs::exists(driver_directory(tools, driver), ignored);
}

/// Why a driver does not let go of a function whose files these are.
std::string who_holds(const fs::path& procfs, const std::set<std::string>& files,
                      const std::string& driver, const fs::path& directory) {
  const auto holders = find_holders(procfs, files);
  if (!holders)
    return holders.error().message;
  if (!holders->empty())
    return "it is held: " + describe(*holders);
  const auto users = read_text(directory / "module/refcnt");
  return "no process has its files open" +
         (users.empty() ? std::string{}
                        : "; the module of " + driver + " has " + users + " users") +
         "; the kernel's log may say what it waits for";
}

} // namespace

/// How a function is now.
struct vfio_unit::look {
  kept_function now;
  [[nodiscard]] bool looks_taken() const {
    return now.driver == vfio_pci || now.driver_override == vfio_pci;
  }
};

vfio_unit::vfio_unit(device_tools tools, device_memory& memory, const model::device_info& device)
    : vfio_unit{std::move(tools), memory, functions_of(device)} {}

vfio_unit::vfio_unit(device_tools tools, device_memory& memory, std::vector<pci_function> functions)
    : tools_{std::move(tools)}, memory_{memory}, functions_{std::move(functions)} {}

result<void> vfio_unit::bind() {
  return bind(remembering::anew);
}

result<void> vfio_unit::bind_again() {
  return bind(remembering::as_before);
}

result<void> vfio_unit::bind(remembering how) {
  if (auto good = may_bind(); !good)
    return good;
  if (auto kept = remember(how); !kept)
    return kept;
  std::vector<pci_function> changed;
  for (const auto& one : functions_) {
    if (pci_function_files{tools_.sysfs, one.address}.driver() == vfio_pci)
      continue;
    changed.push_back(one);
    if (auto taken = take(one); !taken)
      return give_up(std::move(taken.error()), changed);
  }
  return {};
}

result<void> vfio_unit::may_bind() const {
  if (functions_.empty())
    return fail(errc::bind_failed, "a bridge cannot be given to a server");
  std::vector<pci_function> on_host; // and to be taken from their drivers
  for (const auto& one : functions_) {
    const pci_function_files here{tools_.sysfs, one.address};
    if (auto same = here.is_still(one.id); !same)
      return same;
    if (here.driver() != vfio_pci)
      on_host.push_back(one);
  }
  if (on_host.empty())
    return {};
  if (!has_driver(tools_, vfio_pci))
    return fail(errc::bind_failed, to_string(functions_.front().address) +
                                       ": the kernel has no driver vfio-pci: modprobe vfio-pci");
  const auto holders = find_holders(tools_.procfs, driver_files(tools_, on_host));
  if (!holders)
    return tl::unexpected<model::failure>{holders.error()};
  if (!holders->empty())
    return fail(errc::bind_failed, to_string(functions_.front().address) +
                                       " is in use on the host: " + describe(*holders) +
                                       "; stop that first");
  return {};
}

result<vfio_unit::look> vfio_unit::look_at(const pci_function& one) const {
  const auto address = to_string(one.address);
  return tools_.calls->run<look>(
      address, "looking at its driver", tools_.limits.look,
      [here = pci_function_files{tools_.sysfs, one.address}, id = one.id,
       address]() -> result<look> {
        if (auto same = here.is_still(id); !same)
          return tl::unexpected<model::failure>{std::move(same.error())};
        look seen{{id, here.driver(), here.driver_override(), here.reset_methods()}};
        for (const auto& name : {seen.now.driver, seen.now.driver_override})
          if (!name.empty() && !model::is_name(name, 64))
            return fail(errc::bind_failed, address + ": `" + name +
                                               "` is no driver's name that could be "
                                               "remembered; unbind it by hand");
        return seen;
      });
}

/// Puts on disk how the functions are before the first of them is changed. What is remembered of a
/// function that is ours already stays.
result<void> vfio_unit::remember(remembering how) {
  std::map<model::pci_address, kept_function> fresh;
  for (const auto& one : functions_) {
    auto seen = look_at(one);
    if (!seen)
      return tl::unexpected<model::failure>{std::move(seen.error())};
    const auto kept = memory_.function(one.address);
    const bool keep =
        kept && kept->id == one.id && (seen->looks_taken() || how == remembering::as_before);
    if (!keep)
      fresh.emplace(one.address, std::move(seen->now));
    else if (is_narrowed(seen->now.reset_methods, kept->reset_methods))
      if (auto restored = put_back_resets(one, kept->reset_methods); !restored)
        return restored;
  }
  return memory_.keep_functions(fresh);
}

/// After a crash in the middle of a reset.
result<void> vfio_unit::put_back_resets(const pci_function& one,
                                        const std::vector<std::string>& methods) {
  const auto address = to_string(one.address);
  const auto file = pci_function_files{tools_.sysfs, one.address}.path("reset_method");
  return tools_.calls->run<void>(
      address, "writing to reset_method", tools_.limits.write,
      [kernel = tools_.kernel, address, file, methods]() -> result<void> {
        if (const auto answer = put_back_reset_methods(*kernel, file, methods))
          return fail(errc::bind_failed, address +
                                             ": its list of reset methods could not be put "
                                             "back: " +
                                             explain(answer));
        return {};
      });
}

result<void> vfio_unit::take(const pci_function& one) {
  const pci_function_files here{tools_.sysfs, one.address};
  if (auto named = write(one, here.path("driver_override"), vfio_pci, tools_.limits.write); !named)
    return named;
  if (!here.driver().empty())
    if (auto freed = unbind_driver(one); !freed)
      return freed;
  if (auto probed = write(one, tools_.sysfs / "bus/pci/drivers_probe", to_string(one.address),
                          tools_.limits.write);
      !probed)
    return probed;
  if (here.driver() != vfio_pci)
    return fail(errc::bind_failed, to_string(one.address) +
                                       ": vfio-pci did not take it; the kernel's log says why "
                                       "(often: no IOMMU group, or Secure Boot lockdown)");
  return {};
}

/// Takes back what bind() changed, as far as that can be known.
tl::unexpected<model::failure> vfio_unit::give_up(model::failure why,
                                                  const std::vector<pci_function>& changed) {
  if (why.code == errc::outcome_unknown) {
    why.message += "; nothing else was changed after that: " + where();
    return tl::unexpected<model::failure>{std::move(why)};
  }
  for (auto one = changed.rbegin(); one != changed.rend(); ++one)
    if (const auto kept = memory_.function(one->address))
      if (auto back = give_back(*one, *kept); !back)
        why.message += "; not taken back: " + back.error().message;
  why.message += "; now " + where();
  return tl::unexpected<model::failure>{std::move(why)};
}

result<void> vfio_unit::unbind() {
  std::vector<std::pair<pci_function, kept_function>> ours;
  for (const auto& one : functions_)
    if (auto kept = memory_.function(one.address); kept && kept->id == one.id)
      ours.emplace_back(one, std::move(*kept));
  if (ours.empty())
    return {};
  if (auto free = not_held(tools_, functions_, errc::bind_failed); !free)
    return free;
  std::vector<model::pci_address> done;
  for (const auto& [one, kept] : ours) {
    if (auto back = give_back(one, kept); !back) {
      auto why = std::move(back.error());
      why.message += "; now " + where();
      return tl::unexpected<model::failure>{std::move(why)};
    }
    done.push_back(one.address);
  }
  return memory_.forget_functions(done);
}

/// Safe to repeat after any part of it.
result<void> vfio_unit::give_back(const pci_function& one, const kept_function& kept) {
  const auto seen = look_at(one);
  if (!seen)
    return tl::unexpected<model::failure>{seen.error()};
  if (is_narrowed(seen->now.reset_methods, kept.reset_methods))
    if (auto restored = put_back_resets(one, kept.reset_methods); !restored)
      return restored;
  const pci_function_files here{tools_.sysfs, one.address};
  const auto before = kept.driver_override.empty() ? std::string{"\n"} : kept.driver_override;
  if (seen->now.driver_override == vfio_pci)
    if (auto named = write(one, here.path("driver_override"), before, tools_.limits.write); !named)
      return named;
  if (here.driver() == vfio_pci && kept.driver != vfio_pci)
    if (auto freed = unbind_driver(one); !freed)
      return freed;
  if (kept.driver.empty() || !here.driver().empty())
    return {};
  if (!has_driver(tools_, kept.driver))
    return fail(errc::bind_failed, to_string(one.address) + ": its driver " + kept.driver +
                                       " is not loaded any more: modprobe it, then try again");
  if (auto bound = write(one, driver_directory(tools_, kept.driver) / "bind",
                         to_string(one.address), tools_.limits.write);
      !bound)
    return bound;
  if (here.driver() != kept.driver)
    return fail(errc::bind_failed, to_string(one.address) + ": " + kept.driver +
                                       " did not take it back; the kernel's log says why");
  return {};
}

/// A driver may wait for its users for ever: who they are is in the failure, and in that of every
/// operation that is refused meanwhile.
result<void> vfio_unit::unbind_driver(const pci_function& one) {
  const pci_function_files here{tools_.sysfs, one.address};
  const auto driver = here.driver();
  auto files = driver_files(tools_, {one}); // while the driver still lists them
  files.merge(vfio_files(tools_.sysfs, {one}));
  auto done =
      write(one, here.path("driver") / "unbind", to_string(one.address), tools_.limits.unbind,
            [procfs = tools_.procfs, files = std::move(files), driver,
             directory = driver_directory(tools_, driver)] {
              return who_holds(procfs, files, driver, directory);
            });
  if (done && here.driver() == driver)
    return fail(errc::bind_failed,
                to_string(one.address) + ": " + driver + " did not let go of it");
  return done;
}

/// One write to a function that is still the one that was meant.
result<void> vfio_unit::write(const pci_function& one, const fs::path& file,
                              const std::string& text, model::duration limit,
                              std::function<std::string()> waits_for) {
  const auto address = to_string(one.address);
  return tools_.calls->run<void>(
      address, "writing to " + file.filename().string(), limit,
      [here = pci_function_files{tools_.sysfs, one.address}, kernel = tools_.kernel, id = one.id,
       address, file, text]() -> result<void> {
        if (auto same = here.is_still(id); !same)
          return same;
        if (const auto answer = kernel->write(file, text))
          return fail(here.present() ? errc::bind_failed : errc::device_lost,
                      address + ": writing to " + file.string() + ": " + explain(answer));
        return {};
      },
      std::move(waits_for));
}

std::string vfio_unit::where() const {
  std::string text;
  for (const auto& one : functions_) {
    const pci_function_files here{tools_.sysfs, one.address};
    const auto driver = here.driver();
    text += (text.empty() ? "" : ", ") + to_string(one.address) +
            (!here.present()  ? " is gone"
             : driver.empty() ? " has no driver"
                              : " is on " + driver);
  }
  return text;
}

} // namespace berth::hostbackend::host_linux
