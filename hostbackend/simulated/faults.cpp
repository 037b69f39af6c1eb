#include "hostbackend/simulated/faults.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "hostbackend/host_backend.hpp"
#include "hostbackend/simulated/yaml_reader.hpp"

namespace berth::hostbackend::simulated {

namespace {

constexpr std::array<std::pair<std::string_view, fault_kind>, 8> kinds{{
    {"fail", fault_kind::fail},
    {"stuck", fault_kind::stuck},
    {"unknown", fault_kind::unknown},
    {"slow", fault_kind::slow},
    {"unreadable", fault_kind::unreadable},
    {"link_degraded", fault_kind::link_degraded},
    {"ignored", fault_kind::ignored},
    {"off_bus", fault_kind::off_bus},
}};

fault read_fault(const yaml_document& document, const YAML::Node& node) {
  const yaml_fields fields{
      document,
      node,
      "a fault",
      {"on", "kind", "host", "device", "method", "probability", "times", "factor"}};
  fault one;
  one.operation = fields.text("on");
  const auto operations = operation_names();
  if (std::ranges::find(operations, one.operation) == operations.end())
    fields.refuse("on", "`" + one.operation + "` is no operation, e.g. reset_device");
  const auto kind = fields.text("kind");
  const auto found = std::find_if(kinds.begin(), kinds.end(),
                                  [&kind](const auto& entry) { return entry.first == kind; });
  if (found == kinds.end())
    fields.refuse("kind", "`" + kind +
                              "` is no kind of fault: fail, stuck, unknown, slow, "
                              "unreadable, link_degraded, ignored or off_bus");
  one.kind = found->second;
  one.host = fields.text("host", "");
  if (fields.has("device")) {
    one.device = model::pci_address::parse(fields.text("device"));
    if (!one.device)
      fields.refuse("device", "`device` must be a PCI address, e.g. \"41:00.0\"");
  }
  one.method = fields.text("method", "");
  one.probability = fields.number("probability", 0, 1, 1);
  one.times = static_cast<std::uint32_t>(fields.integer("times", 0, 1'000'000'000, 0));
  one.factor = fields.number("factor", 1, 1'000'000, 10);
  return one;
}

} // namespace

model::result<fault_plan> parse_fault_plan(std::string_view text, std::string source) {
  return parse<fault_plan>(source, [&] {
    const yaml_document document{text, source, {}};
    const yaml_fields top{document, document.root(), "a fault plan", {"faults"}};
    fault_plan plan;
    for (const auto& node : top.items("faults", 1000))
      plan.push_back(read_fault(document, node));
    return plan;
  });
}

model::result<fault_plan> load_fault_plan(const std::string& path) {
  const auto text = read_text_file(path, yaml_limits{}.bytes_max);
  if (!text)
    return tl::unexpected<model::failure>{text.error()};
  return parse_fault_plan(*text, path);
}

} // namespace berth::hostbackend::simulated
