#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "metrics/registry.hpp"
#include "metrics/snapshot.hpp"
#include "metrics/table.hpp"

namespace berth::metrics {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in{path};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void expect_golden(const std::filesystem::path& path, const std::string& actual) {
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream{path} << actual;
  }
  EXPECT_EQ(read_file(path), actual) << path << ": run with UPDATE_GOLDEN=1 to rewrite it";
}

/// A file that is removed with its object.
class temporary_file {
public:
  explicit temporary_file(const std::string& content) {
    char name[] = "/tmp/berth-metrics-XXXXXX";
    const int fd = mkstemp(name);
    EXPECT_GE(fd, 0);
    path_ = name;
    std::ofstream{path_} << content;
    if (fd >= 0) {
      ::close(fd);
    }
  }
  temporary_file(const temporary_file&) = delete;
  temporary_file& operator=(const temporary_file&) = delete;
  ~temporary_file() { std::filesystem::remove(path_); }
  [[nodiscard]] const std::string& path() const { return path_; }

private:
  std::string path_;
};

/// The exit status and the output of a shell command.
std::pair<int, std::string> run(const std::string& command) {
  std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) {
    return {-1, "popen failed"};
  }
  std::string output;
  char buffer[4096];
  for (std::size_t n = 0; (n = std::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
    output.append(buffer, n);
  }
  return {::pclose(pipe), output};
}

model::timestamp at(std::int64_t seconds) {
  return model::timestamp{std::chrono::seconds{seconds}};
}

template <class Id> Id id_of(std::uint64_t n) {
  return Id{model::uuid::from_random(0, n)};
}

model::host_record make_host(std::uint64_t n, std::string name) {
  model::host_record host;
  host.id = id_of<model::host_id>(n);
  host.name = std::move(name);
  host.status = model::host_status::online;
  host.settled = true;
  host.last_seen = at(1000);
  return host;
}

model::device_record make_device(std::uint64_t n, const model::host_record& host,
                                 model::device_state state) {
  model::device_record device;
  device.info.id = id_of<model::device_id>(n);
  device.info.address = {0, 0x41, static_cast<std::uint8_t>(n), 0};
  device.info.vendor_device = {0x10de, 0x1c82};
  device.info.model = "GeForce GTX 1050 Ti";
  device.info.numa_node = 0;
  device.info.iommu_group = 17;
  device.host = host.id;
  device.state = state;
  device.state_since = at(900);
  return device;
}

std::shared_ptr<const cluster_snapshot> small_cluster() {
  auto one = make_host(1, "gpu-1");
  one.partitions = {{"nvswitch", 1, {1, 2}}, {"nvswitch", 2, {3}}};
  auto two = make_host(2, "gpu-2");
  two.enabled = false;
  auto owned = make_device(1, one, model::device_state::in_use);
  owned.owner = id_of<model::server_id>(7);
  auto module = make_device(2, one, model::device_state::free);
  module.info.fabric = "nvswitch";
  module.info.fabric_module = 3;
  auto lost = make_device(3, one, model::device_state::lost);
  lost.present = false;
  const auto stranded = make_device(4, two, model::device_state::free);
  auto orphan = make_device(5, two, model::device_state::in_use);

  model::server_record server;
  server.id = id_of<model::server_id>(7);
  server.spec.edit([](model::server_spec& spec) { spec.project = "say \"hi\"\n"; });
  server.status = model::server_status::running;
  server.attachments = {{owned.info.id, 1, model::dev_type::gpu_hpc}};
  model::server_record waiting;
  waiting.id = id_of<model::server_id>(8);
  waiting.status = model::server_status::sched_fail;
  waiting.created_at = at(950);

  snapshot_builder builder;
  builder.add_host(one, at(800));
  builder.add_host(two, at(801));
  for (const auto& device : {owned, module, lost, stranded, orphan}) {
    builder.add_device(device);
  }
  builder.add_server(server);
  builder.add_server(waiting);
  builder.count_servers(model::server_status::ready, 5);
  builder.add_placeable({"A100", 8, "any"}, 3);
  builder.add_placeable({"A100", 8, "fabric"}, 1);
  builder.add_stranded("A100", "cpu", 2);
  builder.add_fragmentation("A100", 0.25);
  return builder.finish(at(1001), 42, 3);
}

TEST(MetricTable, DocumentIsCurrent) {
  expect_golden(BERTH_SOURCE_DIR "/docs/metrics.md", to_markdown());
}

