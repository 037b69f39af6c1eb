#include "apps/machine_files.hpp"

#include <filesystem>
#include <system_error>

namespace berth::apps {

std::string machines_directory() {
  std::error_code ignored;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const auto* place : {"../share/berth/machines", "../../../machines"})
    if (const auto found = program / place; std::filesystem::is_directory(found, ignored))
      return std::filesystem::weakly_canonical(found).string();
  return "machines";
}

model::result<std::shared_ptr<const hostbackend::simulated::machine>>
find_machine(const std::string& name) {
  const bool is_path = name.find('/') != std::string::npos || name.ends_with(".yaml");
  return hostbackend::simulated::load_machine(
      is_path ? name : machines_directory() + "/" + name + ".yaml");
}

} // namespace berth::apps
