#include "apps/config.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <utility>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include "apps/capacity_shapes.hpp"
#include "apps/config_keys.hpp"
#include "apps/config_reader.hpp"
#include "apps/machine_keys.hpp"
#include "apps/scheduler_pools.hpp"
#include "model/text.hpp"
#include "scheduler/scheduler.hpp"

namespace berth::apps {
namespace {

using model::errc;
using model::fail;
using model::result;

/// What differs between the programs besides their keys.
template <class Config> struct program_traits;
template <> struct program_traits<controller_config> {
  static constexpr std::string_view program = "berth-controller";
  static constexpr const char* default_file = "/etc/berth/controller.yaml";
  static auto keys() { return controller_keys(); }
};
template <> struct program_traits<host_config> {
  static constexpr std::string_view program = "berth-host";
  static constexpr const char* default_file = "/etc/berth/host.yaml";
  static auto keys() { return host_keys(); }
};

template <class Config>
result<void> apply(std::span<const config_key<Config>> keys,
                   const std::vector<raw_setting>& settings, Config& config) {
  for (const auto& setting : settings) {
    const auto& key = keys[setting.key];
    auto value = convert(key.rule, setting.text);
    if (!value)
      return fail(value.error().code, fmt::format("{} {}", setting.where, value.error().message),
                  {{"key", std::string{key.name}}});
    std::visit(
        [&](auto member) {
          using T = std::decay_t<decltype(config.*member)>;
          config.*member = std::get<T>(std::move(*value));
        },
        key.where);
  }
  return {};
}

bool is_loopback(std::string_view address) {
  const auto host = address.substr(0, address.rfind(':'));
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

tl::unexpected<model::failure> wrong(std::string message) {
  return fail(errc::invalid_argument, std::move(message));
}

result<void> check_shapes(const controller_config& c) {
  if (auto shapes = parse_capacity_shapes(c.capacity_shapes); !shapes)
    return tl::unexpected{std::move(shapes.error())};
  return {};
}

result<void> check_policy(const std::string& where, const std::string& name) {
  if (scheduler::find_policy(name) != nullptr)
    return {};
  const auto names = scheduler::policy_names();
  const std::vector<std::string> known{names.begin(), names.end()};
  const auto nearest = model::nearest_name(name, std::span<const std::string>{known});
  return wrong(fmt::format("{} is \"{}\", which there is not{}: must be one of {}", where, name,
                           nearest ? fmt::format(" (did you mean {}?)", *nearest) : std::string{},
                           fmt::join(known, ", ")));
}

/// What must hold between the keys.
result<void> check(const controller_config& c) {
  if (c.listen.empty())
    return wrong("listen must be an address and port such as 127.0.0.1:8750");
  if (c.tls_certificate.empty() != c.tls_key.empty())
    return wrong("tls.certificate and tls.key go together: give both or none");
  if (!c.tls_client_ca.empty() && c.tls_certificate.empty())
    return wrong("tls.client_ca needs tls.certificate and tls.key");
  if (!is_loopback(c.listen) && (c.tls_certificate.empty() || c.token_file.empty()))
    return wrong(fmt::format("listen is {}, which others can reach: that needs tls.certificate, "
                             "tls.key and token_file; or listen on 127.0.0.1",
                             c.listen));
  if (c.store_kind == "sqlite" && c.store_path.empty())
    return wrong("store.path must name a file when store.kind is sqlite");
  if (c.hosts_lease < 3 * c.hosts_heartbeat_interval)
    return wrong(fmt::format("hosts.lease is {} ms, less than three times "
                             "hosts.heartbeat_interval ({} ms): one late heartbeat would take a "
                             "host offline",
                             c.hosts_lease.count(), c.hosts_heartbeat_interval.count()));
  const auto pools = parse_pools(c.scheduler_pools);
  if (!pools)
    return tl::unexpected{pools.error()};
  if (auto known = check_policy("scheduler.policy", c.scheduler_policy); !known)
    return known;
  for (const auto& [project, pool] : *pools)
    if (auto known = check_policy("scheduler.pools: the policy of " + project, pool.policy); !known)
      return known;
  return check_shapes(c);
}

result<void> check(const host_config& c) {
  if (c.controller.empty())
    return wrong("controller must be an address and port such as 127.0.0.1:8750");
  if (c.tls_certificate.empty() != c.tls_key.empty())
    return wrong("tls.certificate and tls.key go together: give both or none");
  if (!is_loopback(c.controller) && (c.tls_certificate.empty() || c.tls_ca.empty()))
    return wrong(fmt::format("controller is {}, on another machine: that needs tls.certificate, "
                             "tls.key and tls.ca",
                             c.controller));
  if (c.state_dir.empty())
    return wrong("state_dir must name a directory: device epochs are remembered there");
  if (c.reconnect_delay_max < c.reconnect_delay_min)
    return wrong("reconnect.delay_max must be at least reconnect.delay_min");
  if (c.servers_image_pool == c.servers_disk_pool)
    return wrong("servers.image_pool must be another pool than servers.disk_pool: a server could "
                 "start from another's disk");
  if (auto read = parse_offers(c.devices_offer); !read)
    return tl::unexpected{std::move(read.error())};
  if (auto read = parse_resets(c.devices_resets); !read)
    return tl::unexpected{std::move(read.error())};
  if (auto read = parse_networks(c.servers_networks); !read)
    return tl::unexpected{std::move(read.error())};
  const bool machine = !c.simulated_machine.empty();
  const bool inventory = !c.simulated_inventory.empty();
  if (c.simulated && machine == inventory)
    return wrong("simulated.enabled needs either simulated.machine or simulated.inventory");
  if (!c.simulated && (machine || inventory || !c.simulated_faults.empty()))
    return wrong("the simulated section has no effect unless simulated.enabled is true");
  return {};
}

void complete(controller_config& /*config*/) {}

void complete(host_config& config) {
  if (!config.name.empty())
    return;
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) == 0)
    config.name = name.data();
}

result<std::string> read_file(const std::string& file) {
  constexpr std::uintmax_t size_max = 1U << 20U;
  std::ifstream in{file, std::ios::binary};
  std::error_code problem;
  if (!in || std::filesystem::is_directory(file, problem))
    return fail(
        errc::invalid_argument,
        fmt::format("{}: cannot be read: {}", file, in ? "is a directory" : std::strerror(errno)),
        {{"file", file}});
  std::string text{std::istreambuf_iterator<char>{in}, {}};
  if (text.size() > size_max)
    return fail(errc::too_large, fmt::format("{}: larger than 1 MiB", file), {{"file", file}});
  return text;
}

template <class Config>
result<Config> load(const std::vector<raw_setting>& from_file,
                    const std::vector<raw_setting>& from_flags) {
  const auto keys = program_traits<Config>::keys();
  Config config;
  if (auto done = apply(keys, from_file, config); !done)
    return tl::unexpected{done.error()};
  if (auto done = apply(keys, from_flags, config); !done)
    return tl::unexpected{done.error()};
  complete(config);
  if (auto done = check(config); !done)
    return tl::unexpected{done.error()};
  return config;
}

template <class Config> result<Config> parse(std::string_view text, std::string_view file) {
  const auto keys = describe(program_traits<Config>::keys());
  auto settings = read_yaml(text, file, keys);
  if (!settings)
    return tl::unexpected{settings.error()};
  auto config = load<Config>(*settings, {});
  if (!config)
    // A fault between keys has no line of its own.
    if (auto& failure = config.error(); !failure.message.starts_with(file))
      failure.message = fmt::format("{}: {}", file, failure.message);
  return config;
}

template <class Config> std::string print(const Config& config) {
  std::string out;
  std::string_view open;
  for (const auto& key : program_traits<Config>::keys()) {
    const auto dot = key.name.find('.');
    const auto section =
        dot == std::string_view::npos ? std::string_view{} : key.name.substr(0, dot);
    if (section != open && !section.empty())
      out += fmt::format("{}:\n", section);
    open = section;
    auto text = value_text(key, config);
    if (text.empty() && value_text(key, Config{}).empty())
      continue; // unset, as by default
    const bool quote = key.rule.kind == value_kind::text || key.rule.kind == value_kind::path ||
                       key.rule.kind == value_kind::address;
    if (quote) {
      std::string escaped;
      for (const char c : text)
        escaped += c == '\'' ? std::string{"''"} : std::string{c};
      text = fmt::format("'{}'", escaped);
    }
    out += fmt::format("{}{}: {}\n", section.empty() ? "" : "  ",
                       section.empty() ? key.name : key.name.substr(dot + 1), text);
  }
  return out;
}

template <class Config>
result<start_request<Config>> read_arguments(int argc, const char* const* argv) {
  using traits = program_traits<Config>;
  const auto keys = describe(traits::keys());
  auto flags = read_flags(argc, argv, keys);
  if (!flags)
    return tl::unexpected{flags.error()};
  if (flags->help)
    return start_request<Config>{{}, flags_help(traits::program, traits::default_file, keys)};
  if (flags->version)
    return start_request<Config>{{}, fmt::format("{} {}\n", traits::program, version())};

  std::vector<raw_setting> from_file;
  std::string file = flags->config_file;
  std::error_code ignored;
  if (file.empty() && std::filesystem::exists(traits::default_file, ignored))
    file = traits::default_file;
  if (!file.empty()) {
    auto text = read_file(file);
    if (!text)
      return tl::unexpected{text.error()};
    auto settings = read_yaml(*text, file, keys);
    if (!settings)
      return tl::unexpected{settings.error()};
    from_file = std::move(*settings);
  }
  auto config = load<Config>(from_file, flags->settings);
  if (!config)
    return tl::unexpected{config.error()};
  if (flags->check)
    return start_request<Config>{std::move(*config), "the configuration is good\n"};
  if (flags->print_config) {
    auto text = print(*config);
    return start_request<Config>{std::move(*config), std::move(text)};
  }
  return start_request<Config>{std::move(*config), {}};
}

} // namespace

result<start_request<controller_config>> read_controller_arguments(int argc,
                                                                   const char* const* argv) {
  return read_arguments<controller_config>(argc, argv);
}
result<start_request<host_config>> read_host_arguments(int argc, const char* const* argv) {
  return read_arguments<host_config>(argc, argv);
}
result<controller_config> parse_controller_config(std::string_view text, std::string_view file) {
  return parse<controller_config>(text, file);
}
result<host_config> parse_host_config(std::string_view text, std::string_view file) {
  return parse<host_config>(text, file);
}
std::string to_yaml(const controller_config& config) {
  return print(config);
}
std::string to_yaml(const host_config& config) {
  return print(config);
}

std::string for_host(std::string_view pattern, std::string_view host) {
  constexpr std::string_view mark = "{host}";
  std::string out;
  for (auto at = pattern.find(mark); at != std::string_view::npos; at = pattern.find(mark)) {
    out += pattern.substr(0, at);
    out += host;
    pattern.remove_prefix(at + mark.size());
  }
  return out += pattern;
}

std::string_view version() {
  return BERTH_VERSION;
}

} // namespace berth::apps
