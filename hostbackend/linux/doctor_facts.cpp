#include "hostbackend/linux/doctor_facts.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hostbackend/linux/call_within.hpp"
#include "hostbackend/linux/pci_names.hpp"
#include "hostbackend/linux/scanner.hpp"
#include "hostbackend/linux/sysfs_reader.hpp"

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t text_max = 16U << 20U; ///< /proc/interrupts of a large machine has megabytes
constexpr std::size_t small_text_max = 64U << 10U;
constexpr std::size_t modprobe_files_max = 1'000;

/// A regular file's text; nullopt if it cannot be read or is longer than `most`.
std::optional<std::string> text_of(const fs::path& path, std::size_t most = small_text_max) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) // a pipe would block
    return std::nullopt;
  std::ifstream file{path, std::ios::binary};
  if (!file)
    return std::nullopt;
  std::string text;
  std::array<char, 16'384> part{};
  do {
    file.read(part.data(), part.size());
    text.append(part.data(), static_cast<std::size_t>(file.gcount()));
  } while (file && text.size() <= most);
  if (file.bad() || text.size() > most)
    return std::nullopt;
  return text;
}

/// The names in a directory; nullopt if it cannot be read.
std::optional<std::set<std::string>> name_set(const fs::path& directory) {
  const auto names = names_in(directory);
  return names ? std::optional{std::set<std::string>{names->begin(), names->end()}} : std::nullopt;
}

std::string first_word(std::string_view text) {
  std::string word;
  std::istringstream{std::string{text}} >> word;
  return word;
}

std::optional<std::uint64_t> number(std::string_view text, int base = 10) {
  const auto word = first_word(text);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (word.empty() || error != std::errc{} || end != word.data() + word.size())
    return std::nullopt;
  return value;
}

/// The rest of the first line that starts with `head`.
std::optional<std::string> after(const std::string& text, std::string_view head) {
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(head))
      return line.substr(head.size());
  return std::nullopt;
}

std::optional<path_facts> look_at(const fs::path& path) {
  struct stat found {};
  if (::stat(path.c_str(), &found) == 0)
    return path_facts{true, found.st_mode & 07777U, found.st_uid, found.st_gid};
  if (errno == ENOENT || errno == ENOTDIR)
    return path_facts{};
  return std::nullopt;
}

std::optional<cpu_facts> read_cpu(const fs::path& root) {
  const auto text = text_of(root / "proc/cpuinfo", text_max);
  if (!text)
    return std::nullopt;
  cpu_facts cpu;
  const auto maker = first_word(after(*text, "vendor_id\t: ").value_or(""));
  if (maker == "GenuineIntel")
    cpu.maker = cpu_maker::intel;
  else if (maker == "AuthenticAMD" || maker == "HygonGenuine")
    cpu.maker = cpu_maker::amd;
  std::istringstream flags{after(*text, "flags\t\t: ").value_or("")};
  for (std::string flag; flags >> flag;)
    cpu.virtualization = cpu.virtualization || flag == "vmx" || flag == "svm";
  return cpu;
}

