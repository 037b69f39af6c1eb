#include "cli/completion.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include <fmt/format.h>

#include "cli/command.hpp"

namespace berth::cli {
namespace {

bool takes_value(const option_spec& option) {
  return !option.value.empty() && !option.implicit;
}

/// The list command and the field that give the names of a source; empty if the shell knows itself.
std::pair<std::string_view, std::string_view> listing_of(value_source source) {
  switch (source) {
  case value_source::server:
    return {"server-list", "name"};
  case value_source::device:
    return {"isolated-device-list", "id"};
  case value_source::host:
    return {"host-list", "name"};
  default:
    return {};
  }
}

std::string command_names() {
  std::string out;
  for (const auto& command : commands())
    out += (out.empty() ? "" : " ") + command.name;
  return out;
}

value_source positional_source(const command_spec& command, std::size_t n) {
  const auto& all = command.positionals;
  if (all.empty() || (n >= all.size() && !all.back().repeated))
    return value_source::none;
  return all[std::min(n, all.size() - 1)].source;
}

// --- bash ---------------------------------------------------------------------------------------

std::string bash_words(value_source source, const std::vector<std::string>& choices) {
  if (!choices.empty())
    return fmt::format("words=\"{}\"", fmt::join(choices, " "));
  if (source == value_source::command)
    return "words=$commands";
  if (source == value_source::file)
    return "compopt -o default; return";
  const auto [list, field] = listing_of(source);
  return list.empty() ? "return" : fmt::format("words=$(_berthctl_names {} {})", list, field);
}

std::string bash_script() {
  std::string values;
  std::string arguments;
  for (const auto& command : commands()) {
    std::string options;
    for (const auto* option : options_of(command)) {
      options += (options.empty() ? "--" : " --") + option->name;
      if (takes_value(*option))
        values += fmt::format("    {}/--{}) {} ;;\n", command.name, option->name,
                              bash_words(option->source, option->choices));
    }
    std::string plain;
    for (std::size_t n = 0; n < command.positionals.size(); ++n)
      plain += fmt::format("        {}) {} ;;\n",
                           command.positionals[n].repeated ? "*" : fmt::format("{}", n),
                           bash_words(positional_source(command, n), {}));
    arguments +=
        fmt::format("    {})\n      options=\"{}\"\n      case $place in\n{}      esac ;;\n",
                    command.name, options, plain.empty() ? "        *) ;;\n" : plain);
  }
  return fmt::format(
      R"sh(# Completion of berthctl and climc for bash; made by `berthctl completion bash`.
_berthctl_names() {{
  "${{COMP_WORDS[0]}}" "$1" --limit 1000 --field "$2" -o csv 2>/dev/null | tail -n +2
}}

_berthctl() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  local command= place=-1 words= options= word
  local commands="{}"
  COMPREPLY=()
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    [[ $word == -* ]] && continue
    [[ -z $command ]] && command=$word
    ((++place))
  done
  if [[ -z $command ]]; then
    COMPREPLY=($(compgen -W "$commands" -- "$current"))
    return
  fi
  [[ $previous == -o ]] && previous=--output
  case $command/$previous in
{}    *) case $command in
{}    esac
    [[ $current == -* ]] && words=$options ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -F _berthctl berthctl climc
)sh",
      command_names(), values, arguments);
}

// --- zsh ----------------------------------------------------------------------------------------

/// Text inside single quotes, where brackets and colons mean something to _arguments.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (c == '[' || c == ']' || c == ':' || c == '\\')
      out += '\\';
    out += c;
  }
  return out;
}

std::string zsh_action(value_source source, const std::vector<std::string>& choices) {
  if (!choices.empty())
    return fmt::format("({})", fmt::join(choices, " "));
  if (source == value_source::file)
    return "_files";
  if (source == value_source::command)
    return "_berthctl_commands";
  const auto [list, field] = listing_of(source);
  return list.empty() ? " " : fmt::format("_berthctl_names {} {}", list, field);
}

