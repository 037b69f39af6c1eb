// Writes a store that holds H hosts with 8 GPUs each and S live servers, through the same
// event_store that the controller uses, so that a restart on it can be measured (bench/restart).

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>
#include <vector>

#include <boost/program_options.hpp>
#include <fmt/format.h>

#include "model/event.hpp"
#include "store/sqlite_store.hpp"

namespace {

using namespace berth;

constexpr int gpus_per_host = 8;
constexpr std::size_t records_per_batch = 4096;

/// Appends events one by one in batches; ends the program when the store refuses.
class appender {
public:
  explicit appender(store::event_store& log) : log_(log), next_(log.last_sequence() + 1) {}
  ~appender() { flush(); }

  void add(model::event what) {
    batch_.push_back(
        {next_++, model::timestamp{std::chrono::seconds{1'700'000'000}}, std::move(what)});
    if (batch_.size() == records_per_batch)
      flush();
  }

private:
  void flush() {
    if (auto done = log_.append(batch_); !done) {
      fmt::print(stderr, "fill_store: {}\n", done.error().message);
      std::exit(1);
    }
    batch_.clear();
  }

  store::event_store& log_;
  model::sequence_number next_;
  std::vector<model::log_record> batch_;
};

template <class Id> Id numbered(std::string_view kind, std::uint64_t number) {
  return Id{model::uuid::derive(model::uuid{}, fmt::format("{}-{}", kind, number))};
}

model::device_info device(std::uint64_t host, int slot) {
  model::device_info info;
  info.id =
      numbered<model::device_id>("device", host * gpus_per_host + static_cast<std::uint64_t>(slot));
  info.address = {0, static_cast<std::uint8_t>(0x10 + slot * 0x10), 0, 0};
  info.vendor_device = {0x10de, 0x2330};
  info.class_code = 0x030200;
  info.vendor = "NVIDIA";
  info.model = "H100 SXM5 80GB";
  info.numa_node = slot / 4;
  info.iommu_group = slot;
  info.pcie_root = fmt::format("0000:{:02x}:01.0", 0x10 + slot * 0x10);
  info.link = {5, 16};
  info.bar_sizes = {16U << 20U, 128ULL << 30U, 32U << 20U};
  info.reset_methods = {"flr", "bus"};
  info.allocation_unit = fmt::format("iommu-{}", slot);
  return info;
}

model::host_inventoried host(std::uint64_t number, std::int64_t servers) {
  model::host_inventoried event;
  event.info.id = numbered<model::host_id>("host", number);
  event.info.name = fmt::format("host-{:06}", number);
  event.info.machine = "HGX H100";
  event.info.capacity = {256 + servers, 4 << 20, 64 << 20};
  event.info.numa_nodes = 2;
  for (int slot = 0; slot < gpus_per_host; ++slot)
    event.info.devices.push_back(device(number, slot));
  event.incarnation = numbered<model::incarnation_id>("incarnation", number);
  return event;
}

model::server_created server(std::uint64_t number, std::uint64_t hosts) {
  model::server_created event;
  auto& record = event.server;
  record.id = numbered<model::server_id>("server", number);
  model::server_spec spec;
  spec.name = fmt::format("server-{}", number);
  spec.disks = {{10240, "debian-12"}};
  spec.networks = {"default"};
  record.host = numbered<model::host_id>("host", number % hosts);
  record.status = model::server_status::ready;
  const auto slot = number / hosts;
  if (slot < gpus_per_host) {
    spec.devices.push_back(
        {std::nullopt, 1, {{.model = "H100", .vendor = {}, .type = {}, .vendor_device = {}}}});
    record.attachments.push_back(
        {device(number % hosts, static_cast<int>(slot)).id, 1, model::dev_type::gpu_hpc});
  }
  record.spec = std::move(spec);
  return event;
}

} // namespace

int main(int argc, char** argv) {
  namespace po = boost::program_options;
  std::string path;
  std::uint64_t hosts = 10'000;
  std::uint64_t servers = 1'000'000;
  po::options_description options{"fill_store: writes a store with many live servers"};
  options.add_options()("help", "this text")("store", po::value(&path)->required(),
                                             "the file to make")(
      "hosts", po::value(&hosts)->default_value(hosts),
      "with 8 GPUs each")("servers", po::value(&servers)->default_value(servers),
                          "the first 8 of each host hold a GPU");
  try {
    po::variables_map values;
    po::store(po::parse_command_line(argc, argv, options), values);
    if (values.count("help")) {
      std::cout << options;
      return 0;
    }
    po::notify(values);
    store::sqlite_options how;
    how.path = path;
    auto log = store::sqlite_store::open(how);
    if (!log) {
      fmt::print(stderr, "fill_store: {}\n", log.error().message);
      return 1;
    }
    appender out{**log};
    for (std::uint64_t i = 0; i < hosts; ++i)
      out.add(host(i, static_cast<std::int64_t>(servers / hosts)));
    for (std::uint64_t i = 0; i < servers; ++i)
      out.add(server(i, hosts));
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "fill_store: {}\n", error.what());
    return 1;
  }
}
