#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

#include "hostbackend/simulated/machine.hpp"
#include "hostbackend/simulated/yaml_reader.hpp"
#include "model/text.hpp"

namespace berth::hostbackend::simulated {

using model::errc;

namespace {

constexpr std::int64_t mib_max = std::int64_t{1} << 40; // an exbibyte

/// Reads one machine file; the format is in machines/README.md.
class machine_reader {
public:
  explicit machine_reader(const yaml_document& document) : document_{document} {}

  machine_description read() {
    const yaml_fields top{document_,
                          document_.root(),
                          "a machine",
                          {"product", "id", "cpus", "memory_mib", "storage_mib", "numa_nodes",
                           "hot_plug", "iommu", "cards", "roots", "fabrics"}};
    machine_description machine;
    machine.product = top.text("product");
    if (top.has("id"))
      machine.host = id<model::host_id>(top, "id");
    machine.capacity = {.cpus = top.integer("cpus", 1, 100'000),
                        .memory_mib = top.integer("memory_mib", 1, mib_max),
                        .storage_mib = top.integer("storage_mib", 0, mib_max)};
    machine.numa_nodes = static_cast<int>(top.integer("numa_nodes", 1, 1024, 1));
    machine.hot_plug = top.boolean("hot_plug", false);
    machine.iommu = top.boolean("iommu", true);
    read_cards(top, machine);
    read_fabrics(top, machine);
    for (const auto& node : top.items("roots", 64))
      machine.roots.push_back(read_root(node, machine));
    return machine;
  }

private:
  template <class Id> Id id(const yaml_fields& fields, const std::string& key) {
    const auto text = fields.text(key);
    const auto parsed = Id::parse(text);
    if (!parsed)
      fields.refuse(key, "`" + text + "` is no UUID (8-4-4-4-12 hexadecimal digits)");
    return *parsed;
  }

  static std::optional<std::uint32_t> hexadecimal(const std::string& text, std::size_t digits) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, 16);
    if (error != std::errc{} || end != text.data() + text.size() || text.size() != digits)
      return std::nullopt;
    return value;
  }

  void read_cards(const yaml_fields& top, machine_description& machine) {
    if (!top.has("cards"))
      return;
    const auto cards = top.at("cards");
    if (!cards.IsMap() || cards.size() > 64)
      top.refuse("cards", "`cards` must be a mapping of at most 64 names to cards");
    for (const auto& entry : cards) {
      const auto name = scalar(document_, entry.first, "a card's name");
      if (!card_names_.insert(name).second)
        document_.refuse(entry.first, errc::invalid_argument, "two cards are called " + name);
      machine.cards.push_back(read_card(name, entry.second));
    }
  }

  card_kind read_card(const std::string& name, const YAML::Node& node) {
    const yaml_fields fields{
        document_, node, "card " + name, {"vendor", "model", "functions", "link", "reset"}};
    card_kind card;
    card.name = name;
    card.vendor = fields.text("vendor");
    card.model = fields.text("model");
    for (const auto& one : fields.items("functions", 8))
      card.functions.push_back(read_function(one));
    if (card.functions.empty())
      fields.refuse("functions", "card " + name + " needs 1 to 8 functions");
    if (fields.has("link")) {
      const yaml_fields link{document_, fields.at("link"), "a link", {"generation", "width"}};
      card.link = {.generation = static_cast<std::uint8_t>(link.integer("generation", 1, 6)),
                   .width = static_cast<std::uint8_t>(link.integer("width", 1, 32))};
    }
    static const std::set<std::string> methods{
        "flr", "pm", "bus", "af_flr", "acpi", "device_specific", "cxl_bus"};
    for (const auto& one : fields.items("reset", 8)) {
      auto method = scalar(document_, one, "a reset method");
      if (!methods.contains(method))
        document_.refuse(one, errc::invalid_argument,
                         "`" + method + "` is no reset method of Linux (flr, pm, bus, ...)");
      card.reset_methods.push_back(std::move(method));
    }
    return card;
  }

  card_function read_function(const YAML::Node& node) {
    const yaml_fields fields{document_, node, "a function", {"id", "class", "bars", "driver"}};
    card_function function;
    function.id = vendor_device(fields, "id");
    const auto code = hexadecimal(fields.text("class"), 6);
    if (!code)
      fields.refuse("class", "`class` must be six hexadecimal digits, e.g. \"030000\"");
    function.class_code = *code;
    for (const auto& one : fields.items("bars", 6))
      function.bar_sizes.push_back(size(one));
    function.driver = driver(fields);
    return function;
  }

