#include "apps/host_devices.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <ostream>
#include <set>
#include <system_error>
#include <utility>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>
#include <fmt/format.h>

#include "hostbackend/linux/device_memory.hpp"
#include "hostbackend/linux/libvirt_servers.hpp"
#include "model/pci_address.hpp"

namespace berth::apps {

namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;
using namespace hostbackend::host_linux;
using model::errc;
using model::fail;
using model::pci_address;
using model::result;

enum class status : int { done = 0, not_all = 1, usage = 2, cannot = 3 };

constexpr const char* release_usage =
    "usage: berth-host release [--config FILE] [ADDRESS...]\n"
    "\n"
    "Gives devices that berth took back to the drivers that they had before: those at the PCI\n"
    "addresses, or all. For a host that leaves berth. The agent must not run; one that starts\n"
    "later takes again what its configuration offers. A device that a process holds, or a server\n"
    "is defined with, is left as it is.\n"
    "\n"
    "  --config FILE  the agent's settings (/etc/berth/host.yaml)\n"
    "\n"
    "Ends with 0 if all were given back, 1 if not, 2 for a wrong command line, 3 if it could not\n"
    "be tried: the agent runs, or the state file or libvirt cannot be read.\n";

constexpr const char* accept_usage =
    "usage: berth-host accept [--config FILE] ADDRESS...\n"
    "\n"
    "Accepts how the devices at the PCI addresses are now, after their firmware, slot or BAR "
    "sizes\n"
    "were changed on purpose: forgets their baselines and prints them. The agent must not run;\n"
    "its next start takes new ones.\n"
    "\n"
    "  --config FILE  the agent's settings (/etc/berth/host.yaml)\n"
    "\n"
    "Ends with 0 if done, 2 for a wrong command line, 3 if it could not be tried: the agent runs,\n"
    "or the state file cannot be read.\n";

struct command {
  std::string name; ///< `berth-host release`
  const char* usage;
  std::ostream& out;
  std::ostream& err;

