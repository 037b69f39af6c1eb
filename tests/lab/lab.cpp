#include "tests/lab/lab.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

namespace berth::lab {

namespace fs = std::filesystem;
using model::errc;
using model::fail;

namespace {

using clock = std::chrono::steady_clock;
constexpr std::size_t output_max = 1U << 20U;

clock::time_point after(double seconds) {
  return clock::now() +
         std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(seconds));
}

/// Reads until the other side closes, or the time is up (false).
bool read_all(int from, clock::time_point until, std::string& output) {
  std::array<char, 4096> buffer{};
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(until - clock::now()).count();
    pollfd ready{from, POLLIN, 0};
    if (left <= 0 || ::poll(&ready, 1, static_cast<int>(left)) == 0)
      return false;
    const auto got = ::read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR)
      continue;
    if (got <= 0)
      return true;
    if (output.size() < output_max)
      output.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

model::result<void> labctl(std::vector<std::string> request) {
  request.insert(request.begin(), "labctl");
  const auto did = run(request);
  if (did.status == 0)
    return {};
  return fail(errc::internal, "labctl " + request[1] + ": " + did.output);
}

std::string text_of(const fs::path& file) {
  std::ifstream stream{file, std::ios::binary};
  std::ostringstream text;
  text << stream.rdbuf();
  return text.str();
}

/// Ends what the pid file names and waits for it.
void end_daemon(const fs::path& pid_file) {
  std::ifstream file{pid_file};
  pid_t pid = 0;
  if (!(file >> pid) || pid <= 1)
    return;
  ::kill(pid, SIGTERM);
  if (!eventually([pid] { return ::kill(pid, 0) != 0; }, 20))
    ::kill(pid, SIGKILL);
}

} // namespace

bool inside() {
  const char* value = std::getenv("BERTH_LAB");
  return value != nullptr && std::string_view{value} == "1";
}

