#include "tests/cli/fake_controller.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

namespace berth::cli::testing {
namespace {

class fake_transport final : public transport {
public:
  explicit fake_transport(fake_controller& controller) : controller_(controller) {}
  result<call_answer> exchange(const call& what) override { return controller_.take(what); }
  result<call_answer> stream(const call& what,
                             const std::function<bool(std::string_view)>& on_bytes) override {
    return controller_.take_stream(what, on_bytes);
  }

private:
  fake_controller& controller_;
};

class fake_pacer final : public pacer {
public:
  explicit fake_pacer(duration& now) : now_(now) {}
  duration now() override { return now_; }
  void pause(duration how_long) override { now_ += how_long; }

private:
  duration& now_;
};

} // namespace

json fake_controller::body_of(const std::string& request) const {
  const call* found = nullptr;
  for (const auto& c : calls_)
    if (c.method + " " + c.target == request) {
      EXPECT_EQ(found, nullptr) << request << " was sent twice";
      found = &c;
    }
  EXPECT_NE(found, nullptr) << request << " was not sent";
  return found == nullptr ? json{} : json::parse(found->body);
}

result<call_answer> fake_controller::take(const call& what) {
  calls_.push_back(what);
  if (dark_ != exit_code::success)
    return tl::unexpected{fault{dark_, "cannot connect to 127.0.0.1:8750: connection refused"}};
  auto& prepared = answers_[what.method + " " + what.target];
  if (prepared.empty()) {
    ADD_FAILURE() << "unexpected request " << what.method << " " << what.target << " " << what.body;
    return call_answer{.status = 500, .body = "{}"};
  }
  auto answer = prepared.front();
  if (prepared.size() > 1)
    prepared.pop_front();
  return answer;
}

result<call_answer>
fake_controller::take_stream(const call& what,
                             const std::function<bool(std::string_view)>& on_bytes) {
  auto answer = take(what);
  if (!answer || answer->status != 200)
    return answer;
  // In pieces that respect no line.
  for (std::size_t at = 0; at < answer->body.size(); at += 7)
    if (!on_bytes(std::string_view{answer->body}.substr(at, 7)))
      break;
  answer->body.clear();
  return answer;
}

outcome shell::run_line(const std::vector<std::string>& argv) {
  std::ostringstream out;
  std::ostringstream err;
  fake_pacer time{waited};
  const surroundings world{
      .version = "1.2.3",
      .out = out,
      .err = err,
      .live = live,
      .time = time,
      .variable = [this](const std::string& name) -> std::optional<std::string> {
        const auto found = variables.find(name);
        return found == variables.end() ? std::nullopt : std::optional{found->second};
      },
      .connect = [this](const connection_options& options) -> result<std::unique_ptr<transport>> {
        controller.connected(options);
        return std::make_unique<fake_transport>(controller);
      }};
  const int status = run(argv, world);
  return {status, out.str(), err.str()};
}

void expect_golden(const std::string& name, const std::string& text) {
  const auto path = fmt::format("{}/tests/cli/golden/{}", BERTH_SOURCE_DIR, name);
  if (std::getenv("UPDATE_GOLDEN") != nullptr)
    std::ofstream{path, std::ios::binary} << text;
  std::ifstream in{path, std::ios::binary};
  EXPECT_TRUE(in) << path << " is missing: UPDATE_GOLDEN=1 writes it";
  const std::string expected{std::istreambuf_iterator<char>{in}, {}};
  EXPECT_EQ(text, expected) << path;
}

json page_devices() {
  const auto device = [](const char* id, const char* model, const char* addr, const char* pci) {
    return json{{"id", id},
                {"dev_type", "GPU-HPC"},
                {"model", model},
                {"vendor", "NVIDIA"},
                {"addr", addr},
                {"pci_address", std::string{"0000:"} + addr},
                {"vendor_device_id", pci},
                {"host_id", "3bce9607-2597-469f-8d9b-977345456739"},
                {"host", "page-host"},
                {"state", "free"},
                {"enabled", true},
                {"present", true},
                {"numa_node", 0},
                {"pcie_info", "gen3 x16"},
                {"reset_methods", json::array({"flr", "bus"})},
                {"reserved_cpu", 8},
                {"reserved_memory", 8192},
                {"reserved_storage", 102400}};
  };
  return json::array(
      {device(page_gpu, "GeForce GTX 1050 Ti", "41:00.0", "10de:1c82"),
       device("a77333e9-08d9-45c6-87eb-a7d8d902c5f5", "Quadro FX 580", "05:00.0", "10de:0659")});
}

std::string list_of(const json& items, std::int64_t total) {
  return json{{"items", items},
              {"total", total < 0 ? static_cast<std::int64_t>(items.size()) : total},
              {"limit", 20},
              {"offset", 0}}
      .dump();
}

json server(const std::string& name, const std::string& status) {
  return {{"id", server_id},
          {"name", name},
          {"status", status},
          {"power", "off"},
          {"project", "default"},
          {"hypervisor", "kvm"},
          {"vcpus", 4},
          {"memory_mib", 4096},
          {"disks", json::array({{{"size_mib", 30720}, {"image", "debian-12"}}})},
          {"networks", json::array({"net0"})},
          {"firmware", "bios"},
          {"os", "linux"},
          {"host_id", "3bce9607-2597-469f-8d9b-977345456739"},
          {"host", "page-host"},
          {"devices", json::array({page_devices()[0]})},
          {"auto_start", false},
          {"created_at", "2026-03-01T12:00:00.000000Z"}};
}

std::string error_body(int status, const std::string& name, const std::string& message,
                       const json& details) {
  return json{
      {"error", {{"code", status}, {"class", name}, {"message", message}, {"details", details}}}}
      .dump();
}

} // namespace berth::cli::testing