  [[nodiscard]] int ends(status how) const { return static_cast<int>(how); }
  [[nodiscard]] int ends(status how, const std::string& why) const {
    err << name << ": " << why << "\n";
    return ends(how);
  }
};

struct wish {
  bool help = false;
  host_config config;
  std::set<pci_address> addresses;
};

result<std::set<pci_address>> parse_addresses(const std::vector<std::string>& words) {
  std::set<pci_address> addresses;
  for (const auto& word : words) {
    const auto address = pci_address::parse(word);
    if (!address)
      return fail(errc::invalid_argument, "`" + word + "` is no PCI address such as 0000:41:00.0");
    addresses.insert(*address);
  }
  return addresses;
}

result<host_config> read_config(const po::variables_map& given) {
  std::vector<const char*> words{"berth-host"};
  if (given.count("config") > 0)
    words.insert(words.end(), {"--config", given["config"].as<std::string>().c_str()});
  auto asked = read_host_arguments(static_cast<int>(words.size()), words.data());
  if (!asked)
    return tl::unexpected{std::move(asked.error())};
  return std::move(asked->config);
}

result<wish> parse(const std::vector<std::string>& arguments) {
  po::options_description known;
  known.add_options()("help", "")("config", po::value<std::string>(),
                                  "")("address", po::value<std::vector<std::string>>(), "");
  const auto positions = po::positional_options_description{}.add("address", -1);
  po::variables_map given;
  try {
    po::store(po::command_line_parser(arguments).options(known).positional(positions).run(), given);
  } catch (const po::error& problem) {
    return fail(errc::invalid_argument, std::string{problem.what()} + "; see --help");
  }
  wish what;
  what.help = given.count("help") > 0;
  if (what.help)
    return what;
  if (given.count("address") > 0) {
    auto addresses = parse_addresses(given["address"].as<std::vector<std::string>>());
    if (!addresses)
      return tl::unexpected{std::move(addresses.error())};
    what.addresses = std::move(*addresses);
  }
  auto config = read_config(given);
  if (!config)
    return tl::unexpected{std::move(config.error())};
  what.config = std::move(*config);
  return what;
}

/// The memory of an agent that does not run, for as long as it is held. An agent that never was
/// here is a failure: the configuration may be the wrong one.
result<std::unique_ptr<device_memory>> open_memory(const host_config& config) {
  const auto file = devices_file(config);
  std::error_code error;
  const bool present = fs::exists(file, error);
  if (error)
    return fail(errc::store_failed, file.string() + " cannot be read: " + error.message());
  if (!present)
    return fail(errc::not_found, file.string() +
                                     " does not exist: no agent with this configuration has had "
                                     "devices here; is state_dir right?");
  return device_memory::open(file);
}

template <class Container, class Text> std::string list_of(const Container& all, const Text& text) {
  std::string list;
  for (const auto& one : all)
    list += (list.empty() ? "" : ", ") + text(one);
  return list.empty() ? "none" : list;
}

/// Those with a function at one of the addresses; all, if there are none.
result<std::vector<taken_device>> choose(std::vector<taken_device> taken,
                                         const std::set<pci_address>& addresses) {
  const auto has = [](const taken_device& device, const pci_address& address) {
    return std::any_of(device.begin(), device.end(),
                       [&](const auto& one) { return one.address == address; });
  };
  for (const auto& address : addresses)
    if (std::none_of(taken.begin(), taken.end(),
                     [&](const auto& device) { return has(device, address); }))
      return fail(errc::not_found, to_string(address) + " was not taken by berth; taken: " +
                                       list_of(taken, [](const auto& device) {
                                         return to_string(device.front().address);
                                       }));
  if (!addresses.empty())
    std::erase_if(taken, [&](const auto& device) {
      return std::none_of(addresses.begin(), addresses.end(),
                          [&](const auto& address) { return has(device, address); });
    });
  return taken;
}

int release(const command& run, const wish& what, const device_doors& doors) {
  const auto memory = open_memory(what.config);
  if (!memory)
    return run.ends(status::cannot, memory.error().message);
  const auto devices = choose(taken_devices((*memory)->all()), what.addresses);
  if (!devices)
    return run.ends(status::usage, devices.error().message);
  if (devices->empty()) {
    run.out << "no device is taken from the host's drivers\n";
    return run.ends(status::done);
  }
  const auto users = doors.users(what.config.servers_libvirt);
  if (!users)
    return run.ends(status::cannot, "which servers are defined cannot be seen: " +
                                        users.error().message + "; start libvirt for it");
  bool all = true;
  for (const auto& device : *devices) {
    const auto back = give_back(doors.tools, **memory, device, *users);
    all = all && back.has_value();
    run.out << to_string(device.front().address) << "  "
            << (back ? "given back: " + *back : "not given back: " + back.error().message) << "\n";
  }
  return run.ends(all ? status::done : status::not_all);
}

std::string baseline_text(const device_baseline& one) {
  return fmt::format("{} class {:06x}, link {}x{}, BARs {}", to_string(one.id), one.class_code,
                     one.link.generation, one.link.width,
                     list_of(one.bar_sizes, [](auto size) { return std::to_string(size); }));
}

int accept(const command& run, const wish& what) {
  if (what.addresses.empty())
    return run.ends(status::usage, "name the PCI address of each device; see --help");
  const auto memory = open_memory(what.config);
  if (!memory)
    return run.ends(status::cannot, memory.error().message);
  const auto known = (*memory)->all().baselines;
  for (const auto& address : what.addresses)
    if (!known.contains(address))
      return run.ends(status::usage,
                      to_string(address) + " has no baseline; there are: " +
                          list_of(known, [](const auto& one) { return to_string(one.first); }));
  if (auto done = (*memory)->forget_baselines({what.addresses.begin(), what.addresses.end()});
      !done)
    return run.ends(status::cannot, done.error().message);
  for (const auto& address : what.addresses)
    run.out << to_string(address) << "  baseline forgotten: " << baseline_text(known.at(address))
            << "\n";
  return run.ends(status::done);
}

int obey(const command& run, const std::vector<std::string>& arguments,
         const std::function<int(const wish&)>& work) {
  const auto what = parse(arguments);
  if (!what)
    return run.ends(status::usage, what.error().message);
  if (!what->help)
    return work(*what);
  run.out << run.usage;
  return run.ends(status::done);
}

} // namespace

model::result<function_users> device_doors::ask_libvirt(const std::string& uri) {
  return functions_of_servers(uri, std::chrono::seconds{30});
}

int run_host_release(const std::vector<std::string>& arguments, std::ostream& out,
                     std::ostream& err, const device_doors& doors) {
  const command run{"berth-host release", release_usage, out, err};
  return obey(run, arguments, [&](const wish& what) { return release(run, what, doors); });
}

int run_host_accept(const std::vector<std::string>& arguments, std::ostream& out,
                    std::ostream& err) {
  const command run{"berth-host accept", accept_usage, out, err};
  return obey(run, arguments, [&](const wish& what) { return accept(run, what); });
}

fs::path devices_file(const host_config& config) {
  return fs::path{config.state_dir} / "devices";
}

} // namespace berth::apps