bool eventually(const std::function<bool()>& holds, double seconds) {
  const auto until = after(seconds);
  while (!holds()) {
    if (clock::now() > until)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  return true;
}

ended run(const std::vector<std::string>& command, double seconds) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0)
    return {.status = -1, .output = std::strerror(errno)};
  std::vector<char*> arguments;
  for (const auto& one : command)
    arguments.push_back(const_cast<char*>(one.c_str()));
  arguments.push_back(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(pipe[1], STDOUT_FILENO);
    ::dup2(pipe[1], STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  ended result;
  const bool in_time = child > 0 && read_all(pipe[0], after(seconds), result.output);
  ::close(pipe[0]);
  if (child < 0)
    return {.status = -1, .output = "cannot fork"};
  if (!in_time)
    ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  result.status = !in_time ? 124 : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

model::result<std::map<std::string, model::pci_address>> addresses(bool absent) {
  const auto did = run(absent ? std::vector<std::string>{"labctl", "map", "all"}
                              : std::vector<std::string>{"labctl", "map"});
  if (did.status != 0)
    return fail(errc::internal, "labctl map: " + did.output);
  std::map<std::string, model::pci_address> places;
  std::istringstream lines{did.output};
  for (std::string name, at; lines >> name >> at;) {
    const auto address = model::pci_address::parse(at);
    if (!address)
      return fail(errc::internal, "labctl map gave " + name + " the address " + at);
    places.emplace(name, *address);
  }
  return places;
}

model::result<void> plug(const std::string& device) {
  return labctl({"plug", device});
}
model::result<void> unplug(const std::string& device) {
  return labctl({"unplug", device});
}
model::result<void> surprise(const std::string& device) {
  return labctl({"surprise", device});
}
model::result<void> dead(const std::string& device) {
  return labctl({"dead", device});
}
model::result<void> alive(const std::string& device) {
  return labctl({"alive", device});
}
model::result<void> slow_reset(const std::string& device, int milliseconds) {
  return labctl({"slowreset", device, std::to_string(milliseconds)});
}

libvirt_daemon::libvirt_daemon() = default;

libvirt_daemon::~libvirt_daemon() {
  std::istringstream names{virsh({"list", "--name"}, 30).output};
  for (std::string name; names >> name;)
    static_cast<void>(virsh({"destroy", name}, 30));
  stop();
  end_daemon("/run/virtlogd.pid");
}

model::result<void> libvirt_daemon::start() {
  std::error_code error;
  fs::create_directories("/run/libvirt", error);
  for (const auto* program : {"/usr/sbin/virtlogd", "/usr/sbin/libvirtd"}) {
    const auto did = run({"sh", "-c", std::string{program} + " -d >/dev/null 2>&1"});
    // virtlogd refuses when it runs already: libvirtd was stopped alone before.
    if (did.status != 0 && std::string_view{program} == "/usr/sbin/libvirtd")
      return fail(errc::internal, "libvirtd does not start: status " + std::to_string(did.status));
  }
  if (!eventually([] { return virsh({"version"}, 30).status == 0; }, 120))
    return fail(errc::internal, "libvirtd does not answer: " + virsh({"version"}, 30).output);
  return {};
}

void libvirt_daemon::stop() {
  end_daemon("/run/libvirtd.pid");
}

ended virsh(std::vector<std::string> arguments, double seconds) {
  arguments.insert(arguments.begin(), {"virsh", "-c", "qemu:///system"});
  return run(arguments, seconds);
}

model::result<fs::path> guest_disk(const std::string& name) {
  const fs::path image = fs::path{BERTH_BINARY_DIR} / "tests/lab/guest/guest.img";
  const fs::path disk = "/var/lib/libvirt/images/" + name + ".img";
  std::error_code error;
  fs::create_directories(disk.parent_path(), error);
  fs::copy_file(image, disk, fs::copy_options::overwrite_existing, error);
  if (error)
    return fail(errc::internal, "cannot copy " + image.string() + ": " + error.message());
  return disk;
}

std::string hostdev_xml(const model::pci_address& device) {
  std::ostringstream xml;
  xml << "<hostdev mode='subsystem' type='pci' managed='yes'><driver name='vfio'/><source><address "
         "domain='"
      << device.domain << "' bus='" << unsigned{device.bus} << "' slot='" << unsigned{device.device}
      << "' function='" << unsigned{device.function} << "'/></source></hostdev>";
  return xml.str();
}

fs::path console_socket(const std::string& name) {
  return "/var/lib/libvirt/qemu/" + name + ".serial";
}

fs::path console_log(const std::string& name) {
  return "/var/log/libvirt/qemu/" + name + ".serial";
}

std::string guest_xml(const guest_options& options, const fs::path& disk) {
  constexpr int root_ports = 8;
  std::ostringstream xml;
  xml << "<domain type='qemu'><name>" << options.name
      << "</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>"
         "<os><type arch='x86_64' machine='q35'>hvm</type><boot dev='hd'/></os>"
         "<features><acpi/></features><on_poweroff>destroy</on_poweroff><on_crash>destroy</"
         "on_crash>"
         "<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>"
         "<controller type='usb' model='none'/><controller type='pci' index='0' "
         "model='pcie-root'/>";
  for (int port = 1; port <= root_ports; ++port)
    xml << "<controller type='pci' index='" << port << "' model='pcie-root-port'/>";
  xml << "<disk type='file' device='disk'><driver name='qemu' type='raw'/><source file='"
      << disk.string()
      << "'/><target dev='vda' bus='virtio'/></disk><serial type='unix'><source mode='bind' path='"
      << console_socket(options.name).string() << "'/><log file='"
      << console_log(options.name).string()
      << "'/><target port='0'/></serial><memballoon model='none'/>";
  for (const auto& device : options.devices)
    xml << hostdev_xml(device);
  xml << "</devices></domain>";
  return xml.str();
}

guest_console::guest_console(fs::path socket, fs::path log)
    : socket_{std::move(socket)}, log_{std::move(log)} {}

std::string guest_console::text() const {
  auto text = text_of(log_);
  std::erase(text, '\r');
  return text;
}

bool guest_console::said(std::string_view text, double seconds) const {
  return eventually([&] { return this->text().find(text) != std::string::npos; }, seconds);
}

model::result<void> guest_console::send(char letter) const {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket_.string().size() >= sizeof address.sun_path)
    return fail(errc::invalid_argument, "socket path too long: " + socket_.string());
  std::strcpy(address.sun_path, socket_.c_str());
  const int connection = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool sent =
      connection >= 0 &&
      ::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::write(connection, &letter, 1) == 1;
  const int error = errno;
  if (connection >= 0)
    ::close(connection);
  if (!sent)
    return fail(errc::internal,
                "cannot write to " + socket_.string() + ": " + std::strerror(error));
  return {};
}

model::result<std::vector<std::string>> guest_console::list(double seconds) const {
  const auto before = text().size();
  if (auto sent = send('s'); !sent)
    return tl::unexpected<model::failure>{sent.error()};
  const auto listed = [&] { return text().find("GUEST end\n", before) != std::string::npos; };
  if (!eventually(listed, seconds))
    return fail(errc::outcome_unknown,
                "the guest did not list its devices within " + std::to_string(seconds) + " s");
  std::vector<std::string> devices;
  std::istringstream lines{text().substr(before)};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("PCI "))
      devices.push_back(line);
  return devices;
}

} // namespace berth::lab
