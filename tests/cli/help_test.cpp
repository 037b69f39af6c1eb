#include <cstdio>
#include <filesystem>
#include <fstream>
#include <set>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/command.hpp"
#include "cli/completion.hpp"
#include "tests/cli/fake_controller.hpp"

namespace berth::cli::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(Help, EveryCommandHasItsText) {
  shell sh;
  expect_golden("help.txt", sh("berthctl", "help").out);
  std::string all;
  for (const auto& command : commands()) {
    const auto got = sh("berthctl", command.name, "--help");
    EXPECT_EQ(got.status, 0);
    EXPECT_EQ(got.err, "");
    EXPECT_EQ(got.out, sh("berthctl", "help", command.name).out);
    all += got.out.substr(0, got.out.find("\nOptions of every command")) + "\n";
  }
  expect_golden("commands.txt", all);
}

TEST(Help, TableOfCommandsIsSound) {
  std::set<std::string> names;
  for (const auto& command : commands()) {
    EXPECT_TRUE(names.insert(command.name).second) << command.name << " is there twice";
    EXPECT_NE(command.run, nullptr) << command.name;
    std::set<std::string> options;
    for (const auto& option : command.options) {
      EXPECT_TRUE(options.insert(option.name).second) << command.name << " --" << option.name;
      EXPECT_TRUE(option.name == "help" || !option.help.empty())
          << command.name << " --" << option.name << " has no help";
    }
    for (const auto& option : common_options())
      EXPECT_TRUE(option.name == "help" || !options.contains(option.name))
          << command.name << " --" << option.name << " hides a common option";
    bool optional = false;
    for (const auto& positional : command.positionals) {
      EXPECT_FALSE(positional.required && optional) << command.name;
      optional = optional || !positional.required;
    }
  }
}

TEST(Help, ProgramWithoutACommand) {
  shell sh;
  const auto bare = sh("berthctl");
  EXPECT_EQ(bare.status, 2);
  EXPECT_THAT(bare.err, StartsWith("Usage: berthctl <command>"));
  EXPECT_EQ(sh("berthctl", "--help").status, 0);
  EXPECT_EQ(sh("berthctl", "--version").out, "berthctl 1.2.3\n");
  EXPECT_EQ(sh("/opt/bin/climc", "version").out, "climc 1.2.3\n");
}

TEST(Help, MistakesAreExplained) {
  struct row {
    std::vector<std::string> line;
    const char* err;
  };
  const row rows[] = {
      {{"berthctl", "server-lst"},
       "berthctl: there is no command server-lst; the nearest is server-list\n`berthctl help` "
       "lists "
       "the commands\n"},
      {{"berthctl", "server-list", "--gpus"},
       "berthctl: unknown option --gpus; the nearest known option is --gpu\n"},
      {{"berthctl", "server-list", "--gpu=maybe"},
       "berthctl: --gpu must be one of true, false, got \"maybe\"\n"},
      {{"berthctl", "server-list", "--host"}, "berthctl: --host needs a value"},
      {{"berthctl", "server-list", "web"}, "berthctl: unexpected argument \"web\"\n"},
      {{"berthctl", "server-list", "--limit", "x"},
       "berthctl: --limit must be a whole number, got \"x\"\n"},
      {{"berthctl", "server-list", "--limit", "1", "--limit", "2"},
       "berthctl: --limit is given twice\n"},
      {{"berthctl", "server-list", "-x"}, "berthctl: unknown option -x\n"},
      {{"berthctl", "server-attach-isolated-device", "web"}, "berthctl: <DEVICE> is missing\n"},
      {{"berthctl", "server-show", ""}, "berthctl: an argument is empty\n"},
      {{"berthctl", "isolated-device-update", "--dev-type", "USB", "x"},
       "berthctl: --dev-type must be one of GPU-HPC, GPU-VGA, got \"USB\"\n"},
      {{"berthctl", "isolated-device-update", "x"}, "berthctl: nothing to update: give --dev-type"},
      {{"berthctl", "server-create", "--mem-spec", "lots"},
       "berthctl: --mem-spec must be a size such as 512m or 4g, got \"lots\"\n"},
      {{"berthctl", "server-create", "--disk", "debian"},
       "berthctl: --disk \"debian\" has no size; write e.g. debian:30g\n"},
      {{"berthctl", "server-create", "--disk", "30g:40g"}, "berthctl: --disk must be a size"},
      {{"berthctl", "server-create", "--count", "0"},
       "berthctl: --count must be from 1 to 10000, got 0\n"},
      {{"berthctl", "server-create", "a", "b"}, "berthctl: unexpected argument \"b\"\n"},
      {{"berthctl", "server-create", "--deadline", "soon"}, "berthctl: --deadline must be a"},
      {{"berthctl", "server-create", "--metadata", "x"},
       "berthctl: --metadata must be key=value, got \"x\"\n"},
      {{"berthctl", "host-update", "gpu-1"}, "berthctl: nothing to update"},
      {{"berthctl", "events", "--from", "0"},
       "berthctl: --from must be a sequence number from 1\n"},
      {{"berthctl", "completion", "tcsh"}, "berthctl: completion is there for bash, zsh and fish"},
      {{"berthctl", "usage", "--timeout", "0"}, "berthctl: --timeout must be a duration"},
      {{"berthctl", "help", "nothing"}, "berthctl: there is no command nothing\n"},
  };
  for (const auto& row : rows) {
    shell sh; // whose controller expects nothing
    const auto got = sh.run_line(row.line);
    EXPECT_EQ(got.status, 2) << row.err;
    EXPECT_THAT(got.err, StartsWith(row.err));
    EXPECT_EQ(got.out, "") << row.err;
  }
}

TEST(Completion, PackagedScriptsAreCurrent) {
  expect_golden("../../../packaging/completions/berthctl.bash", completion_script("bash"));
  expect_golden("../../../packaging/completions/_berthctl", completion_script("zsh"));
  expect_golden("../../../packaging/completions/berthctl.fish", completion_script("fish"));
  shell sh;
  EXPECT_EQ(sh("berthctl", "completion", "bash").out, completion_script("bash"));
}

/// What bash would offer, by bash itself.
std::string completed(const std::string& words) {
  const auto script = fmt::format("{}/packaging/completions/berthctl.bash", BERTH_SOURCE_DIR);
  const auto line = fmt::format("bash --norc -c 'source {} && COMP_WORDS=({}) && "
                                "COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)) && _berthctl && "
                                "echo \"${{COMPREPLY[*]}}\"' 2>&1",
                                script, words);
  std::string out;
  if (FILE* pipe = ::popen(line.c_str(), "r"); pipe != nullptr) {
    char buffer[4096];
    while (std::fgets(buffer, sizeof buffer, pipe) != nullptr)
      out += buffer;
    EXPECT_EQ(::pclose(pipe), 0) << out;
  }
  return out;
}

TEST(Completion, BashOffersCommandsOptionsAndChoices) {
  EXPECT_EQ(completed("berthctl isolated-device-u"), "isolated-device-update\n");
  EXPECT_EQ(completed("climc isolated-device-update --dev-type \"\""), "GPU-HPC GPU-VGA\n");
  EXPECT_EQ(completed("climc isolated-device-update --reserved-"),
            "--reserved-mem --reserved-storage --reserved-cpu\n");
  EXPECT_EQ(completed("berthctl server-list -o \"\""), "table json csv\n");
  EXPECT_THAT(completed("berthctl help server-d"), HasSubstr("server-delete"));
}

} // namespace
} // namespace berth::cli::testing
