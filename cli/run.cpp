#include "cli/run.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <ostream>
#include <utility>

#include <fmt/format.h>

#include "cli/verbs.hpp"
#include "model/amounts.hpp"
#include "model/text.hpp"

namespace berth::cli {
namespace {

/// Connects when the first request is sent: commands without one need no controller.
class lazy_transport final : public transport {
public:
  lazy_transport(const surroundings& world, connection_options options)
      : world_(world), options_(std::move(options)) {}

  result<call_answer> exchange(const call& what) override {
    if (auto ready = open(); !ready)
      return tl::unexpected{ready.error()};
    return door_->exchange(what);
  }
  result<call_answer> stream(const call& what,
                             const std::function<bool(std::string_view)>& on_bytes) override {
    if (auto ready = open(); !ready)
      return tl::unexpected{ready.error()};
    return door_->stream(what, on_bytes);
  }

private:
  result<void> open() {
    if (door_ == nullptr) {
      auto door = world_.connect(options_);
      if (!door)
        return tl::unexpected{door.error()};
      door_ = std::move(*door);
    }
    return {};
  }

  const surroundings& world_;
  connection_options options_;
  std::unique_ptr<transport> door_;
};

/// An option, else its environment variable, else the default.
void choose(std::string& field, const char* option, const char* variable, const arguments& given,
            const surroundings& world) {
  if (const auto value = given.value(option))
    field = *value;
  else if (const auto set = world.variable(variable); set && !set->empty())
    field = *set;
}

result<connection_options> connection_of(const arguments& given, const surroundings& world) {
  connection_options out;
  choose(out.controller, "controller", "BERTH_CONTROLLER", given, world);
  choose(out.token_file, "token-file", "BERTH_TOKEN_FILE", given, world);
  choose(out.ca_file, "ca-file", "BERTH_CA_FILE", given, world);
  choose(out.certificate_file, "certificate", "BERTH_CERTIFICATE_FILE", given, world);
  choose(out.key_file, "key", "BERTH_KEY_FILE", given, world);
  std::string timeout = "60s";
  choose(timeout, "timeout", "BERTH_TIMEOUT", given, world);
  const auto parsed = model::parse_duration(timeout);
  if (!parsed || parsed->count() == 0)
    return misuse(fmt::format("--timeout must be a duration such as 30s, got \"{}\"", timeout));
  out.timeout = *parsed;
  return out;
}

output_format format_of(const arguments& given) {
  const auto word = given.value("output").value_or("table");
  return word == "json"  ? output_format::as_json
         : word == "csv" ? output_format::as_csv
                         : output_format::as_table;
}

std::string program_of(const std::vector<std::string>& argv) {
  if (argv.empty())
    return "berthctl";
  return argv.front().substr(argv.front().rfind('/') + 1);
}

/// Options before the command's name belong to it as well: `climc -o json server-list`.
std::vector<std::string> tokens_of(const std::vector<std::string>& argv, std::string& command) {
  std::vector<std::string> tokens;
  for (std::size_t i = 1; i < argv.size(); ++i) {
    const auto& word = argv[i];
    if (!command.empty() || word.starts_with("-")) {
      tokens.push_back(word);
      const bool takes_value =
          command.empty() && (word == "-o" || std::ranges::any_of(common_options(), [&](auto& o) {
                                return "--" + o.name == word && !o.value.empty();
                              }));
      if (takes_value && i + 1 < argv.size())
        tokens.push_back(argv[++i]);
    } else {
      command = word;
    }
  }
  return tokens;
}

tl::unexpected<fault> unknown_command(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& command : commands())
    names.push_back(command.name);
  const auto near = model::nearest_name(name, names);
  return misuse(near ? fmt::format("there is no command {}; the nearest is {}", name, *near)
                     : fmt::format("there is no command {}", name));
}

/// What the caller asks for without a command: help, the version.
const char* implied_command(const std::vector<std::string>& tokens) {
  const auto has = [&](const char* word) {
    return std::ranges::find(tokens, word) != tokens.end();
  };
  return has("--version") ? "version" : has("--help") || has("-h") ? "help" : nullptr;
}

int finish(session& s, const result<void>& ended) {
  if (ended)
    return 0;
  if (!ended.error().message.empty())
    s.explain(ended.error());
  return static_cast<int>(ended.error().code);
}

result<void> run_command(session& s, const command_spec& command, const arguments& given) {
  if (given.has("help")) {
    s.print(help_text(s.program(), command));
    return {};
  }
  return command.run(s, given);
}

int run_checked(const std::vector<std::string>& argv, const surroundings& world) {
  std::string name;
  auto tokens = tokens_of(argv, name);
  lazy_transport no_door{world, {}};
  session plain{{program_of(argv), world.version, no_door, world.time, world.out, world.err,
                 world.live, output_format::as_table}};
  if (name.empty()) {
    const auto* implied = implied_command(tokens);
    if (implied == nullptr) {
      world.err << help_text(plain.program());
      return static_cast<int>(exit_code::usage);
    }
    name = implied;
    tokens.clear();
  }
  const auto* command = find_command(name);
  if (command == nullptr) {
    const auto code = finish(plain, unknown_command(name));
    world.err << fmt::format("`{} help` lists the commands\n", plain.program());
    return code;
  }
  const bool needs_arguments =
      std::ranges::any_of(command->positionals, &positional_spec::required);
  if (tokens.empty() && needs_arguments) { // as the page shows it
    world.out << usage_line(plain.program(), *command) << "\n";
    return static_cast<int>(exit_code::usage);
  }
  const auto given = parse_arguments(*command, tokens);
  const auto connection = given ? connection_of(*given, world)
                                : result<connection_options>{tl::unexpected{given.error()}};
  if (!connection) {
    const auto code = finish(plain, tl::unexpected{connection.error()});
    world.err << usage_line(plain.program(), *command) << "\n";
    return code;
  }
  lazy_transport door{world, *connection};
  session s{{plain.program(), world.version, door, world.time, world.out, world.err, world.live,
             format_of(*given)}};
  return finish(s, run_command(s, *command, *given));
}

} // namespace

