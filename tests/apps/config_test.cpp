#include "apps/capacity_shapes.hpp"
#include "apps/config.hpp"

#include <filesystem>
#include <fstream>
#include <random>
#include <vector>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "apps/config_keys.hpp"
#include "apps/scheduler_pools.hpp"
#include "store/sqlite_store.hpp"

namespace berth::apps {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

std::string controller_error(std::string_view text) {
  const auto got = parse_controller_config(text, "c.yaml");
  return got ? "accepted" : got.error().message;
}
std::string host_error(std::string_view text) {
  const auto got = parse_host_config(text, "h.yaml");
  return got ? "accepted" : got.error().message;
}

template <class... Args> auto controller_flags(Args... args) {
  const std::vector<const char*> argv{"berth-controller", args...};
  return read_controller_arguments(static_cast<int>(argv.size()), argv.data());
}
template <class... Args> auto host_flags(Args... args) {
  const std::vector<const char*> argv{"berth-host", args...};
  return read_host_arguments(static_cast<int>(argv.size()), argv.data());
}

/// A file of its own, gone at the end.
class scratch_file {
public:
  explicit scratch_file(std::string_view text)
      : path_(fmt::format("{}berth-config-{}.yaml", testing::TempDir(),
                          reinterpret_cast<std::uintptr_t>(this))) {
    std::ofstream{path_} << text;
  }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;
  ~scratch_file() { std::remove(path_.c_str()); }
  [[nodiscard]] const char* path() const { return path_.c_str(); }

private:
  std::string path_;
};

TEST(Config, EmptyFileGivesTheDefaults) {
  EXPECT_EQ(parse_controller_config("", "c.yaml").value(), controller_config{});
  EXPECT_EQ(parse_controller_config("# nothing\nlimits:\n  # in_flight: 1\n", "c.yaml").value(),
            controller_config{});
}

TEST(Config, TheUsualStoreIsTheDefaultsOne) {
  EXPECT_EQ(std::filesystem::path{controller_config{}.store_path}.filename(),
            store::usual_store_name);
}

TEST(Config, EveryKindOfValueIsRead) {
  const auto c = parse_controller_config("listen: 127.0.0.1:0\n"
                                         "store: {kind: memory}\n"
                                         "hosts:\n  heartbeat_interval: 500ms\n  lease: 1m\n"
                                         "limits:\n  in_flight: 17\n  body_bytes: 64KiB\n"
                                         "log:\n  level: debug\n",
                                         "c.yaml");
  ASSERT_TRUE(c) << c.error().message;
  EXPECT_EQ(c->listen, "127.0.0.1:0");
  EXPECT_EQ(c->store_kind, "memory");
  EXPECT_EQ(c->hosts_heartbeat_interval, std::chrono::milliseconds{500});
  EXPECT_EQ(c->hosts_lease, std::chrono::minutes{1});
  EXPECT_EQ(c->limits_in_flight, 17);
  EXPECT_EQ(c->limits_body_bytes, 65'536);
  EXPECT_EQ(c->log_level, "debug");
  const auto h = parse_host_config("disable_gpu: true\nsimulated:\n  enabled: true\n"
                                   "  machine: dgx-a100\n  time_scale: 0.5\n  seed: 7\n",
                                   "h.yaml");
  ASSERT_TRUE(h) << h.error().message;
  EXPECT_TRUE(h->disable_gpu);
  EXPECT_TRUE(h->simulated);
  EXPECT_EQ(h->simulated_machine, "dgx-a100");
  EXPECT_EQ(h->simulated_time_scale, 0.5);
  EXPECT_EQ(h->simulated_seed, 7);
  EXPECT_FALSE(h->name.empty());
}

TEST(Config, UnknownKeyNamesFileLineAndNearestKey) {
  EXPECT_EQ(controller_error("listen: 127.0.0.1:1\nlimits:\n  in_flihgt: 3\n"),
            "c.yaml:3: unknown key limits.in_flihgt; the nearest known key is limits.in_flight");
  EXPECT_EQ(host_error("disable_gpus: false\n"),
            "h.yaml:1: unknown key disable_gpus; the nearest known key is disable_gpu");
  const auto got = parse_host_config("\nuse_bootvga: true\n", "h.yaml");
  EXPECT_EQ(got.error().code, model::errc::unknown_field);
  EXPECT_EQ(got.error().details.at("line"), "2");
  EXPECT_EQ(got.error().details.at("nearest"), "use_boot_vga");
}

TEST(Config, KeyInTheWrongSectionIsFound) {
  EXPECT_EQ(controller_error("in_flight: 3\n"),
            "c.yaml:1: unknown key in_flight; the nearest known key is limits.in_flight");
}

TEST(Config, KeyWithoutANeighbourGetsNoAdvice) {
  EXPECT_EQ(controller_error("zzzzzzzzzzzz: 3\n"), "c.yaml:1: unknown key zzzzzzzzzzzz");
}

TEST(Config, WrongValuesNameWhatWouldBeRight) {
  struct row {
    const char* text;
    const char* message;
  };
  const row rows[] = {
      {"limits:\n  in_flight: many\n",
       "c.yaml:2: limits.in_flight must be a whole number from 1 to 1000000, got \"many\""},
      {"limits:\n  in_flight: 0\n",
       "c.yaml:2: limits.in_flight must be a whole number from 1 to 1000000, got \"0\""},
      {"limits:\n  in_flight: -4\n",
       "c.yaml:2: limits.in_flight must be a whole number from 1 to 1000000, got \"-4\""},
      {"limits:\n  in_flight: 99999999999999999999\n",
       "c.yaml:2: limits.in_flight must be a whole number from 1 to 1000000, got "
       "\"99999999999999999999\""},
      {"limits:\n  in_flight: 1.5\n",
       "c.yaml:2: limits.in_flight must be a whole number from 1 to 1000000, got \"1.5\""},
      {"limits:\n  in_flight: '5'\n",
       "c.yaml:2: limits.in_flight must be a whole number from 1 to 1000000 without quotes"},
      {"limits:\n  body_bytes: 16MB\n", "c.yaml:2: limits.body_bytes must be a size in bytes (KiB, "
                                        "MiB, GiB) from 1KiB to 1GiB, got \"16MB\""},
      {"hosts:\n  lease: 10\n",
       "c.yaml:2: hosts.lease must be a duration (ms, s, m, h) from 300ms to 24h, got \"10\""},
      {"hosts:\n  lease: [10s]\n",
       "c.yaml:2: hosts.lease must be a duration (ms, s, m, h) from 300ms to 24h, got a list"},
      {"hosts:\n  lease:\n",
       "c.yaml:2: hosts.lease has no value; it must be a duration (ms, s, m, h) from 300ms to 24h"},
      {"log:\n  level: verbose\n",
       "c.yaml:2: log.level must be one of trace, debug, info, warn, error, got \"verbose\""},
      {"listen: 8750\n",
       "c.yaml:1: listen must be an address and port such as 127.0.0.1:8750, got \"8750\""},
      {"listen: 127.0.0.1:70000\n", "c.yaml:1: listen must be an address and port such as "
                                    "127.0.0.1:8750, got \"127.0.0.1:70000\""},
      {"store: fast\n", "c.yaml:1: store is a section: its keys (kind, path, snapshot_events, "
                        "batch_events) go below it, indented"},
      {"limits.in_flight: 5\n", "c.yaml:1: write limits.in_flight as a section: the part after the "
                                "dot goes below it, indented"},
      {"listen: 127.0.0.1:1\n\nlisten: 127.0.0.1:2\n",
       "c.yaml:3: listen is given twice, first in line 1; keep one"},
      {"limits:\n  batch: 1\nlimits:\n  batch: 2\n",
       "c.yaml:3: limits is given twice, first in line 1; keep one"},
      {"- listen\n", "c.yaml:1: must be a map of keys and values such as `listen: ...`"},
      {"listen: 127.0.0.1:1\n---\nlisten: 127.0.0.1:1\n",
       "c.yaml: 2 YAML documents; one is expected"},
      {"[a]: b\n", "c.yaml:1: a key must be a plain word"},
  };
  for (const auto& row : rows)
    EXPECT_EQ(controller_error(row.text), row.message) << row.text;
  EXPECT_EQ(host_error("disable_gpu: yes\n"),
            "h.yaml:1: disable_gpu must be true or false, got \"yes\"");
  EXPECT_EQ(host_error("disable_gpu: \"false\"\n"),
            "h.yaml:1: disable_gpu must be true or false without quotes");
  EXPECT_EQ(host_error("simulated:\n  time_scale: nan\n"),
            "h.yaml:2: simulated.time_scale must be a number from 0 to 1000, got \"nan\"");
}

TEST(Config, BrokenYamlNamesTheLine) {
  EXPECT_THAT(controller_error("listen: 127.0.0.1:1\n  kind: \"x\n"),
              AllOf(StartsWith("c.yaml:2: not YAML: ")));
  EXPECT_THAT(controller_error("a: [1, 2\nb: 3\n"), HasSubstr("not YAML"));
}

TEST(Config, RulesBetweenKeys) {
  EXPECT_EQ(controller_error("listen: 0.0.0.0:8750\n"),
            "c.yaml: listen is 0.0.0.0:8750, which others can reach: that needs tls.certificate, "
            "tls.key and token_file; or listen on 127.0.0.1");
  EXPECT_EQ(controller_error("listen: '[::1]:8750'\n"), "accepted");
  EXPECT_EQ(
      controller_error("listen: 0.0.0.0:8750\ntoken_file: t\ntls: {certificate: c, key: k}\n"),
      "accepted");
  EXPECT_EQ(controller_error("tls: {certificate: c}\n"),
            "c.yaml: tls.certificate and tls.key go together: give both or none");
  EXPECT_THAT(controller_error("hosts: {heartbeat_interval: 5s, lease: 10s}\n"),
              HasSubstr("less than three times"));
  EXPECT_EQ(host_error("controller: 10.0.0.1:8750\n"),
            "h.yaml: controller is 10.0.0.1:8750, on another machine: that needs tls.certificate, "
            "tls.key and tls.ca");
  EXPECT_EQ(host_error("simulated: {enabled: true}\n"),
            "h.yaml: simulated.enabled needs either simulated.machine or simulated.inventory");
  EXPECT_EQ(host_error("simulated: {machine: a100}\n"),
            "h.yaml: the simulated section has no effect unless simulated.enabled is true");
  EXPECT_EQ(host_error("state_dir: ''\n"),
            "h.yaml: state_dir must name a directory: device epochs are remembered there");
  EXPECT_EQ(host_error("reconnect: {delay_min: 2s, delay_max: 1s}\n"),
            "h.yaml: reconnect.delay_max must be at least reconnect.delay_min");
  EXPECT_THAT(host_error("servers: {disk_pool: p, image_pool: p}\n"),
              HasSubstr("another pool than servers.disk_pool"));
}

TEST(Config, FlagsWinOverTheFile) {
  const scratch_file file{"listen: 127.0.0.1:1\nlimits:\n  in_flight: 5\n"};
  const auto got = controller_flags("--config", file.path(), "--limits-in-flight=9");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->config.listen, "127.0.0.1:1");
  EXPECT_EQ(got->config.limits_in_flight, 9);
  EXPECT_TRUE(got->text.empty());
}

TEST(Config, BooleanFlagsTakeAnOptionalValue) {
  EXPECT_TRUE(host_flags("--disable-gpu")->config.disable_gpu);
  EXPECT_TRUE(host_flags("--disable-gpu=true")->config.disable_gpu);
  EXPECT_FALSE(host_flags("--disable-gpu=false")->config.disable_gpu);
  EXPECT_FALSE(host_flags("--disable-gpu", "false")->config.disable_gpu);
  EXPECT_TRUE(host_flags("--disable-gpu", "true", "--name", "a")->config.disable_gpu);
  const auto got = host_flags("--simulated", "--simulated-machine", "page");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_TRUE(got->config.simulated);
  EXPECT_EQ(got->config.simulated_machine, "page");
}

TEST(Config, WrongFlagsAreExplained) {
  EXPECT_EQ(controller_flags("--limits-in-flihgt", "3").error().message,
            "unknown flag --limits-in-flihgt; the nearest known flag is --limits-in-flight");
  EXPECT_EQ(controller_flags("--limits-in-flight", "many").error().message,
            "--limits-in-flight must be a whole number from 1 to 1000000, got \"many\"");
  EXPECT_EQ(controller_flags("--listen").error().message, "--listen needs a value, see --help");
  EXPECT_EQ(controller_flags("--listen", "127.0.0.1:1", "--listen", "127.0.0.1:2").error().message,
            "--listen is given twice");
  EXPECT_EQ(controller_flags("start").error().message,
            "unexpected argument \"start\": every setting is a flag, see --help");
  EXPECT_THAT(controller_flags("--config", "/nonexistent/c.yaml").error().message,
              StartsWith("/nonexistent/c.yaml: cannot be read: "));
}

TEST(Config, HelpVersionCheckAndPrint) {
  const auto help = controller_flags("--help");
  ASSERT_TRUE(help);
  for (const auto& key : describe(controller_keys()))
    EXPECT_THAT(help->text, HasSubstr("--" + key.flag));
  EXPECT_THAT(host_flags("--version")->text, StartsWith("berth-host "));
  EXPECT_EQ(host_flags("--check")->text, "the configuration is good\n");
  EXPECT_THAT(controller_flags("--print-config", "--limits-batch", "3")->text,
              HasSubstr("  batch: 3\n"));
}

/// Any settings survive being printed and read again.
TEST(Config, PrintedSettingsLoadAgain) {
  const std::uint64_t seed = 20'260'301;
  SCOPED_TRACE(fmt::format("SEED={}", seed));
  std::mt19937_64 dice{seed};
  const auto between = [&](double low, double high) {
    return static_cast<std::int64_t>(low +
                                     static_cast<double>(dice() % 1000) / 999.0 * (high - low));
  };
  for (int round = 0; round < 200; ++round) {
    host_config config;
    for (const auto& key : host_keys())
      std::visit(
          [&](auto member) {
            using T = std::decay_t<decltype(config.*member)>;
            if constexpr (std::is_same_v<T, std::int64_t>)
              config.*member = between(key.rule.minimum, key.rule.maximum);
            else if constexpr (std::is_same_v<T, bool>)
              config.*member = dice() % 2 == 0;
            else if constexpr (std::is_same_v<T, double>)
              config.*member = static_cast<double>(dice() % 4000) / 4.0;
            else if constexpr (std::is_same_v<T, std::chrono::milliseconds>)
              config.*member = std::chrono::milliseconds{between(key.rule.minimum, 60'000)};
            else if (key.rule.kind == value_kind::text || key.rule.kind == value_kind::path)
              config.*member = fmt::format("it's: #{} \\ \"x\"", dice() % 10);
          },
          key.where);
    config.simulated = true;
    config.simulated_inventory.clear();
    config.devices_offer = "0108"; // these are lists, and checked
    config.devices_resets = "*=flr";
    config.servers_networks.clear();
    config.servers_image_pool = config.servers_disk_pool + "-images"; // two pools
    config.reconnect_delay_max = std::max(config.reconnect_delay_min, config.reconnect_delay_max);
    const auto text = to_yaml(config);
    const auto again = parse_host_config(text, "again.yaml");
    ASSERT_TRUE(again) << again.error().message << "\n" << text;
    EXPECT_EQ(*again, config) << text;
  }
}

TEST(Config, EmptyOptionalAddressSurvivesPrinting) {
  host_config config;
  config.name = "gpu-1";
  config.metrics_listen.clear();
  EXPECT_EQ(parse_host_config(to_yaml(config), "again.yaml").value(), config);
}

TEST(Config, PatternsNameTheHost) {
  EXPECT_EQ(for_host("/pki/{host}.crt", "gpu-1"), "/pki/gpu-1.crt");
  EXPECT_EQ(for_host("{host}/{host}", "a"), "a/a");
  EXPECT_EQ(for_host("/pki/host.crt", "gpu-1"), "/pki/host.crt");
}

TEST(CapacityShapes, CountModelAndPlace) {
  const auto shapes = parse_capacity_shapes("4xH100,  8x NVIDIA GeForce GTX 1050 Ti:pcie_switch ");
  ASSERT_TRUE(shapes) << shapes.error().message;
  EXPECT_EQ(*shapes, (std::vector<counted_shape>{
                         {4, "H100", ""}, {8, "NVIDIA GeForce GTX 1050 Ti", "pcie_switch"}}));
  EXPECT_TRUE(parse_capacity_shapes("")->empty());
}

TEST(CapacityShapes, WrongOnesSayWhatIsRight) {
  for (const std::string text : {"H100", "0xH100", "65xH100", "-1xH100", "4x", "4xH100:rack",
                                 "4xH100,,2xH100", "4xH100,4xH100", "99999999999xH100"}) {
    const auto shapes = parse_capacity_shapes(text);
    ASSERT_FALSE(shapes) << text;
    EXPECT_NE(shapes.error().message.find("capacity.shapes: \""), std::string::npos) << text;
  }
  const auto config = parse_controller_config("capacity:\n  shapes: 4xH100:rack\n", "c.yaml");
  ASSERT_FALSE(config);
  EXPECT_NE(config.error().message.find("c.yaml: capacity.shapes"), std::string::npos)
      << config.error().message;
}

TEST(SchedulerPools, EveryProjectHasItsOwn) {
  const auto pools = parse_pools("ml=spread:4,batch=best-fit");
  ASSERT_TRUE(pools);
  EXPECT_EQ(pools->size(), 2U);
  EXPECT_EQ(pools->at("ml"), (scheduler_pool{"spread", 4}));
  EXPECT_EQ(pools->at("batch"), (scheduler_pool{"best-fit", 1}));
  EXPECT_TRUE(parse_pools("")->empty());
}

TEST(ControllerConfig, AnUnknownPolicyIsNamedWithThoseThereAre) {
  for (const auto& [flag, value] : {std::pair{"--scheduler-policy", "worst-fit"},
                                    std::pair{"--scheduler-pools", "ml=best-fit,x=worst-fit:2"}}) {
    const auto c = controller_flags(flag, value);
    ASSERT_FALSE(c);
    EXPECT_THAT(c.error().message, HasSubstr("\"worst-fit\""));
    EXPECT_THAT(c.error().message, HasSubstr("best-fit, spread"));
  }
}

TEST(SchedulerPools, AMistakeIsNamed) {
  for (const auto* text : {"ml", "=best-fit", "ml=", "ml=best-fit:", "ml=best-fit:0",
                           "ml=best-fit:65", "ml=best-fit:4x", "a=b,a=c", "a b=c", ",a=b"}) {
    const auto pools = parse_pools(text);
    ASSERT_FALSE(pools) << text;
    EXPECT_NE(pools.error().message.find("write PROJECT=POLICY:COUNT"), std::string::npos) << text;
  }
}

} // namespace
} // namespace berth::apps
