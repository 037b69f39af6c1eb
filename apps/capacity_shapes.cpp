#include "apps/capacity_shapes.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <fmt/format.h>

#include "apps/comma_list.hpp"

namespace berth::apps {

namespace {

constexpr std::array<std::string_view, 4> levels{"numa", "pcie_root", "pcie_switch", "fabric"};
constexpr std::size_t shapes_max = 128;
constexpr std::int32_t gpus_max = 64;

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
  for (const auto entry : comma_list(text)) {
    auto shape = parse_shape(entry);
    if (!shape)
      return tl::unexpected{std::move(shape.error())};
    if (std::ranges::find(shapes, *shape) != shapes.end())
      return model::fail(model::errc::invalid_argument,
                         fmt::format("capacity.shapes: \"{}\" is there twice", entry));
    if (shapes.size() == shapes_max)
      return model::fail(model::errc::invalid_argument,
                         "capacity.shapes: there are more than 128 shapes");
    shapes.push_back(std::move(*shape));
  }
  return shapes;
}

} // namespace berth::apps
