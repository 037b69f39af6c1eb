#pragma once

#include <array>
#include <cstdio>
#include <fstream>
#include <string>

#include <unistd.h>

#include "tests/hostbackend/temporary_directory.hpp"

namespace berth::hostbackend::testing {

/// libvirt's own writer of AppArmor rules, which it runs at each start of a domain on hosts with
/// AppArmor. It needs none itself.
class apparmor_rules {
public:
  [[nodiscard]] static bool possible() { return ::access(helper, X_OK) == 0; }

  /// The rules for the domain's QEMU, or what the program said instead. Nothing is loaded.
  [[nodiscard]] static std::string of(const std::string& domain_xml, const std::string& uuid) {
    const temporary_directory place;
    const auto input = (place / "domain.xml").string();
    std::ofstream{input} << domain_xml;
    const auto command =
        std::string{helper} + " --dryrun --create --uuid libvirt-" + uuid + " < " + input + " 2>&1";
    FILE* const pipe = ::popen(command.c_str(), "r");
    std::string said;
    std::array<char, 4096> part{};
    while (pipe != nullptr && std::fgets(part.data(), part.size(), pipe) != nullptr)
      said += part.data();
    return pipe != nullptr && ::pclose(pipe) == 0 ? said : "virt-aa-helper failed: " + said;
  }

private:
  static constexpr const char* helper = "/usr/lib/libvirt/virt-aa-helper";
};

} // namespace berth::hostbackend::testing
