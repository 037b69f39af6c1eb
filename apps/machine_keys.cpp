#include "apps/machine_keys.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "apps/comma_list.hpp"
#include "model/text.hpp"

namespace berth::apps {

namespace {

tl::unexpected<model::failure> misread(std::string_view key, std::string_view entry,
                                       std::string_view what, std::string_view right) {
  return model::fail(model::errc::invalid_argument,
                     fmt::format("{}: \"{}\" {}; write {}", key, entry.substr(0, 80), what, right));
}

/// Exactly four hexadecimal digits.
std::optional<std::uint16_t> four_digits(std::string_view text) {
  std::uint16_t value = 0;
  const auto* const last = text.data() + text.size();
  const auto [end, problem] = std::from_chars(text.data(), last, value, 16);
  return text.size() == 4 && problem == std::errc{} && end == last ? std::optional{value}
                                                                   : std::nullopt;
}

bool is_pattern(std::string_view text) {
  return text == "*" || model::vendor_device_id::parse(text) ||
         (text.ends_with(":*") && four_digits(text.substr(0, text.size() - 2)));
}

/// A name that libvirt and the kernel take as one: a bridge, a network.
bool is_target(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == '+';
  });
}

} // namespace

model::result<offered_devices> parse_offers(std::string_view text) {
  offered_devices offers;
  for (const auto entry : comma_list(text)) {
    if (const auto id = model::vendor_device_id::parse(entry))
      offers.ids.push_back(*id);
    else if (const auto code = four_digits(entry))
      offers.classes.push_back(*code);
    else
      return misread("devices.offer", entry, "is neither an id nor a class",
                     "VENDOR:DEVICE such as 15b3:1021, or a class such as 0108");
  }
  return offers;
}

model::result<std::vector<reset_order>> parse_resets(std::string_view text) {
  constexpr std::string_view right = "DEVICES=METHOD+METHOD, such as 10de:2330=bus+rescan, with "
                                     "10de:* or * for many";
  std::vector<reset_order> orders;
  for (const auto entry : comma_list(text)) {
    const auto equals = entry.find('=');
    if (equals == std::string_view::npos)
      return misread("devices.resets", entry, "names no method", right);
    reset_order order{std::string{trimmed(entry.substr(0, equals))}, {}};
    if (!is_pattern(order.devices))
      return misread("devices.resets", entry, "begins with no devices", right);
    for (auto rest = entry.substr(equals + 1);;) {
      const auto plus = std::min(rest.find('+'), rest.size());
      order.methods.emplace_back(trimmed(rest.substr(0, plus)));
      if (order.methods.back().empty())
        return misread("devices.resets", entry, "has a method without a name", right);
      if (plus == rest.size())
        break;
      rest.remove_prefix(plus + 1);
    }
    orders.push_back(std::move(order));
  }
  return orders;
}

model::result<std::vector<named_network>> parse_networks(std::string_view text) {
  constexpr std::string_view right =
      "NAME=bridge:BRIDGE or NAME=network:NETWORK, such as net0=bridge:br0";
  std::vector<named_network> networks;
  for (const auto entry : comma_list(text)) {
    const auto equals = std::min(entry.find('='), entry.size());
    const auto where = trimmed(entry.substr(std::min(equals + 1, entry.size())));
    const auto colon = std::min(where.find(':'), where.size());
    const auto kind = where.substr(0, colon);
    named_network network{std::string{trimmed(entry.substr(0, equals))}, kind == "bridge",
                          std::string{where.substr(std::min(colon + 1, where.size()))}};
    if (!model::is_name(network.name))
      return misread("servers.networks", entry, "begins with no name", right);
    if (!network.bridge && kind != "network")
      return misread("servers.networks", entry, "is neither a bridge nor a network", right);
    if (!is_target(network.target))
      return misread("servers.networks", entry, "names no bridge or network", right);
    if (std::any_of(networks.begin(), networks.end(),
                    [&network](const auto& other) { return other.name == network.name; }))
      return misread("servers.networks", entry, "names its network a second time", right);
    networks.push_back(std::move(network));
  }
  return networks;
}

} // namespace berth::apps
