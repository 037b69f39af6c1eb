#include "apps/host_doctor.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <system_error>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "apps/config.hpp"
#include "hostbackend/linux/doctor_hypervisor.hpp"

namespace berth::apps {

namespace {

namespace fs = std::filesystem;
namespace po = boost::program_options;
using namespace hostbackend::host_linux;

constexpr int exit_usage = 2;

constexpr const char* usage =
    "usage: berth-host doctor [--json | --print-grub] [--config FILE] [--root DIR]\n"
    "\n"
    "Looks at every setting that GPU passthrough needs and says what is wrong and what to do.\n"
    "Changes nothing. Without root it sees less.\n"
    "\n"
    "  --json         the findings as JSON\n"
    "  --print-grub   what is missing on the kernel's command line, and how to add it\n"
    "  --config FILE  the agent's settings, below DIR (/etc/berth/host.yaml)\n"
    "  --root DIR     look at this tree in place of /\n"
    "\n"
    "Ends with 0 if GPUs can be passed through, 1 if not, 2 for a wrong command line, 3 if it\n"
    "could not tell. With --print-grub: 0 printed, 3 the command line could not be read.\n";

/// For a terminal: what is not ASCII may be a control sequence in one encoding or another.
std::string printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return text;
}

int status_of(diagnosis what) {
  switch (what) {
  case diagnosis::ready:
    return 0;
  case diagnosis::not_ready:
    return 1;
  case diagnosis::unknown:
    break;
  }
  return 3;
}

const char* label(check_verdict verdict) {
  switch (verdict) {
  case check_verdict::ok:
    return "OK";
  case check_verdict::warning:
    return "WARN";
  case check_verdict::problem:
    return "PROBLEM";
  case check_verdict::not_applicable:
    return "-";
  case check_verdict::unknown:
    break;
  }
  return "UNKNOWN";
}

std::string name_of(const finding& one) {
  return one.subject.empty() ? one.check : one.check + " " + printable(one.subject);
}

std::vector<std::string> remedy_lines(const finding& one) {
  std::vector<std::string> lines;
  if (!one.kernel.add.empty())
    lines.push_back(
        fmt::format("add to the kernel's command line: {}", fmt::join(one.kernel.add, " ")));
  if (!one.kernel.remove.empty())
    lines.push_back(
        fmt::format("take off the kernel's command line: {}", fmt::join(one.kernel.remove, " ")));
  lines.insert(lines.end(), one.remedy.begin(), one.remedy.end());
  return lines;
}

std::string conclusion(const std::vector<finding>& findings) {
  const auto count = [&findings](auto matches) {
    return std::count_if(findings.begin(), findings.end(), matches);
  };
  switch (diagnose(findings)) {
  case diagnosis::ready:
    return "GPUs can be passed through.";
  case diagnosis::not_ready:
    return fmt::format("Not ready: {} problem(s).", count([](const finding& one) {
                         return one.verdict == check_verdict::problem;
                       }));
  case diagnosis::unknown:
    break;
  }
  return fmt::format("Could not tell: {} needed check(s) could not be made; run it as root on the "
                     "host itself.",
                     count([](const finding& one) {
                       return one.needed && one.verdict == check_verdict::unknown;
                     }));
}

doctor_settings read_settings(const fs::path& root, const std::string& file) {
  doctor_settings settings{.file = file, .problem = {}, .tls_key = {}};
  const auto path = root / fs::path{file}.relative_path();
  std::error_code error;
  const auto status = fs::status(path, error);
  settings.present = status.type() != fs::file_type::not_found;
  if (!settings.present)
    return settings;
  std::ifstream in;
  if (fs::is_regular_file(status)) // opening a pipe would block
    in.open(path);
  if (!in.is_open()) {
    settings.unreadable = true;
    settings.problem = file + " cannot be read";
    return settings;
  }
  constexpr std::uintmax_t bytes_max = 1U << 20U;
  if (fs::file_size(path, error) > bytes_max || error) {
    settings.problem = file + " is longer than 1 MiB";
    return settings;
  }
  const auto config = parse_host_config(std::string{std::istreambuf_iterator<char>{in}, {}}, file);
  if (!config) {
    settings.problem = config.error().message;
    return settings;
  }
  settings.disable_gpu = config->disable_gpu;
  settings.use_boot_vga = config->use_boot_vga;
  settings.state_dir = config->state_dir;
  settings.tls_key = for_host(config->tls_key, config->name);
  settings.emulation = config->servers_emulation;
  settings.libvirt_uri = config->servers_libvirt;
  settings.disk_pool = config->servers_disk_pool;
  settings.disk_directory = config->servers_disk_directory;
  settings.image_pool = config->servers_image_pool;
  settings.hugepage_kib = static_cast<std::uint64_t>(config->servers_hugepage_kib);
  return settings;
}

} // namespace