/// Module names as the kernel knows them; files call some with dashes.
std::string module_name(std::string name) {
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

/// The modules in a list of files (modules.builtin, modules.dep): `kernel/drivers/vfio/vfio.ko.xz`.
std::optional<std::set<std::string>> listed_modules(const fs::path& list) {
  const auto text = text_of(list, text_max);
  if (!text)
    return std::nullopt;
  std::set<std::string> names;
  std::istringstream lines{*text};
  for (std::string line; std::getline(lines, line);) {
    const auto path = line.substr(0, line.find(':'));
    const auto file = path.substr(path.rfind('/') + 1);
    names.insert(module_name(file.substr(0, file.find(".ko"))));
  }
  return names;
}

std::set<std::string> configuration_files(const fs::path& root,
                                          const std::vector<std::string>& directories) {
  std::set<std::string> names; // one directory hides files of that name in the later ones
  std::set<std::string> paths;
  for (const auto& directory : directories)
    for (const auto& name : name_set(root / directory).value_or(std::set<std::string>{}))
      if (name.ends_with(".conf") && names.insert(name).second && paths.size() < modprobe_files_max)
        paths.insert((root / directory / name).string());
  return paths;
}

std::set<std::string> read_modules_at_boot(const fs::path& root) {
  auto files = configuration_files(root, {"etc/modules-load.d", "run/modules-load.d",
                                          "usr/lib/modules-load.d", "lib/modules-load.d"});
  files.insert((root / "etc/modules").string());
  std::set<std::string> modules;
  for (const auto& file : files) {
    std::istringstream lines{text_of(file).value_or("")};
    for (std::string line; std::getline(lines, line);)
      if (const auto word = first_word(line); !word.empty() && word[0] != '#' && word[0] != ';')
        modules.insert(module_name(word));
  }
  return modules;
}

modprobe_facts read_modprobe(const fs::path& root) {
  modprobe_facts facts;
  for (const auto& file : configuration_files(
           root, {"etc/modprobe.d", "run/modprobe.d", "usr/lib/modprobe.d", "lib/modprobe.d"})) {
    if (const auto text = text_of(file, 1U << 20U))
      read_modprobe_file(*text, facts.kept_out);
    else
      facts.unreadable.push_back("/" + fs::path{file}.lexically_relative(root).string());
  }
  return facts;
}

std::optional<std::vector<hugepage_pool>> read_hugepages(const fs::path& root) {
  const auto directory = root / "sys/kernel/mm/hugepages";
  const auto names = name_set(directory);
  if (!names)
    return std::nullopt;
  std::vector<hugepage_pool> pools;
  for (const auto& name : *names) {
    constexpr std::string_view head = "hugepages-";
    const auto unit = name.find("kB");
    if (!name.starts_with(head) || unit == std::string::npos)
      continue;
    const auto size = number(name.substr(head.size(), unit - head.size()));
    const auto all = number(text_of(directory / name / "nr_hugepages").value_or(""));
    const auto unused = number(text_of(directory / name / "free_hugepages").value_or(""));
    if (size && all && unused)
      pools.push_back({*size, *all, *unused});
  }
  std::sort(pools.begin(), pools.end(),
            [](const auto& a, const auto& b) { return a.page_kib < b.page_kib; });
  return pools;
}

/// Connects and closes again; nothing is sent.
socket_answer connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return socket_answer::silent;
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  const int handle = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (handle < 0)
    return socket_answer::silent;
  const int failed = ::connect(handle, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int reason = failed == 0 ? 0 : errno;
  ::close(handle);
  switch (reason) {
  case 0:
    return socket_answer::answers;
  case ENOENT:
  case ENOTDIR:
    return socket_answer::absent;
  case EACCES:
  case EPERM:
    return socket_answer::forbidden;
  case ECONNREFUSED:
    return socket_answer::refused;
  default:
    return socket_answer::silent;
  }
}

void read_daemon(const fs::path& root, const std::string& pid_file, libvirt_facts& facts) {
  const auto pid = number(text_of(root / pid_file).value_or(""));
  if (!pid)
    return;
  const auto process = root / "proc" / std::to_string(*pid);
  const auto status = text_of(process / "status");
  if (!status)
    return;
  facts.running = true;
  constexpr std::uint64_t cap_sys_resource = 1ULL << 24U;
  if (const auto effective = number(after(*status, "CapEff:").value_or(""), 16))
    facts.raises_limits = (*effective & cap_sys_resource) != 0;
  // "Max locked memory         67108864             67108864             bytes": soft, hard.
  std::istringstream limit{
      after(text_of(process / "limits").value_or(""), "Max locked memory").value_or("")};
  std::string soft;
  std::string hard;
  if (limit >> soft >> hard)
    facts.memlock_max = hard == "unlimited" ? std::optional{UINT64_MAX} : number(hard);
}

libvirt_facts read_libvirt(const fs::path& root) {
  struct daemon {
    const char* socket;
    const char* pid_file;
  };
  // The modular daemon is what an installation with both uses.
  static constexpr std::array<daemon, 2> daemons{
      {{"run/libvirt/virtqemud-sock", "run/virtqemud.pid"},
       {"run/libvirt/libvirt-sock", "run/libvirtd.pid"}}};
  libvirt_facts facts;
  for (const auto& one : daemons) {
    facts.socket = "/" + std::string{one.socket};
    const auto path = (root / one.socket).string();
    facts.answer = call_within<socket_answer>(std::chrono::seconds{5}, [path] {
                     return connect_to(path);
                   }).value_or(socket_answer::silent);
    read_daemon(root, one.pid_file, facts);
    if (facts.answer != socket_answer::absent)
      return facts;
  }
  return facts;
}

std::optional<bool> any_exists(const fs::path& root, const std::vector<std::string>& paths) {
  bool sure = true;
  for (const auto& path : paths) {
    const auto found = look_at(root / path);
    if (found && found->exists)
      return true;
    sure = sure && found.has_value();
  }
  return sure ? std::optional{false} : std::nullopt;
}

/// Where Debian, RHEL and SUSE put the firmware for x86-64 and Arm guests.
std::optional<bool> read_uefi_firmware(const fs::path& root) {
  return any_exists(root, {"usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_CODE.fd",
                           "usr/share/edk2/ovmf/OVMF_CODE.fd", "usr/share/qemu/ovmf-x86_64.bin",
                           "usr/share/AAVMF/AAVMF_CODE.fd"});
}

std::optional<bool> read_qemu(const fs::path& root) {
  return any_exists(root, {"usr/bin/qemu-system-x86_64", "usr/libexec/qemu-kvm", "usr/bin/qemu-kvm",
                           "usr/bin/qemu-system-aarch64"});
}

void read_functions(const fs::path& root, doctor_facts& facts) {
  auto functions = scan_functions(root / "sys");
  if (!functions)
    return;
  auto database = root / "usr/share/misc/pci.ids";
  if (std::error_code error; !fs::is_regular_file(database, error))
    database.clear(); // this program's own
  const auto names = pci_names::load(database);
  for (const auto& one : *functions)
    if (is_gpu(one)) {
      const auto named = names ? names->of(one.id) : device_names{"device", to_string(one.id)};
      facts.names[one.address] = named.vendor + " " + named.model;
    }
  facts.functions = std::move(*functions);
}

} // namespace

