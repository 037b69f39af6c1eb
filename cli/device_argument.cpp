#include "cli/device_argument.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "model/text.hpp"

namespace berth::cli {
namespace {

using model::device_request;
using model::device_selector;

/// Device types of Cloudpods that are not whole cards; naming one is a mistake, not a model.
constexpr std::array<std::string_view, 8> foreign_types{
    "USB", "NIC", "NVME-PT", "SRIOV-VGPU", "LEGACY-VGPU", "NETINT", "NPU", "BINDER"};

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' '))
    text.remove_prefix(1);
  while (text.ends_with(' '))
    text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> out;
  for (;;) {
    const auto end = text.find(at);
    out.push_back(trimmed(text.substr(0, end)));
    if (end == std::string_view::npos)
      return out;
    text.remove_prefix(end + 1);
  }
}

/// Takes `4x` off the front.
std::optional<std::int32_t> take_count(std::string_view& text) {
  std::int32_t count = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), count);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (problem != std::errc{} || digits + 1 >= text.size() ||
      (text[digits] != 'x' && text[digits] != 'X') || text.front() == '-')
    return std::nullopt;
  text = trimmed(text.substr(digits + 1));
  return count;
}

bool is_hex4(std::string_view text) {
  return text.size() == 4 &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isxdigit(c) != 0; });
}

tl::unexpected<fault> wrong(std::string_view text, std::string_view why) {
  return misuse(fmt::format("--isolated-device \"{}\": {}", text, why));
}

/// Sets `field` once.
template <class Field, class Value> bool set_once(Field& field, Value&& value, bool already_set) {
  if (already_set)
    return false;
  field = std::forward<Value>(value);
  return true;
}

result<device_selector> parse_selector(std::string_view part, std::string_view whole) {
  device_selector out;
  const auto pieces = split(part, ':');
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto piece = pieces[i];
    bool fresh = true;
    if (piece.empty())
      return wrong(whole, "a piece between colons is empty");
    if (i + 1 < pieces.size() && is_hex4(piece) && is_hex4(pieces[i + 1])) {
      fresh = set_once(out.vendor_device,
                       model::vendor_device_id::parse(fmt::format("{}:{}", piece, pieces[i + 1])),
                       out.vendor_device.has_value());
      ++i;
    } else if (const auto type = model::parse_dev_type(piece)) {
      fresh = set_once(out.type, type, out.type.has_value());
    } else if (piece.starts_with("vendor=")) {
      fresh = set_once(out.vendor, piece.substr(7), !out.vendor.empty());
    } else if (piece.starts_with("model=")) {
      fresh = set_once(out.model, piece.substr(6), !out.model.empty());
    } else if (piece.starts_with("device_path=")) {
      return wrong(whole, "devices are not chosen by path; use an id from isolated-device-list");
    } else if (std::ranges::find(foreign_types, piece) != foreign_types.end()) {
      return wrong(whole, fmt::format("type {} cannot be passed through; GPU-HPC, GPU-VGA and PCI "
                                      "can",
                                      piece));
    } else if (model::device_id::parse(piece)) {
      return wrong(whole, "an id names one device and stands alone");
    } else {
      fresh = set_once(out.model, piece, !out.model.empty());
    }
    if (!fresh)
      return wrong(whole, fmt::format("\"{}\" says again what another piece has said", piece));
  }
  return out;
}

json to_json(const device_selector& selector) {
  json out = json::object();
  if (!selector.model.empty())
    out["model"] = selector.model;
  if (!selector.vendor.empty())
    out["vendor"] = selector.vendor;
  if (selector.type)
    out["dev_type"] = to_string(*selector.type);
  if (selector.vendor_device)
    out["vendor_device_id"] = to_string(*selector.vendor_device);
  return out;
}

} // namespace

result<device_request> parse_device_argument(std::string_view whole) {
  auto text = trimmed(whole);
  device_request out;
  if (const auto id = model::device_id::parse(text)) {
    out.id = id;
    return out;
  }
  if (text.empty())
    return wrong(whole, "it is empty; give an id, a type, a model or vendor=X");
  if (const auto count = take_count(text)) {
    if (*count < 1 || *count > 64)
      return wrong(whole, "the count must be from 1 to 64");
    out.count = *count;
  }
  for (const auto part : split(text, '|')) {
    if (part.empty())
      return wrong(whole, "an alternative is empty");
    auto selector = parse_selector(part, whole);
    if (!selector)
      return tl::unexpected{selector.error()};
    out.alternatives.push_back(std::move(*selector));
  }
  return out;
}

json to_json(const device_request& request) {
  if (request.id)
    return {{"id", to_string(*request.id)}};
  json out = json::object();
  if (!request.alternatives.empty())
    out = to_json(request.alternatives.front());
  if (request.count != 1)
    out["count"] = request.count;
  for (std::size_t i = 1; i < request.alternatives.size(); ++i)
    out["alternatives"].push_back(to_json(request.alternatives[i]));
  return out;
}

} // namespace berth::cli
