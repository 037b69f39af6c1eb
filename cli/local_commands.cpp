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

/// What was made: what it is, and its two files.
json files_of(const std::string& name, const net::certificate_files& files) {
  return {{"name", name}, {"certificate", files.certificate.string()}, {"key", files.key.string()}};
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

/// The names under which a controller is reached: those given and this machine's own.
std::vector<std::string> controller_names(const arguments& given) {
  auto names = given.values("name");
  names.insert(names.end(), {"localhost", "127.0.0.1", "::1"});
  return names;
}

result<void> pki_init(session& s, const arguments& given) {
  const auto authority_days = days_of(given, 3'650);
  if (!authority_days)
    return tl::unexpected{authority_days.error()};
  const auto dir = given.positional(0);
  const auto authority = net::create_authority(dir, *authority_days);
  if (!authority)
    return failed(authority.error());
  json made = json::array({files_of("authority", *authority)});
  const auto add = [&](const std::string& name, const std::vector<std::string>& names,
                       net::certificate_role role) -> result<void> {
    const auto files = net::issue(dir, name, names, role);
    if (!files)
      return failed(files.error());
    made.push_back(files_of(name, *files));
    return {};
  };
  auto done = add("controller", controller_names(given), net::certificate_role::controller);
  for (const auto& host : given.values("host"))
    if (done)
      done = add(host, {}, net::certificate_role::host);
  const std::vector<std::string> columns{"name", "certificate", "key"};
  s.print(render_table(list_table(made, columns_of(columns)), made, s.format()));
  return done;
}

result<void> pki_issue(session& s, const arguments& given) {
  const auto role = given.value("role").value_or("host");
  const auto days = days_of(given, 825);
  if (!days)
    return tl::unexpected{days.error()};
  const auto names = role == "controller" ? controller_names(given) : given.values("name");
  const auto kind = role == "controller" ? net::certificate_role::controller
                    : role == "host"     ? net::certificate_role::host
                                         : net::certificate_role::client;
  const auto files = net::issue(given.positional(0), given.positional(1), names, kind, *days);
  if (!files)
    return failed(files.error());
  s.print(render_object(files_of(given.positional(1), *files), s.format()));
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
       "Make a private certificate authority and certificates",
       {a_list("host", "NAME", "make a certificate for this host, too"),
        a_list("name", "NAME",
               "a DNS name or address under which the controller is reached, "
               "besides localhost, 127.0.0.1 and ::1"),
        a_value("days", "N", "the authority is valid for so long (3650)")},
       {directory()},
       pki_init,
       "It makes DIR/ca.crt, DIR/controller.crt and one DIR/NAME.crt per host, each with its "
       ".key.\n"
       "The authority's key, DIR/ca.key, signs for every host: keep it off the hosts.\n"},
      {"pki-issue",
       group,
       "Issue one more certificate",
       {a_choice("role", {"controller", "host", "client"}, "what it is for (host)"),
        a_list("name", "NAME",
               "a DNS name or address under which it is reached; a controller has "
               "localhost, 127.0.0.1 and ::1 besides"),
        a_value("days", "N", "valid for so long (825)")},
       {directory(), {.name = "NAME", .help = "the host's name, or the name of the files"}},
       pki_issue},
      {"version", group, "Print the version", {}, {}, version},
  };
}

} // namespace berth::cli
