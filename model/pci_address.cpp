#include "model/pci_address.hpp"

#include <array>
#include <charconv>
#include <cstdio>

namespace berth::model {

namespace {

/// The whole of `text` as hexadecimal digits, `shortest` to `longest` of them.
std::optional<std::uint32_t> hex_number(std::string_view text, std::size_t shortest,
                                        std::size_t longest) {
  if (text.size() < shortest || text.size() > longest) {
    return std::nullopt;
  }
  std::uint32_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, 16);
  if (error != std::errc{} || stop != end) {
    return std::nullopt;
  }
  return value;
}

} // namespace

std::optional<pci_address> pci_address::parse(std::string_view text) {
  constexpr std::size_t tail_length = 7; // bb:dd.f
  if (text.size() < tail_length) {
    return std::nullopt;
  }
  std::optional<std::uint32_t> domain = 0;
  const std::string_view tail = text.substr(text.size() - tail_length);
  std::string_view head = text.substr(0, text.size() - tail_length);
  if (!head.empty()) {
    if (head.back() != ':') {
      return std::nullopt;
    }
    head.remove_suffix(1);
    domain = hex_number(head, 4, 8);
  }
  const auto bus = hex_number(tail.substr(0, 2), 2, 2);
  const auto device = hex_number(tail.substr(3, 2), 2, 2);
  const auto function = hex_number(tail.substr(6, 1), 1, 1);
  if (!domain || !bus || !device || !function || tail[2] != ':' || tail[5] != '.' || *device > 31 ||
      *function > 7) {
    return std::nullopt;
  }
  return pci_address{*domain, static_cast<std::uint8_t>(*bus), static_cast<std::uint8_t>(*device),
                     static_cast<std::uint8_t>(*function)};
}

std::string to_string(const pci_address& address) {
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "%04x:%02x:%02x.%x", address.domain, address.bus,
                address.device, address.function);
  return text.data();
}

std::string short_string(const pci_address& address) {
  std::string text = to_string(address);
  if (address.domain == 0) {
    text.erase(0, 5);
  }
  return text;
}

std::optional<vendor_device_id> vendor_device_id::parse(std::string_view text) {
  if (text.size() != 9 || text[4] != ':') {
    return std::nullopt;
  }
  const auto vendor = hex_number(text.substr(0, 4), 4, 4);
  const auto device = hex_number(text.substr(5), 4, 4);
  if (!vendor || !device) {
    return std::nullopt;
  }
  return vendor_device_id{static_cast<std::uint16_t>(*vendor), static_cast<std::uint16_t>(*device)};
}

std::string to_string(const vendor_device_id& id) {
  std::array<char, 12> text{};
  std::snprintf(text.data(), text.size(), "%04x:%04x", id.vendor, id.device);
  return text.data();
}

} // namespace berth::model