std::string zsh_arguments(const command_spec& command) {
  std::string out;
  for (const auto* option : options_of(command)) {
    const auto* equals = option->implicit ? "=-" : "";
    out += fmt::format(" \\\n        '{}--{}{}[{}]{}'", option->repeatable ? "*" : "", option->name,
                       equals, zsh_text(option->help),
                       option->value.empty()
                           ? std::string{}
                           : fmt::format("{}:{}:{}", option->implicit ? ":" : "",
                                         zsh_text(option->value),
                                         zsh_action(option->source, option->choices)));
  }
  for (const auto& positional : command.positionals)
    out += fmt::format(" \\\n        '{}{}:{}:{}'", positional.repeated ? "*" : "",
                       positional.required || positional.repeated ? "" : ":", positional.name,
                       zsh_action(positional.source, {}));
  return out;
}

std::string zsh_script() {
  std::string names;
  std::string cases;
  for (const auto& command : commands()) {
    names += fmt::format("    '{}:{}'\n", command.name, zsh_text(command.summary));
    cases +=
        fmt::format("      {})\n        _arguments{} ;;\n", command.name, zsh_arguments(command));
  }
  return fmt::format(R"sh(#compdef berthctl climc
# Completion of berthctl and climc for zsh; made by `berthctl completion zsh`.
_berthctl_names() {{
  local -a names
  names=(${{(f)"$($service "$1" --limit 1000 --field "$2" -o csv 2>/dev/null | tail -n +2)"}})
  compadd -a names
}}

_berthctl_commands() {{
  local -a commands
  commands=(
{}  )
  _describe command commands
}}

_berthctl() {{
  local curcontext=$curcontext state line
  typeset -A opt_args
  _arguments -C '1:command:_berthctl_commands' '*::argument:->rest'
  if [[ $state == rest ]]; then
    case $words[1] in
{}    esac
  fi
}}

_berthctl "$@"
)sh",
                     names, cases);
}

// --- fish ---------------------------------------------------------------------------------------

std::string fish_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'' || c == '\\')
      out += '\\';
    out += c;
  }
  return out;
}

std::string fish_words(value_source source, const std::vector<std::string>& choices) {
  if (!choices.empty())
    return fmt::format(" -a '{}'", fmt::join(choices, " "));
  if (source == value_source::file)
    return " -F";
  if (source == value_source::command)
    return fmt::format(" -a '{}'", command_names());
  const auto [list, field] = listing_of(source);
  return list.empty() ? "" : fmt::format(" -a '(__berthctl_names {} {})'", list, field);
}

std::string fish_script() {
  std::string out =
      R"sh(# Completion of berthctl and climc for fish; made by `berthctl completion fish`.
function __berthctl_names
  berthctl $argv[1] --limit 1000 --field $argv[2] -o csv 2>/dev/null | tail -n +2
end
complete -c climc -w berthctl
complete -c berthctl -f
)sh";
  for (const auto& command : commands())
    out += fmt::format("complete -c berthctl -n __fish_use_subcommand -a {} -d '{}'\n",
                       command.name, fish_text(command.summary));
  for (const auto& command : commands()) {
    const auto here =
        fmt::format("complete -c berthctl -n '__fish_seen_subcommand_from {}'", command.name);
    for (const auto& option : command.options)
      if (option.name != "help")
        out += fmt::format("{} -l {}{}{} -d '{}'\n", here, option.name,
                           takes_value(option) ? " -x" : "",
                           takes_value(option) ? fish_words(option.source, option.choices) : "",
                           fish_text(option.help));
    value_source last = value_source::none;
    for (const auto& positional : command.positionals)
      if (positional.source != last && positional.source != value_source::none) {
        last = positional.source;
        out += fmt::format("{}{}\n", here, fish_words(positional.source, {}));
      }
  }
  for (const auto& option : common_options())
    out += fmt::format("complete -c berthctl -l {}{}{} -d '{}'\n", option.name,
                       takes_value(option) ? " -r" : "",
                       takes_value(option) ? fish_words(option.source, option.choices) : "",
                       fish_text(option.help));
  return out;
}

} // namespace

std::string completion_script(std::string_view shell) {
  if (shell == "bash")
    return bash_script();
  if (shell == "zsh")
    return zsh_script();
  if (shell == "fish")
    return fish_script();
  return {};
}

} // namespace berth::cli