TEST(MetricTable, ObeysTheNamingRules) {
  std::set<std::string_view> names;
  for (const auto& row : all_metrics()) {
    EXPECT_TRUE(names.insert(row.name).second) << row.name;
    EXPECT_TRUE(row.name.starts_with("berth_")) << row.name;
    EXPECT_EQ(row.name.ends_with("_total"), row.kind == metric_kind::counter) << row.name;
    EXPECT_EQ(row.kind == metric_kind::histogram, !row.buckets.empty()) << row.name;
    EXPECT_TRUE(std::ranges::is_sorted(row.buckets)) << row.name;
    EXPECT_FALSE(row.help.empty()) << row.name;
    EXPECT_FALSE(row.help.ends_with('.')) << row.name;
    EXPECT_EQ(find_metric(row.name), row.id);
    for (const auto& label : row.labels) {
      EXPECT_THAT(std::string{row.name}, Not(HasSubstr("_by_" + std::string{label.name})));
    }
  }
  EXPECT_EQ(find_metric("berth_nonsense"), std::nullopt);
}

TEST(Registry, ExportsClosedSetsFromTheStartAtZero) {
  registry live{process::host};
  text_writer out;
  live.collect(out);
  const auto text = out.take();
  EXPECT_THAT(text, HasSubstr("berth_device_operations_total{operation=\"reset\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE berth_device_resets_total counter\n"));
  EXPECT_THAT(text, Not(HasSubstr("berth_leader")));
}

