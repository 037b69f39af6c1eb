#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>
#include <sys/types.h>

namespace berth::system_tests {

/// Polls until `holds`, for at most `seconds`; false when it never did.
[[nodiscard]] bool eventually(const std::function<bool()>& holds, double seconds = 60);

/// A program of the build, running. Killed at the end, unless it ended by itself.
class process {
public:
  process(const std::string& program, std::vector<std::string> arguments,
          const std::filesystem::path& log);
  process(const process&) = delete;
  process& operator=(const process&) = delete;
  ~process();

  void signal(int which) const;
  /// Waits for the end and gives the exit code (128 + signal for a killed one); nullopt: it did not
  /// end in time.
  [[nodiscard]] std::optional<int> wait(double seconds = 30);
  void kill_now(); ///< SIGKILL, and waits
  [[nodiscard]] bool runs();

private:
  pid_t pid_ = -1;
  std::optional<int> ended_;
};

struct answer {
  int status = 0; ///< 0: no answer
  nlohmann::json body;
};

/// A directory with certificates, a controller and agents. Everything ends with it.
class installation {
public:
  installation();
  installation(const installation&) = delete;
  installation& operator=(const installation&) = delete;
  ~installation();

  /// Issues a certificate by the installation's authority; `name` may be `*`.
  void certify_host(const std::string& name);

  /// Starts the controller on the port it had before, and waits until it is ready.
  void start_controller(std::vector<std::string> more = {});
  [[nodiscard]] process& controller() { return *controller_; }
  [[nodiscard]] bool ready();
  /// Starts the agent of a simulated host; `certificate`: whose it uses (the host's own).
  void start_host(const std::string& name, const std::string& machine,
                  const std::string& certificate = {});
  [[nodiscard]] process& host(const std::string& name) { return *hosts_.at(name); }

  [[nodiscard]] answer ask(const std::string& method, const std::string& path,
                           const nlohmann::json& body = nullptr);
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] const std::filesystem::path& directory() const { return directory_; }
  void store_at(std::filesystem::path path) { store_ = std::move(path); }
  [[nodiscard]] std::string log(const std::string& name) const;

private:
  std::filesystem::path directory_;
  std::filesystem::path store_;
  int port_ = 0;
  std::unique_ptr<process> controller_;
  std::map<std::string, std::unique_ptr<process>> hosts_;
};

} // namespace berth::system_tests