  /// A driver's name becomes part of a path when the tree is written.
  static std::string driver(const yaml_fields& fields) {
    const auto name = fields.text("driver", "none");
    if (!model::is_name(name, 64))
      fields.refuse("driver", "`" + name + "` is no driver's name");
    return name == "none" ? std::string{} : name;
  }

  model::vendor_device_id vendor_device(const yaml_fields& fields, const std::string& key) {
    const auto text = fields.text(key);
    const auto parsed = model::vendor_device_id::parse(text);
    if (!parsed)
      fields.refuse(key, "`" + text + "` is no vendor and device id, e.g. \"10de:1c82\"");
    return *parsed;
  }

  /// `16M`: a power of two from 16 bytes (the least of a memory BAR) to 8 TiB.
  std::uint64_t size(const YAML::Node& node) {
    const auto text = scalar(document_, node, "a BAR size");
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const std::string_view unit{end, static_cast<std::size_t>(text.data() + text.size() - end)};
    constexpr std::string_view units = "KMGT";
    unsigned shift = unit.empty() ? 0 : 99;
    if (unit.size() == 1 && units.find(unit[0]) != std::string_view::npos)
      shift = 10U * (static_cast<unsigned>(units.find(unit[0])) + 1U);
    const bool good = error == std::errc{} && shift != 99 && value > 0 && value <= 4096;
    const auto bytes = good ? value << shift : 0;
    if (bytes < 16 || bytes > (std::uint64_t{8} << 40U) || (bytes & (bytes - 1)) != 0)
      document_.refuse(node, errc::invalid_argument,
                       "`" + text + "` is no BAR size: a power of two such as 64K, 16M or 64G");
    return bytes;
  }

  void read_fabrics(const yaml_fields& top, machine_description& machine) {
    for (const auto& node : top.items("fabrics", 8)) {
      const yaml_fields fields{document_, node, "a fabric", {"name", "partitions"}};
      const auto name = fields.text("name");
      if (!fabric_names_.insert(name).second)
        fields.refuse("name", "two fabrics are called " + name);
      int number = 0;
      for (const auto& partition : fields.items("partitions", 256)) {
        if (!partition.IsSequence() || partition.size() == 0 || partition.size() > 64)
          document_.refuse(partition, errc::invalid_argument,
                           "a partition must be a list of 1 to 64 module numbers");
        std::vector<int> modules;
        for (const auto& one : partition)
          modules.push_back(static_cast<int>(whole(document_, one, "a module number", 0, 1024)));
        std::sort(modules.begin(), modules.end());
        if (std::adjacent_find(modules.begin(), modules.end()) != modules.end())
          document_.refuse(partition, errc::invalid_argument, "a module is named twice");
        machine.partitions.push_back({.fabric = name, .id = number++, .modules = modules});
      }
    }
  }

  root_complex read_root(const YAML::Node& node, const machine_description& machine) {
    const yaml_fields fields{document_, node, "a root", {"bus", "numa", "acs", "children"}};
    root_complex root;
    const auto text = fields.text("bus"); // `40`, or `10000:e0` with a domain
    const auto colon = text.find(':');
    const auto bus = hexadecimal(colon == std::string::npos ? text : text.substr(colon + 1), 2);
    const auto domain = colon == std::string::npos ? std::optional<std::uint32_t>{0}
                                                   : hexadecimal(text.substr(0, colon), colon);
    if (!bus || !domain || (colon != std::string::npos && (colon < 4 || colon > 8)))
      fields.refuse("bus", "`bus` must be two hexadecimal digits, with a domain before it if that "
                           "is not 0, e.g. \"40\" or \"10000:e0\"");
    root.bus = static_cast<std::uint8_t>(*bus);
    root.domain = *domain;
    root.numa_node = static_cast<int>(fields.integer("numa", -1, machine.numa_nodes - 1, -1));
    root.acs = fields.boolean("acs", true);
    root.children = read_children(fields, machine);
    return root;
  }

  std::vector<place> read_children(const yaml_fields& fields, const machine_description& machine) {
    std::vector<place> children;
    for (const auto& one : fields.items("children", 256))
      children.push_back(read_place(one, machine));
    return children;
  }

