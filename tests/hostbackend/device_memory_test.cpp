#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "hostbackend/linux/device_memory.hpp"
#include "tests/hostbackend/temporary_directory.hpp"

namespace berth::hostbackend::host_linux {
namespace {

namespace fs = std::filesystem;
using model::errc;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using testing::temporary_directory;

model::pci_address at(const char* text) {
  return model::pci_address::parse(text).value();
}

remembered_devices example() {
  remembered_devices what;
  what.functions[at("0000:23:00.0")] = {{0x10de, 0x2330}, "nvidia", "", {"flr", "bus"}};
  what.functions[at("10000:e1:00.1")] = {{0x10de, 0x22a3}, "", "pci-stub", {}};
  what.baselines[at("0000:23:00.0")] = {
      {0x10de, 0x2330}, 0x030200, {5, 16}, {16'777'216, 137'438'953'472}};
  what.baselines[at("0000:41:00.0")] = {{0x10de, 0x1c82}, 0x030000, {}, {}};
  return what;
}

std::string content(const fs::path& file) {
  std::ifstream in{file, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

TEST(RememberedDevices, SurviveTheirTextForm) {
  const auto text = to_text(example());
  EXPECT_EQ(text, "berth-devices 1\n"
                  "function 0000:23:00.0 10de:2330 nvidia - flr,bus\n"
                  "function 10000:e1:00.1 10de:22a3 - pci-stub -\n"
                  "baseline 0000:23:00.0 10de:2330 030200 5x16 16777216,137438953472\n"
                  "baseline 0000:41:00.0 10de:1c82 030000 0x0 -\n"
                  "end 4\n");
  const auto parsed = parse_remembered(text, "f");
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(*parsed, example());
}

struct bad_text {
  const char* what;
  std::string text;
  std::string message;
  errc code = errc::store_corrupt;
};

TEST(RememberedDevices, EveryDamageIsNamedWithItsLine) {
  const std::string function = "function 0000:23:00.0 10de:2330 nvidia - flr\n";
  const std::string baseline = "baseline 0000:23:00.0 10de:2330 030200 5x16 4096\n";
  const std::string head = "berth-devices 1\n";
  const bad_text all[]{
      {"empty", "", "f:1: "},
      {"another file", "something else\nx\nend 0\n", "f:1: not a file of remembered devices"},
      {"no version", "berth-devices \n" + function + "end 1\n", "f:1: no version"},
      {"newer", "berth-devices 2\n" + function + "end 1\n", "f:1: version 2", errc::store_too_new},
      {"cut off", head + function, "f:2: expected `end 0`"},
      {"cut in a line", head + function.substr(0, 20), "f:2: the file does not end"},
      {"lines lost", head + function + "end 2\n", "f:3: expected `end 1`"},
      {"after the end", head + "end 0\n" + function, "f:2: expected `function` or `baseline`"},
      {"no address", head + "function here 10de:2330 - - -\nend 1\n", "f:2: `here` is no PCI"},
      {"short address", head + "function 23:00.0 10de:2330 - - -\nend 1\n", "f:2: `23:00.0` is no"},
      {"no id", head + "function 0000:23:00.0 nvidia - - -\nend 1\n", "f:2: `nvidia` is no vendor"},
      {"path as driver", head + "function 0000:23:00.0 10de:2330 ../x - -\nend 1\n",
       "f:2: `../x` is no driver's name"},
      {"path as override", head + "function 0000:23:00.0 10de:2330 - a/b -\nend 1\n",
       "f:2: `a/b` is no driver's name"},
      {"no methods", head + "function 0000:23:00.0 10de:2330 - - flr,,bus\nend 1\n",
       "f:2: `flr,,bus` is no list"},
      {"twice", head + function + function + "end 2\n", "f:3: function 0000:23:00.0 comes twice"},
      {"baseline twice", head + baseline + baseline + "end 2\n", "f:3: baseline 0000:23:00.0"},
      {"class", head + "baseline 0000:23:00.0 10de:2330 3 5x16 -\nend 1\n", "f:2: `3` is no class"},
      {"link", head + "baseline 0000:23:00.0 10de:2330 030200 5x256 -\nend 1\n",
       "f:2: `5x256` is no link"},
      {"bars", head + "baseline 0000:23:00.0 10de:2330 030200 5x16 1,2,3,4,5,6,7\nend 1\n",
       "f:2: `1,2,3,4,5,6,7` is no list of BAR"},
      {"bar too big",
       head + "baseline 0000:23:00.0 10de:2330 030200 5x16 18446744073709551616\nend 1\n",
       "is no list of BAR"},
      {"order", head + baseline + function + "end 2\n", "not in the order or form"},
      {"leading zero", head + "baseline 0000:23:00.0 10de:2330 030200 05x16 -\nend 1\n",
       "not in the order or form"},
      {"too large", std::string((4U << 20U) + 1, 'x'), "larger than 4 MiB", errc::too_large},
  };
  for (const auto& one : all) {
    SCOPED_TRACE(one.what);
    const auto parsed = parse_remembered(one.text, "f");
    ASSERT_FALSE(parsed.has_value());
    EXPECT_EQ(parsed.error().code, one.code);
    EXPECT_THAT(parsed.error().message, StartsWith("f"));
    EXPECT_THAT(parsed.error().message, HasSubstr(one.message));
  }
}

TEST(DeviceMemory, RemembersOverARestart) {
  const temporary_directory directory;
  const auto file = directory / "devices";
  {
    const auto memory = device_memory::open(file);
    ASSERT_TRUE(memory.has_value()) << memory.error().message;
    EXPECT_FALSE((*memory)->function(at("0000:23:00.0")).has_value());
    ASSERT_TRUE((*memory)->keep_functions(example().functions).has_value());
    ASSERT_TRUE((*memory)->keep_baselines(example().baselines).has_value());
    ASSERT_TRUE((*memory)->forget_functions({at("10000:e1:00.1")}).has_value());
  }
  const auto memory = device_memory::open(file);
  ASSERT_TRUE(memory.has_value()) << memory.error().message;
  EXPECT_EQ((*memory)->function(at("0000:23:00.0"))->driver, "nvidia");
  EXPECT_FALSE((*memory)->function(at("10000:e1:00.1")).has_value());
  EXPECT_EQ((*memory)->baseline(at("0000:23:00.0"))->link, (model::pcie_link{5, 16}));
}

TEST(DeviceMemory, OneAtATime) {
  const temporary_directory directory;
  const auto file = directory / "devices";
  auto first = device_memory::open(file).value();
  const auto second = device_memory::open(file);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, errc::store_failed);
  EXPECT_THAT(second.error().message,
              HasSubstr("in use by process " + std::to_string(::getpid()) + ":"));
  first.reset();
  EXPECT_TRUE(device_memory::open(file).has_value());
}

TEST(DeviceMemory, TheKernelUnlocksWhatADeadProcessHeld) {
  const temporary_directory directory;
  const auto file = directory / "devices";
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const auto child = ::fork();
  if (child == 0) {
    const auto held = device_memory::open(file);
    if (::write(ready[1], "x", 1) == 1 && held)
      ::pause();
    ::_exit(1);
  }
  char told = 0;
  ASSERT_EQ(::read(ready[0], &told, 1), 1);
  const auto refused = device_memory::open(file);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  ::close(ready[0]);
  ::close(ready[1]);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr("in use by process " + std::to_string(child)));
  EXPECT_TRUE(device_memory::open(file).has_value());
}

TEST(DeviceMemory, ForgetsABaseline) {
  const temporary_directory directory;
  const auto file = directory / "devices";
  {
    const auto memory = device_memory::open(file).value();
    ASSERT_TRUE(memory->keep_functions(example().functions).has_value());
    ASSERT_TRUE(memory->keep_baselines(example().baselines).has_value());
    ASSERT_TRUE(memory->forget_baselines({at("0000:23:00.0")}).has_value());
  }
  auto rest = example();
  rest.baselines.erase(at("0000:23:00.0"));
  EXPECT_EQ(device_memory::open(file).value()->all(), rest);
}

TEST(DeviceMemory, ADamagedFileIsRefusedAndKept) {
  const temporary_directory directory;
  const auto file = directory / "devices";
  std::ofstream{file} << "berth-devices 1\nnonsense\nend 1\n";
  const auto memory = device_memory::open(file);
  ASSERT_FALSE(memory.has_value());
  EXPECT_EQ(memory.error().code, errc::store_corrupt);
  EXPECT_THAT(memory.error().message, StartsWith(file.string() + ":2: "));
  EXPECT_THAT(content(file), HasSubstr("nonsense"));
}

TEST(DeviceMemory, AFailedChangeIsNotMade) {
  const temporary_directory directory;
  fs::create_directory(directory / "here");
  const auto file = directory / "here/devices";
  const auto memory = device_memory::open(file).value();
  fs::remove_all(directory / "here");
  const auto kept = memory->keep_functions(example().functions);
  ASSERT_FALSE(kept.has_value());
  EXPECT_EQ(kept.error().code, errc::store_failed);
  EXPECT_THAT(kept.error().message, HasSubstr("cannot create"));
  EXPECT_FALSE(memory->function(at("0000:23:00.0")).has_value());
}

} // namespace
} // namespace berth::hostbackend::host_linux