TEST(Registry, HandlesMoveTheirSeries) {
  registry live{process::controller};
  live.get_counter(metric::http_requests_total, {"/v1/servers", "200"}).increment(2);
  live.get_counter(metric::http_requests_total, {"/v1/servers", "200"}).increment();
  const auto leader = live.get_gauge(metric::leader);
  live.before_scrape([leader] { leader.set(1); });
  const auto duration = live.get_histogram(metric::log_append_duration_seconds);
  duration.observe(0.0002);
  duration.observe(50);
  counter{}.increment(); // a handle without a registry counts nothing
  text_writer out;
  live.collect(out);
  const auto text = out.take();
  EXPECT_THAT(text, HasSubstr("berth_http_requests_total{route=\"/v1/servers\",code=\"200\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("berth_leader 1\n"));
  EXPECT_THAT(text, HasSubstr("berth_log_append_duration_seconds_bucket{le=\"0.0001\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("berth_log_append_duration_seconds_bucket{le=\"0.0003\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("berth_log_append_duration_seconds_bucket{le=\"+Inf\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("berth_log_append_duration_seconds_sum 50.0002\n"));
}

TEST(RegistryDeathTest, WrongUseEndsTheProcess) {
  registry live{process::controller};
  EXPECT_DEATH((void)live.get_gauge(metric::log_appends_total), "berth_log_appends_total");
  EXPECT_DEATH((void)live.get_counter(metric::http_requests_total, {"x"}), "label values");
  EXPECT_DEATH((void)live.get_counter(metric::device_resets_total, {"a", "b"}), "this process");
}

TEST(Snapshot, SeriesAreAsStored) {
  text_writer out;
  collect(*small_cluster(), out);
  expect_golden(BERTH_SOURCE_DIR "/tests/metrics/golden/snapshot.prom", out.take());
}

TEST(Snapshot, EmptyClusterHasZerosNotHoles) {
  text_writer out;
  collect(*snapshot_builder{}.finish(at(1), 0, 1), out);
  const auto text = out.take();
  EXPECT_THAT(text, HasSubstr("berth_hosts{state=\"online\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("berth_servers{state=\"running\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("berth_requests_pending{reason=\"does_not_fit\"} 0\n"));
}

TEST(Snapshot, TwoClaimsOnOneDeviceShowAsTwoSeries) {
  snapshot_builder builder;
  const auto host = make_host(1, "gpu-1");
  const auto device = make_device(1, host, model::device_state::in_use);
  builder.add_host(host, at(1));
  builder.add_device(device);
  for (const std::uint64_t n : {1, 2}) {
    model::server_record server;
    server.id = id_of<model::server_id>(n);
    server.attachments = {{device.info.id, n, model::dev_type::gpu_hpc}};
    builder.add_server(server);
  }
  text_writer out;
  collect(*builder.finish(at(2), 1, 1), out);
  const auto text = out.take();
  const std::regex claim{"berth_device_allocation_info\\{"};
  EXPECT_EQ(std::distance(std::sregex_iterator{text.begin(), text.end(), claim}, {}), 2);
}

/// Records which metrics come by.
class name_sink final : public sample_sink {
public:
  void family(metric id) override { seen.push_back(id); }
  void sample(std::span<const std::string_view> labels, double) override {
    EXPECT_EQ(labels.size(), describe(seen.back()).labels.size()) << describe(seen.back()).name;
  }
  void sample(std::span<const std::string_view>, const histogram_value&) override {}
  std::vector<metric> seen;
};

TEST(Exposition, EveryMetricWithASourceIsExportedExactlyOnce) {
  name_sink sink;
  registry controller{process::controller};
  controller.collect(sink);
  collect(*small_cluster(), sink);
  const auto on_controller = std::set<metric>{sink.seen.begin(), sink.seen.end()};
  EXPECT_EQ(on_controller.size(), sink.seen.size());
  name_sink host_sink;
  registry host{process::host};
  host.collect(host_sink);
  for (const auto& row : all_metrics()) {
    const bool on_host = std::ranges::count(host_sink.seen, row.id) == 1;
    EXPECT_EQ(on_controller.contains(row.id), row.source == metric_source::snapshot ||
                                                  row.source == metric_source::controller ||
                                                  row.source == metric_source::both)
        << row.name;
    EXPECT_EQ(on_host, row.source == metric_source::host || row.source == metric_source::both)
        << row.name;
  }
}

TEST(Exposition, PromtoolFindsNoFault) {
  for (const auto which : {process::controller, process::host}) {
    registry live{which};
    if (which == process::host) {
      live.get_counter(metric::device_resets_total, {"A100", "flr"}).increment();
    }
    live.get_histogram(metric::http_request_duration_seconds, {"/v1/servers"}).observe(0.01);
    text_writer out;
    live.collect(out);
    if (which == process::controller) {
      collect(*small_cluster(), out);
    }
    const temporary_file file{out.take()};
    const auto [status, output] = run("promtool check metrics < " + file.path());
    EXPECT_EQ(status, 0) << output;
    EXPECT_EQ(output, "");
  }
}

TEST(Exposition, NumbersAreReadable) {
  const auto text = [](double value) {
    std::string out;
    append_number(out, value);
    return out;
  };
  EXPECT_EQ(text(0), "0");
  EXPECT_EQ(text(12345678), "12345678");
  EXPECT_EQ(text(0.1), "0.1");
  EXPECT_EQ(text(std::numeric_limits<double>::infinity()), "+Inf");
  EXPECT_EQ(text(std::numeric_limits<double>::quiet_NaN()), "NaN");
}

TEST(OpenMetrics, SeriesAreWholeAndInOrderOfTime) {
  open_metrics_log log{{{"scenario", "burst"}, {"run", "1"}}};
  registry live{process::controller};
  const auto attempts = live.get_counter(metric::scheduling_attempts_total);
  for (std::int64_t second = 10; second < 13; ++second) {
    log.at(at(second));
    attempts.increment();
    live.collect(log);
    collect(*small_cluster(), log);
  }
  const auto text = log.text();
  EXPECT_THAT(text,
              HasSubstr("# TYPE berth_scheduling_attempts counter\n"
                        "berth_scheduling_attempts_total{scenario=\"burst\",run=\"1\"} 1 10\n"
                        "berth_scheduling_attempts_total{scenario=\"burst\",run=\"1\"} 2 11\n"
                        "berth_scheduling_attempts_total{scenario=\"burst\",run=\"1\"} 3 12\n"));
  EXPECT_TRUE(text.ends_with("# EOF\n"));
}

TEST(OpenMetrics, PromtoolMakesBlocksOfIt) {
  open_metrics_log log{{{"scenario", "burst"}, {"run", "1"}}};
  registry live{process::controller};
  for (std::int64_t second = 1'700'000'000; second < 1'700'000'060; second += 15) {
    log.at(at(second));
    live.collect(log);
    collect(*small_cluster(), log);
  }
  const temporary_file file{log.text()};
  const auto blocks = file.path() + ".blocks";
  const auto [status, output] =
      run("promtool tsdb create-blocks-from openmetrics " + file.path() + " " + blocks);
  EXPECT_EQ(status, 0) << output;
  EXPECT_FALSE(std::filesystem::is_empty(blocks));
  std::filesystem::remove_all(blocks);
}

TEST(SnapshotSlot, ReadersKeepWhatTheyGot) {
  snapshot_slot slot;
  EXPECT_EQ(slot.get(), nullptr);
  slot.set(small_cluster());
  const auto held = slot.get();
  slot.set(snapshot_builder{}.finish(at(5), 1, 1));
  EXPECT_EQ(held->sequence, 42U);
  EXPECT_EQ(slot.get()->sequence, 1U);
}

} // namespace
} // namespace berth::metrics
