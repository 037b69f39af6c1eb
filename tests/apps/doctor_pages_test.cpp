// What `berth-host doctor` prints for the hosts of tests/hostbackend/doctor_hosts.hpp.
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "apps/host_doctor.hpp"
#include "tests/golden.hpp"
#include "tests/hostbackend/doctor_hosts.hpp"

namespace berth::apps {
namespace {

using hostbackend::host_linux::diagnose;
using hostbackend::host_linux::examine;
using hostbackend::host_linux::finding;
using hostbackend::host_linux::wanted_kernel_arguments;
using nlohmann::json;

std::vector<finding> findings_of(const hostbackend::testing::doctor_host& host) {
  auto facts = hostbackend::testing::healthy_host();
  host.change(facts);
  return examine(facts);
}

std::string golden(const hostbackend::testing::doctor_host& host, const char* ending) {
  return std::string{"tests/apps/golden/doctor/"} + host.name + ending;
}

TEST(DoctorPages, Text) {
  for (const auto& host : hostbackend::testing::doctor_hosts())
    EXPECT_TRUE(testing::matches_file(doctor_text(findings_of(host)), golden(host, ".txt")));
}

TEST(DoctorPages, Grub) {
  for (const auto& host : hostbackend::testing::doctor_hosts())
    EXPECT_TRUE(testing::matches_file(doctor_grub(wanted_kernel_arguments(findings_of(host))),
                                      golden(host, ".grub")));
}

TEST(DoctorPages, Json) {
  for (const auto& host : hostbackend::testing::doctor_hosts())
    EXPECT_TRUE(testing::matches_file(doctor_json(findings_of(host)), golden(host, ".json")));
}

std::set<std::string> keys(const json& object) {
  std::set<std::string> names;
  for (const auto& [name, value] : object.items())
    names.insert(name);
  return names;
}

void expect_arguments(const json& arguments) {
  EXPECT_EQ(keys(arguments), (std::set<std::string>{"add", "remove"}));
  for (const auto& list : arguments)
    for (const auto& word : list)
      EXPECT_TRUE(word.is_string());
}

/// Schema 1 of docs/host-setup.md: whoever reads it relies on these names and types.
TEST(DoctorPages, JsonKeepsItsSchema) {
  const std::set<std::string> verdicts{"ok", "warning", "problem", "not_applicable", "unknown"};
  for (const auto& host : hostbackend::testing::doctor_hosts()) {
    SCOPED_TRACE(host.name);
    const auto findings = findings_of(host);
    const auto page = json::parse(doctor_json(findings));
    EXPECT_EQ(keys(page),
              (std::set<std::string>{"schema", "verdict", "kernel_arguments", "checks"}));
    EXPECT_EQ(page.at("schema"), 1);
    EXPECT_EQ(page.at("verdict"), to_string(diagnose(findings)));
    expect_arguments(page.at("kernel_arguments"));
    ASSERT_EQ(page.at("checks").size(), findings.size());
    for (const auto& one : page.at("checks")) {
      EXPECT_EQ(keys(one), (std::set<std::string>{"check", "subject", "verdict", "needed", "seen",
                                                  "kernel_arguments", "remedy"}));
      EXPECT_TRUE(verdicts.contains(one.at("verdict").get<std::string>()));
      EXPECT_TRUE(one.at("check").is_string() && one.at("subject").is_string() &&
                  one.at("needed").is_boolean() && one.at("seen").is_string());
      expect_arguments(one.at("kernel_arguments"));
      for (const auto& line : one.at("remedy"))
        EXPECT_TRUE(line.is_string());
    }
  }
}

TEST(DoctorPages, TheHandbookHasEveryCheck) {
  std::ifstream in{BERTH_SOURCE_DIR "/docs/host-setup.md"};
  const std::string handbook{std::istreambuf_iterator<char>{in}, {}};
  for (const auto& one : examine(hostbackend::testing::healthy_host()))
    EXPECT_THAT(handbook, ::testing::HasSubstr("`" + one.check + "`"));
}

/// A terminal, and a shell that is fed with --print-grub, see no control sequence of the host's, in
/// whatever encoding.
TEST(DoctorPages, NoControlCharacterOfTheHostGetsOut) {
  for (const auto& host : hostbackend::testing::doctor_hosts()) {
    const auto findings = findings_of(host);
    for (const auto& page : {doctor_text(findings), doctor_grub(wanted_kernel_arguments(findings))})
      for (const char c : page)
        ASSERT_TRUE(c == '\n' || (c >= 0x20 && c <= 0x7e)) << host.name;
  }
}

} // namespace
} // namespace berth::apps