std::vector<std::string> split_command_line(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool quoted = false;
  for (const char c : text) {
    if (c == '"')
      quoted = !quoted;
    else if (!quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\0')) {
      if (!word.empty())
        words.push_back(std::exchange(word, {}));
    } else
      word += c;
  }
  if (!word.empty())
    words.push_back(word);
  return words;
}

std::optional<bool> interrupts_are_remapped(std::string_view proc_interrupts) {
  std::optional<bool> remapped;
  std::istringstream lines{std::string{proc_interrupts}};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string word;
    words >> word; // ` 24:`, then a count for each processor
    if (!number(word.substr(0, word.find(':'))))
      continue; // the head line, and interrupts of the processor itself
    while (words >> word && number(word))
      continue;
    if (word.starts_with("IR-"))
      return true;
    if (word == "IO-APIC" || word.starts_with("PCI-MSI"))
      remapped = false;
  }
  return remapped;
}

bool open_to_qemu(const path_facts& path, std::uint32_t rights) {
  const auto grants = [&](std::uint32_t shift) { return (path.mode >> shift & rights) == rights; };
  return grants(0) || (path.group != 0 && grants(3)) || (path.owner != 0 && grants(6));
}

void read_modprobe_file(std::string_view text, std::set<std::string>& kept_out) {
  std::string joined{text}; // a backslash at the end of a line continues it
  for (auto at = joined.find("\\\n"); at != std::string::npos; at = joined.find("\\\n", at))
    joined.replace(at, 2, "  ");
  std::istringstream lines{joined};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words{line};
    std::string command;
    std::string module;
    std::string instead;
    words >> command >> module >> instead;
    const bool nothing = instead == "/bin/false" || instead == "/bin/true" ||
                         instead == "/usr/bin/false" || instead == "/usr/bin/true";
    if (!module.empty() && (command == "blacklist" || (command == "install" && nothing)))
      kept_out.insert(module_name(module));
  }
}

doctor_facts gather(const fs::path& root, doctor_settings settings) {
  doctor_facts facts;
  facts.settings = std::move(settings);
  facts.as_root = ::geteuid() == 0;
  facts.cpu = read_cpu(root);
  if (const auto line = text_of(root / "proc/cmdline"))
    facts.command_line = split_command_line(*line);
  if (const auto release = text_of(root / "proc/sys/kernel/osrelease"))
    facts.kernel_release = first_word(*release);
  facts.acpi_tables = name_set(root / "sys/firmware/acpi/tables");
  if (const auto groups = name_set(root / "sys/kernel/iommu_groups"))
    facts.iommu_groups = groups->size();
  if (const auto interrupts = text_of(root / "proc/interrupts", text_max))
    facts.interrupts_remapped = interrupts_are_remapped(*interrupts);
  const auto unsafe =
      text_of(root / "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");
  if (unsafe)
    facts.unsafe_interrupts = unsafe->starts_with('Y');
  facts.modules = name_set(root / "sys/module");
  if (facts.kernel_release) {
    const auto files = root / "lib/modules" / fs::path{*facts.kernel_release}.filename();
    facts.modules_built_in = listed_modules(files / "modules.builtin");
    facts.modules_installed = listed_modules(files / "modules.dep");
  }
  facts.modules_at_boot = read_modules_at_boot(root);
  facts.modprobe = read_modprobe(root);
  facts.kvm_node = look_at(root / "dev/kvm");
  facts.vfio_node = look_at(root / "dev/vfio/vfio");
  facts.state_dir = look_at(root / fs::path{facts.settings.state_dir}.relative_path());
  if (!facts.settings.tls_key.empty())
    facts.tls_key = look_at(root / fs::path{facts.settings.tls_key}.relative_path());
  facts.hugepages = read_hugepages(root);
  if (const auto memory = text_of(root / "proc/meminfo"))
    facts.memory_kib = number(after(*memory, "MemTotal:").value_or(""));
  facts.libvirt = read_libvirt(root);
  facts.qemu = read_qemu(root);
  facts.uefi_firmware = read_uefi_firmware(root);
  read_functions(root, facts);
  return facts;
}

} // namespace berth::hostbackend::host_linux