  place read_place(const YAML::Node& node, const machine_description& machine) {
    const bool bridge = node.IsMap() && std::as_const(node)["children"].IsDefined();
    return bridge ? read_bridge(node, machine) : read_card_place(node, machine);
  }

  void read_at(const yaml_fields& fields, place& where) {
    const auto text = fields.text("at", "00.0");
    const auto device =
        text.size() == 4 && text[2] == '.' ? hexadecimal(text.substr(0, 2), 2) : std::nullopt;
    const auto function = text.size() == 4 ? hexadecimal(text.substr(3), 1) : std::nullopt;
    if (!device || *device > 31 || !function || *function > 7)
      fields.refuse("at", "`at` must be device.function on the parent's bus, 00.0 to 1f.7");
    where.device = static_cast<std::uint8_t>(*device);
    where.function = static_cast<std::uint8_t>(*function);
  }

  place read_bridge(const YAML::Node& node, const machine_description& machine) {
    const yaml_fields fields{document_, node, "a bridge", {"at", "bus", "id", "acs", "children"}};
    place where;
    read_at(fields, where);
    if (fields.has("bus")) {
      const auto bus = hexadecimal(fields.text("bus"), 2);
      if (!bus)
        fields.refuse("bus", "`bus` must be two hexadecimal digits, e.g. \"41\"");
      where.bus = static_cast<std::uint8_t>(*bus);
    }
    if (fields.has("id"))
      where.bridge_id = vendor_device(fields, "id");
    where.acs = fields.boolean("acs", true);
    where.children = read_children(fields, machine);
    return where;
  }

  place read_card_place(const YAML::Node& node, const machine_description& machine) {
    const yaml_fields fields{
        document_,
        node,
        "a place",
        {"at", "card", "id", "driver", "boot_vga", "interface", "fabric", "module"}};
    place where;
    read_at(fields, where);
    const auto name = fields.text("card");
    const auto found = std::find_if(machine.cards.begin(), machine.cards.end(),
                                    [&name](const auto& one) { return one.name == name; });
    if (found == machine.cards.end()) {
      const std::vector<std::string> names(card_names_.begin(), card_names_.end());
      const auto near = model::nearest_name(name, std::span<const std::string>{names});
      fields.refuse("card", "no card is called `" + name + "`" +
                                (near ? ", did you mean `" + std::string{*near} + "`?" : ""));
    }
    where.card = static_cast<std::size_t>(found - machine.cards.begin());
    if (fields.has("id"))
      where.id = id<model::device_id>(fields, "id");
    if (fields.has("driver"))
      where.driver = driver(fields);
    where.boot_vga = fields.boolean("boot_vga", false);
    where.interface = fields.text("interface", "");
    if (!where.interface.empty() && !model::is_name(where.interface, 15))
      fields.refuse("interface", "`interface` must be a network interface's name, e.g. eno1");
    where.fabric = fields.text("fabric", "");
    if (!where.fabric.empty() && !fabric_names_.contains(where.fabric))
      fields.refuse("fabric", "no fabric is called `" + where.fabric + "`");
    if (where.fabric.empty() == fields.has("module"))
      fields.refuse("module", "`fabric` and `module` are given together");
    where.module = static_cast<int>(fields.integer("module", 0, 1024, -1));
    return where;
  }

  const yaml_document& document_;
  std::set<std::string> card_names_;
  std::set<std::string> fabric_names_;
};

} // namespace

model::result<std::shared_ptr<const machine>> parse_machine(std::string_view text,
                                                            std::string source) {
  const auto description = parse<machine_description>(source, [&] {
    const yaml_document document{text, source, {}};
    return machine_reader{document}.read();
  });
  if (!description)
    return tl::unexpected<model::failure>{description.error()};
  auto built = build(*description);
  if (!built) {
    auto why = built.error();
    why.message = source + ": " + why.message;
    return tl::unexpected<model::failure>{std::move(why)};
  }
  return built;
}

model::result<std::shared_ptr<const machine>> load_machine(const std::string& path) {
  const auto text = read_text_file(path, yaml_limits{}.bytes_max);
  if (!text)
    return tl::unexpected<model::failure>{text.error()};
  return parse_machine(*text, path);
}

} // namespace berth::hostbackend::simulated
