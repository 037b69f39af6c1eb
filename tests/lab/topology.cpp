#include "tests/lab/topology.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>
#include <string_view>

namespace berth::lab {

using model::errc;
using model::fail;

namespace {

struct item {
  std::string kind;
  std::vector<std::string> words;
  std::map<std::string, std::string> attributes;
  std::size_t indent = 0;
};

/// Quotes (only in `vm cmdline="..."`) are no concern here.
std::optional<item> read_line(std::string_view line) {
  line = line.substr(0, line.find('#'));
  item result;
  result.indent = line.find_first_not_of(' ');
  std::istringstream words{std::string{line}};
  if (!(words >> result.kind))
    return std::nullopt;
  for (std::string word; words >> word;) {
    const auto equals = word.find('=');
    if (equals == std::string::npos)
      result.words.push_back(word);
    else
      result.attributes.emplace(word.substr(0, equals), word.substr(equals + 1));
  }
  return result;
}

std::string attribute(const item& one, const std::string& key) {
  const auto found = one.attributes.find(key);
  return found == one.attributes.end() ? std::string{} : found->second;
}

/// What QEMU's models are when the topology gives them no other identity.
std::string identity_of_model(const std::string& name) {
  static const std::map<std::string, std::string> models{
      {"nvme", "1b36:0010/010802"},          {"e1000e", "8086:10d3/020000"},
      {"e1000", "8086:100e/020000"},         {"bochs-display", "1234:1111/038000"},
      {"edu", "1234:11e8/00ff00"},           {"virtio-rng-pci", "1af4:1044/00ff00"},
      {"virtio-gpu-pci", "1af4:1050/038000"}};
  const auto found = models.find(name);
  return found == models.end() ? std::string{} : found->second;
}

std::optional<lab_function> read_function(const item& one) {
  if (one.words.size() < 2)
    return std::nullopt;
  auto identity = attribute(one, "as");
  if (identity.empty())
    identity = identity_of_model(one.words[1]);
  const auto id = model::vendor_device_id::parse(identity.substr(0, identity.find('/')));
  lab_function function{.name = one.words[0], .id = {}, .class_code = 0};
  if (!id || identity.size() < 16)
    return std::nullopt;
  const auto code = identity.substr(10, 6);
  if (std::from_chars(code.data(), code.data() + code.size(), function.class_code, 16).ec !=
      std::errc{})
    return std::nullopt;
  function.id = *id;
  return function;
}

/// A new device below `above`, outermost first.
lab_device place(const std::vector<item>& above) {
  lab_device device;
  bool in_switch = false;
  for (const auto& one : above) {
    const auto& name = one.words.front();
    if (const auto node = attribute(one, "node"); one.kind == "root" && !node.empty())
      device.numa_node = std::atoi(node.c_str());
    if (one.kind == "port" && device.root_port.empty())
      device.root_port = name;
    const bool no_acs = one.kind == "bridge" ||
                        (one.kind == "port" && (in_switch || attribute(one, "acs") == "off"));
    if (no_acs && device.group_place.empty())
      device.group_place = name;
    if (one.kind == "switch") {
      device.inner_switch = name;
      in_switch = true;
    }
  }
  return device;
}

} // namespace

const lab_device* lab_topology::find(const std::string& name) const {
  const auto found = std::find_if(devices.begin(), devices.end(),
                                  [&](const auto& one) { return one.name() == name; });
  return found == devices.end() ? nullptr : &*found;
}

model::result<lab_topology> parse_topology(const std::string& text) {
  lab_topology topology;
  std::vector<item> above;
  std::istringstream lines{text};
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const auto one = read_line(line);
    if (!one)
      continue;
    while (!above.empty() && above.back().indent >= one->indent)
      above.pop_back();
    if (one->kind == "vm")
      topology.iommu = attribute(*one, "iommu") != "none";
    if (one->kind != "dev" && one->kind != "fn") {
      if (one->kind != "vm" && one->words.empty())
        return fail(errc::invalid_argument,
                    "topology line " + std::to_string(number) + " has no name");
      above.push_back(*one);
      continue;
    }
    const auto function = read_function(*one);
    if (!function || (one->kind == "fn" && topology.devices.empty()))
      return fail(errc::invalid_argument,
                  "topology line " + std::to_string(number) + " is not understood: " + line);
    if (one->kind == "dev") {
      topology.devices.push_back(place(above));
      const auto& words = one->words;
      topology.devices.back().absent =
          std::find(words.begin(), words.end(), "absent") != words.end();
    }
    topology.devices.back().functions.push_back(*function);
  }
  return topology;
}

model::result<lab_topology> load_topology(const std::filesystem::path& file) {
  std::ifstream stream{file};
  if (!stream)
    return fail(errc::not_found, "cannot read " + file.string());
  std::ostringstream text;
  text << stream.rdbuf();
  return parse_topology(text.str());
}

model::result<lab_topology> this_topology() {
  const char* file = std::getenv("BERTH_LAB_TOPOLOGY");
  if (file == nullptr)
    return fail(errc::not_found, "BERTH_LAB_TOPOLOGY is not set: this is not the lab");
  return load_topology(file);
}

} // namespace berth::lab