void session::print(std::string_view text) {
  parts_.out << text << std::flush;
}

void session::err_text(std::string_view text) {
  parts_.err << text << std::flush;
}

void session::note(std::string_view text) {
  parts_.err << fmt::format("{}: {}\n", parts_.program, text) << std::flush;
}

void session::explain(const fault& problem) {
  note(printable(problem.message));
  for (const auto& [key, value] : problem.details)
    if (!value.empty())
      parts_.err << fmt::format("  {}: {}\n", key, printable(value));
  if (!problem.remedy.empty())
    parts_.err << fmt::format("  what to do: {}\n", problem.remedy);
  parts_.err << problem.more << std::flush;
}

std::span<const command_spec> commands() {
  static const auto all = [] {
    std::vector<command_spec> out;
    for (auto* part :
         {device_commands, server_commands, host_commands, cluster_commands, local_commands})
      for (auto& command : part())
        out.push_back(std::move(command));
    return out;
  }();
  return all;
}

const command_spec* find_command(std::string_view name) {
  const auto found = std::ranges::find(commands(), name, &command_spec::name);
  return found == commands().end() ? nullptr : &*found;
}

std::span<const option_spec> common_options() {
  static const std::vector<option_spec> all{
      a_value("controller", "URL",
              "where the controller is; else $BERTH_CONTROLLER, else "
              "http://127.0.0.1:8750"),
      a_value("token-file", "FILE", "a file that holds the bearer token; else $BERTH_TOKEN_FILE",
              value_source::file),
      a_value("ca-file", "FILE", "whom to trust (PEM); else $BERTH_CA_FILE", value_source::file),
      a_value("certificate", "FILE", "own certificate (PEM); else $BERTH_CERTIFICATE_FILE",
              value_source::file),
      a_value("key", "FILE", "its key (PEM); else $BERTH_KEY_FILE", value_source::file),
      a_value("timeout", "DURATION", "for one request (60s); else $BERTH_TIMEOUT"),
      {.name = "output",
       .value = "WORD",
       .help = "how to print (table); also -o",
       .choices = {"table", "json", "csv"}},
      a_switch("help", "explain the command; also -h")};
  return all;
}

int run(const std::vector<std::string>& argv, const surroundings& world) {
  try {
    return run_checked(argv, world);
  } catch (const std::exception& problem) {
    world.err << fmt::format("berthctl: a defect of berthctl: {}\n", problem.what());
    return static_cast<int>(exit_code::failed);
  }
}

} // namespace berth::cli
