#include "apps/capacity_shapes.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

namespace berth::apps {

namespace {

constexpr std::array<std::string_view, 4> levels{"numa", "pcie_root", "pcie_switch", "fabric"};
constexpr std::size_t shapes_max = 128;
constexpr std::int32_t gpus_max = 64;

std::string_view trimmed(std::string_view text) {
  const auto begin = std::min(text.find_first_not_of(' '), text.size());
  const auto end = text.find_last_not_of(' ');
  return end == std::string_view::npos ? std::string_view{} : text.substr(begin, end - begin + 1);
}

model::result<counted_shape> parse_shape(std::string_view text) {
  const auto wrong = [text](std::string_view what) {
    return model::fail(model::errc::invalid_argument,
                       fmt::format("capacity.shapes: \"{}\" {}: write it like 4xH100, or "
                                   "8xH100:fabric (numa, pcie_root, pcie_switch or fabric)",
                                   text.substr(0, 80), what));
  };
  counted_shape shape;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), shape.gpus);
  auto rest = text.substr(static_cast<std::size_t>(end - text.data()));
  if (problem != std::errc{} || !rest.starts_with('x'))
    return wrong("does not begin with a number of GPUs");
  if (shape.gpus < 1 || shape.gpus > gpus_max)
    return wrong("asks for fewer than 1 or more than 64 GPUs");
  rest.remove_prefix(1);
  if (const auto colon = rest.rfind(':'); colon != std::string_view::npos) {
    shape.together = trimmed(rest.substr(colon + 1));
    rest = rest.substr(0, colon);
    if (std::ranges::find(levels, shape.together) == levels.end())
      return wrong("names no place that GPUs can share");
  }
  shape.model = trimmed(rest);
  if (shape.model.empty())
    return wrong("names no model");
  return shape;
}

} // namespace

model::result<std::vector<counted_shape>> parse_capacity_shapes(std::string_view text) {
  std::vector<counted_shape> shapes;
  while (!trimmed(text).empty()) {
    const auto comma = std::min(text.find(','), text.size());
    auto shape = parse_shape(trimmed(text.substr(0, comma)));
    if (!shape)
      return tl::unexpected{std::move(shape.error())};
    if (std::ranges::find(shapes, *shape) != shapes.end())
      return model::fail(
          model::errc::invalid_argument,
          fmt::format("capacity.shapes: \"{}\" is there twice", trimmed(text.substr(0, comma))));
    if (shapes.size() == shapes_max)
      return model::fail(model::errc::invalid_argument,
                         "capacity.shapes: there are more than 128 shapes");
    shapes.push_back(std::move(*shape));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return shapes;
}

} // namespace berth::apps
