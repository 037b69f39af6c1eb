#include "tests/system/processes.hpp"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <thread>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net/http_client.hpp"
#include "net/pki.hpp"

namespace berth::system_tests {

namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void must(bool holds, const std::string& what) {
  if (!holds)
    throw std::runtime_error{what};
}

} // namespace

bool eventually(const std::function<bool()>& holds, double seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{20}); // between two looks
  }
  return true;
}

process::process(const std::string& program, std::vector<std::string> arguments,
                 const std::filesystem::path& log) {
  const auto path = std::string{BERTH_BINARY_DIR} + "/bin/" + program;
  std::vector<char*> argv{const_cast<char*>(path.c_str())};
  for (auto& each : arguments)
    argv.push_back(each.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 2, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  const int failed = posix_spawn(&pid_, path.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  must(failed == 0, path + " cannot be started");
}

process::~process() {
  if (runs())
    kill_now();
}

void process::signal(int which) const {
  if (!ended_)
    ::kill(pid_, which);
}

std::optional<int> process::wait(double seconds) {
  (void)eventually([this] { return !runs(); }, seconds);
  return ended_;
}

void process::kill_now() {
  signal(SIGKILL);
  (void)wait();
}

bool process::runs() {
  if (ended_)
    return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_)
    return true;
  ended_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return false;
}

installation::installation() {
  auto pattern = (std::filesystem::temp_directory_path() / "berth-system-XXXXXX").string();
  must(::mkdtemp(pattern.data()) != nullptr, pattern + " cannot be made");
  directory_ = pattern;
  store_ = directory_ / "controller.db";
  must(net::create_authority(directory_ / "pki").has_value(), "no authority");
  must(net::issue(directory_ / "pki", "controller", {"127.0.0.1", "localhost"},
                  net::certificate_role::controller)
           .has_value(),
       "no certificate for the controller");
}

installation::~installation() {
  hosts_.clear();
  controller_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void installation::certify_host(const std::string& name) {
  const auto done = net::issue(directory_ / "pki", name, {}, net::certificate_role::host);
  must(done.has_value(), done ? "" : done.error().message);
}

void installation::start_controller(std::vector<std::string> more) {
  const auto port_file = directory_ / "port";
  std::filesystem::remove(port_file);
  const auto pki = (directory_ / "pki").string();
  std::vector<std::string> arguments{"--listen",
                                     "127.0.0.1:" + std::to_string(port_),
                                     "--listen-port-file",
                                     port_file,
                                     "--tls-certificate",
                                     pki + "/controller.crt",
                                     "--tls-key",
                                     pki + "/controller.key",
                                     "--tls-client-ca",
                                     pki + "/ca.crt",
                                     "--store-path",
                                     store_,
                                     "--hosts-heartbeat-interval",
                                     "200ms",
                                     "--hosts-lease",
                                     "2s"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  controller_ = std::make_unique<process>("berth-controller", std::move(arguments),
                                          directory_ / "controller.log");
  must(eventually([&] { return std::filesystem::exists(port_file) || !controller_->runs(); }),
       "the controller does not listen");
  must(controller_->runs(), "the controller ended: " + log("controller"));
  port_ = std::stoi(read_file(port_file));
  must(eventually([this] { return ready(); }), "the controller does not become ready");
}

bool installation::ready() {
  return ask("GET", "/readyz").status == 200;
}

void installation::start_host(const std::string& name, const std::string& machine,
                              const std::string& certificate) {
  const auto state = directory_ / ("state-" + name);
  std::filesystem::create_directories(state);
  const auto pki = (directory_ / "pki").string();
  const auto own = pki + "/" + (certificate.empty() ? name : certificate);
  hosts_[name] = nullptr; // the former agent must have let go of the state
  hosts_[name] =
      std::make_unique<process>("berth-host",
                                std::vector<std::string>{"--controller",
                                                         "127.0.0.1:" + std::to_string(port_),
                                                         "--name",
                                                         name,
                                                         "--tls-certificate",
                                                         own + ".crt",
                                                         "--tls-key",
                                                         own + ".key",
                                                         "--tls-ca",
                                                         pki + "/ca.crt",
                                                         "--state-dir",
                                                         state,
                                                         "--metrics-listen",
                                                         "127.0.0.1:0",
                                                         "--reconnect-delay-min",
                                                         "20ms",
                                                         "--reconnect-delay-max",
                                                         "200ms",
                                                         "--simulated",
                                                         "true",
                                                         "--simulated-machine",
                                                         machine,
                                                         "--simulated-time-scale",
                                                         "0.02"},
                                directory_ / (name + ".log"));
}

answer installation::ask(const std::string& method, const std::string& path,
                         const nlohmann::json& body) {
  net::http_client_options options;
  options.where = {"127.0.0.1", static_cast<std::uint16_t>(port_)};
  net::http_client client{options};
  net::client_request request;
  request.method = method;
  request.target = path;
  if (!body.is_null()) {
    request.body = body.dump();
    request.headers.add("Content-Type", "application/json");
  }
  const auto given = client.request(std::move(request));
  if (!given)
    return {};
  return {given->status, nlohmann::json::parse(given->body, nullptr, false)};
}

std::string installation::log(const std::string& name) const {
  return read_file(directory_ / (name + ".log"));
}

} // namespace berth::system_tests
