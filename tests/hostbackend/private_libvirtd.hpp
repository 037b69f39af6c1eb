#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace berth::hostbackend::testing {

/// Polls until `holds`, at most a minute: real processes are involved.
[[nodiscard]] inline bool eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 1200; ++i) {
    if (holds())
      return true;
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
  }
  return holds();
}

/// A libvirtd of its own: an unprivileged one with every directory below a temporary one, so that
/// tests run next to each other and to the machine's own libvirtd. A root user's test runs it as
/// nobody. At the end it and the QEMUs that it started are ended.
class private_libvirtd {
public:
  [[nodiscard]] static bool possible() {
    return ::access(daemon, X_OK) == 0 && ::access("/usr/bin/qemu-system-x86_64", X_OK) == 0;
  }

  private_libvirtd() {
    auto pattern = (std::filesystem::temp_directory_path() / "berth-lv-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error{"no temporary directory"};
    root_ = pattern;
    for (const auto* const part :
         {"", "run", "config", "config/libvirt", "cache", "data", "disks", "images", "serial"}) {
      std::filesystem::create_directories(root_ / part);
      give_away(root_ / part);
    }
    std::ofstream{root_ / "config/libvirt/qemu.conf"} << "stdio_handler = \"file\"\n";
    start();
  }
  ~private_libvirtd() {
    for (const auto& pid : qemus())
      ::kill(pid, SIGKILL);
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  private_libvirtd(const private_libvirtd&) = delete;
  private_libvirtd& operator=(const private_libvirtd&) = delete;

  [[nodiscard]] std::string uri() const {
    return "qemu+unix:///session?socket=" + (root_ / "run/libvirt/libvirt-sock").string();
  }
  [[nodiscard]] std::filesystem::path operator/(const std::string& part) const {
    return root_ / part;
  }
  /// The file becomes readable to the daemon.
  static void give_away(const std::filesystem::path& path) {
    if (::geteuid() == 0 && ::chown(path.c_str(), nobody, nobody) != 0)
      throw std::runtime_error{"cannot give away " + path.string()};
  }

  void start() {
    pid_ = ::fork();
    if (pid_ == 0)
      become_daemon();
  }
  /// At once, as a crash: its QEMUs go on.
  void stop() {
    if (pid_ <= 0)
      return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  void signal(int number) const { ::kill(pid_, number); }

  /// Of the domain's QEMU, from libvirt's own pid file; -1 = there is none.
  [[nodiscard]] pid_t qemu_of(const std::string& domain) const {
    pid_t pid = -1;
    std::ifstream{root_ / "run/libvirt/qemu/run" / (domain + ".pid")} >> pid;
    return pid;
  }

private:
  static constexpr const char* daemon = "/usr/sbin/libvirtd";
  static constexpr uid_t nobody = 65534;

  [[nodiscard]] std::vector<pid_t> qemus() const {
    std::vector<pid_t> pids;
    std::error_code none;
    for (const auto& file :
         std::filesystem::directory_iterator{root_ / "run/libvirt/qemu/run", none})
      if (file.path().extension() == ".pid")
        if (const auto pid = qemu_of(file.path().stem().string()); pid > 0)
          pids.push_back(pid);
    return pids;
  }

  [[noreturn]] void become_daemon() const {
    const auto set = [this](const char* name, const char* part) {
      ::setenv(name, (root_ / part).c_str(), 1);
    };
    set("HOME", "");
    set("XDG_RUNTIME_DIR", "run");
    set("XDG_CONFIG_HOME", "config");
    set("XDG_CACHE_HOME", "cache");
    set("XDG_DATA_HOME", "data");
    const int log =
        ::open((root_ / "log").c_str(), O_CREAT | O_APPEND | O_WRONLY | O_CLOEXEC, 0644);
    ::dup2(log, 1);
    ::dup2(log, 2);
    if (::geteuid() == 0 &&
        (::setgroups(0, nullptr) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0))
      ::_exit(126);
    if (::chdir(root_.c_str()) != 0)
      ::_exit(126);
    ::execl(daemon, daemon, static_cast<char*>(nullptr));
    ::_exit(127);
  }

  std::filesystem::path root_;
  pid_t pid_ = -1;
};

} // namespace berth::hostbackend::testing
