#include <fmt/format.h>

#include "apps/config.hpp"
#include "apps/config_keys.hpp"

namespace berth::apps {
namespace {

void add_table(std::string& out, std::span<const key_description> keys) {
  out += "| key | flag | value | default | meaning |\n|---|---|---|---|---|\n";
  for (const auto& key : keys)
    out += fmt::format(
        "| `{}` | `--{}` | {} | {} | {} |\n", key.name, key.flag, expectation(*key.rule),
        key.default_text.empty() ? std::string{"unset"} : fmt::format("`{}`", key.default_text),
        key.help);
}

} // namespace

std::string configuration_markdown() {
  std::string out =
      "# Configuration\n\n"
      "<!-- Generated from apps/config_keys.cpp; UPDATE_GOLDEN=1 config_test rewrites it. -->\n\n"
      "`berth-controller` reads `/etc/berth/controller.yaml`, `berth-host` reads "
      "`/etc/berth/host.yaml`; `--config FILE` names another file. Every key is also a flag, and a "
      "flag wins over the file. A dot in a key is a section of the file:\n\n"
      "```yaml\nlisten: 127.0.0.1:8750\nlimits:\n  in_flight: 4096\n```\n\n"
      "A key that does not exist, one that is given twice and a value of the wrong kind are errors "
      "that name the file, the line and what would be right; the program does not start. "
      "`--check` reads and checks only, `--print-config` prints the settings in force.\n\n"
      "## controller.yaml\n\n";
  add_table(out, describe(controller_keys()));
  out += "\n## host.yaml\n\n";
  add_table(out, describe(host_keys()));
  return out;
}

} // namespace berth::apps
