#include <filesystem>

#include <fmt/format.h>

#include "cli/completion.hpp"
#include "cli/verbs.hpp"
#include "net/pki.hpp"

namespace berth::cli {
namespace {

constexpr const char* group = "This program";

result<void> help(session& s, const arguments& given) {
  if (given.positionals().empty()) {
    s.print(help_text(s.program()));
    return {};
  }
  const auto* command = find_command(given.positional(0));
  if (command == nullptr)
    return misuse(fmt::format("there is no command {}", given.positional(0)));
  s.print(help_text(s.program(), *command));
  return {};
}

result<void> completion(session& s, const arguments& given) {
  const auto script = completion_script(given.positional(0));
  if (script.empty())
    return misuse(
        fmt::format("completion is there for bash, zsh and fish, not for {}", given.positional(0)));
  s.print(script);
  return {};
}

/// What was made, as a table or as JSON.
void show_files(session& s, const net::certificate_files& files) {
  s.print(render_object({{"certificate", files.certificate.string()}, {"key", files.key.string()}},
                        s.format()));
}

result<std::chrono::days> days_of(const arguments& given, std::int64_t otherwise) {
  const auto days = given.number("days");
  if (!days)
    return tl::unexpected{days.error()};
  const auto n = days->value_or(otherwise);
  if (n < 1 || n > 36'500)
    return misuse(fmt::format("--days must be from 1 to 36500, got {}", n));
  return std::chrono::days{n};
}

tl::unexpected<fault> failed(const net::error& problem) {
  return tl::unexpected{fault{exit_code::failed, problem.message}};
}

result<void> pki_init(session& s, const arguments& given) {
  const auto days = days_of(given, 3'650);
  if (!days)
    return tl::unexpected{days.error()};
  const auto files = net::create_authority(given.positional(0), *days);
  if (!files)
    return failed(files.error());
  show_files(s, *files);
  return {};
}

result<void> pki_issue(session& s, const arguments& given) {
  const auto role = given.value("role").value_or("host");
  const auto days = days_of(given, 825);
  if (!days)
    return tl::unexpected{days.error()};
  auto names = given.values("name");
  if (role == "controller" && names.empty())
    names = {"localhost", "127.0.0.1", "::1"};
  const auto kind = role == "controller" ? net::certificate_role::controller
                    : role == "host"     ? net::certificate_role::host
                                         : net::certificate_role::client;
  const auto files = net::issue(given.positional(0), given.positional(1), names, kind, *days);
  if (!files)
    return failed(files.error());
  show_files(s, *files);
  return {};
}

result<void> version(session& s, const arguments& /*given*/) {
  s.print(fmt::format("{} {}\n", s.program(), s.version()));
  return {};
}

positional_spec directory() {
  return {.name = "DIR", .help = "the authority's directory", .source = value_source::file};
}

} // namespace

std::vector<command_spec> local_commands() {
  return {
      {"help",
       group,
       "Explain the commands",
       {},
       {{.name = "COMMAND",
         .help = "one of them",
         .required = false,
         .source = value_source::command}},
       help},
      {"completion",
       group,
       "Print a completion script",
       {},
       {{.name = "SHELL", .help = "bash, zsh or fish"}},
       completion,
       "For this shell: source <(berthctl completion bash)\n"},
      {"pki-init",
       group,
       "Make a private certificate authority",
       {a_value("days", "N", "valid for so long (3650)")},
       {directory()},
       pki_init,
       "Its key, DIR/ca.key, signs for every host: keep it off the hosts.\n"},
      {"pki-issue",
       group,
       "Issue a certificate for a controller, a host or a client",
       {a_choice("role", {"controller", "host", "client"}, "what it is for (host)"),
        a_list("name", "NAME",
               "a DNS name or address under which it is reached; for a controller "
               "localhost, 127.0.0.1 and ::1 by default"),
        a_value("days", "N", "valid for so long (825)")},
       {directory(), {.name = "NAME", .help = "the host's name, or the name of the files"}},
       pki_issue},
      {"version", group, "Print the version", {}, {}, version},
  };
}

} // namespace berth::cli