std::string doctor_text(const std::vector<finding>& findings) {
  std::size_t width = 0;
  for (const auto& one : findings)
    width = std::max(width, name_of(one).size());
  std::string page;
  for (const auto& one : findings) {
    page += fmt::format("{:<8} {:<{}}  {}\n", label(one.verdict), name_of(one), width,
                        printable(one.seen));
    for (const auto& line : remedy_lines(one))
      page += fmt::format("{:>11}{}\n", "", printable(line));
  }
  return page + "\n" + conclusion(findings) + "\n";
}

std::string doctor_json(const std::vector<finding>& findings) {
  using json = nlohmann::ordered_json;
  const auto arguments = [](const kernel_arguments& kernel) {
    return json{{"add", kernel.add}, {"remove", kernel.remove}};
  };
  auto checks = json::array();
  for (const auto& one : findings)
    checks.push_back({{"check", one.check},
                      {"subject", one.subject},
                      {"verdict", to_string(one.verdict)},
                      {"needed", one.needed},
                      {"seen", one.seen},
                      {"kernel_arguments", arguments(one.kernel)},
                      {"remedy", one.remedy}});
  const json page{{"schema", 1},
                  {"verdict", to_string(diagnose(findings))},
                  {"kernel_arguments", arguments(wanted_kernel_arguments(findings))},
                  {"checks", std::move(checks)}};
  return page.dump(2, ' ', false, json::error_handler_t::replace) + "\n"; // what was read is bytes
}

std::string doctor_grub(const kernel_arguments& wanted) {
  if (wanted.empty())
    return "# nothing is missing on the kernel's command line\n";
  const auto add = fmt::format("{}", fmt::join(wanted.add, " "));
  const auto remove = fmt::format("{}", fmt::join(wanted.remove, " "));
  std::string page = add + "\n";
  if (!remove.empty())
    page += printable(fmt::format("# take off in /etc/default/grub: {}", remove)) + "\n";
  page += "# Debian, Ubuntu\n";
  if (!add.empty())
    page += fmt::format("echo 'GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX {}\"' >> "
                        "/etc/default/grub.d/berth.cfg\n",
                        add);
  page += "update-grub\n# RHEL, Fedora\ngrubby --update-kernel=ALL";
  if (!add.empty())
    page += fmt::format(" --args=\"{}\"", add);
  if (!remove.empty())
    page += printable(fmt::format(" --remove-args=\"{}\"", remove));
  return page + "\n# others: change GRUB_CMDLINE_LINUX in /etc/default/grub, then\n"
                "grub2-mkconfig -o /boot/grub2/grub.cfg\n# then\nreboot\n";
}

int run_host_doctor(const std::vector<std::string>& arguments, std::ostream& out,
                    std::ostream& err) {
  po::options_description known;
  known.add_options()("help", "")("json", "")("print-grub", "")(
      "config", po::value<std::string>()->default_value("/etc/berth/host.yaml"),
      "")("root", po::value<std::string>()->default_value("/"), "");
  po::variables_map given;
  try {
    po::store(po::command_line_parser(arguments).options(known).positional({}).run(), given);
  } catch (const po::error& problem) {
    err << "berth-host doctor: " << problem.what() << "; see --help\n";
    return exit_usage;
  }
  if (given.count("help") > 0) {
    out << usage;
    return 0;
  }
  const fs::path root = given["root"].as<std::string>();
  std::error_code error;
  if (!fs::is_directory(root, error) ||
      (given.count("json") > 0 && given.count("print-grub") > 0)) {
    err << "berth-host doctor: --root must be a directory, and --json goes without --print-grub; "
           "see --help\n";
    return exit_usage;
  }
  auto facts = gather(root, read_settings(root, given["config"].as<std::string>()));
  if (root == "/") // libvirt knows this machine only
    facts.hypervisor = ask_hypervisor(facts.settings);
  const auto findings = examine(facts);
  if (given.count("print-grub") > 0) {
    if (!facts.command_line) {
      err << "berth-host doctor: /proc/cmdline cannot be read\n";
      return status_of(diagnosis::unknown);
    }
    out << doctor_grub(wanted_kernel_arguments(findings));
    return 0;
  }
  out << (given.count("json") > 0 ? doctor_json(findings) : doctor_text(findings));
  return status_of(diagnose(findings));
}

} // namespace berth::apps
