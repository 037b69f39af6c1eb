#include <algorithm>

#include <fmt/format.h>

#include "cli/command.hpp"

namespace berth::cli {
namespace {

/// `--dev-type {GPU-HPC,GPU-VGA}`
std::string signature(const option_spec& option) {
  if (!option.choices.empty() && !option.implicit)
    return fmt::format("--{} {{{}}}", option.name, fmt::join(option.choices, ","));
  if (option.value.empty())
    return "--" + option.name;
  if (option.implicit)
    return fmt::format("--{}[={}]", option.name, option.value);
  return fmt::format("--{} {}", option.name, option.value);
}

std::string signature(const positional_spec& positional) {
  auto text = fmt::format("<{}>{}", positional.name, positional.repeated ? " ..." : "");
  return positional.required ? text : fmt::format("[{}]", text);
}

bool is_help(const option_spec& option) {
  return option.name == "help";
}

/// Folds `text` into lines of at most 100 columns, all but the first indented by `indent`.
std::string folded(std::string_view text, std::size_t indent) {
  constexpr std::size_t width = 100;
  std::string out;
  std::size_t column = indent;
  while (!text.empty()) {
    const auto word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (column > indent && column + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
  }
  return out;
}

std::string help_lines(std::string_view term, std::string_view text) {
  constexpr std::size_t indent = 34;
  std::string out = fmt::format("  {}", term);
  if (out.size() + 2 > indent)
    out += "\n" + std::string(indent, ' ');
  else
    out.append(indent - out.size(), ' ');
  return out + folded(text, indent) + "\n";
}

} // namespace

std::string usage_line(std::string_view program, const command_spec& command) {
  std::string out = fmt::format("Usage: {} {}", program, command.name);
  for (const auto& option : command.options)
    out += fmt::format(" [{}]{}", signature(option), option.repeatable ? "..." : "");
  if (std::ranges::none_of(command.options, is_help))
    out += " [--help]";
  for (const auto& positional : command.positionals)
    out += " " + signature(positional);
  return out;
}

std::string help_text(std::string_view program, const command_spec& command) {
  std::string out = fmt::format("{}\n\n{}\n", usage_line(program, command), command.summary);
  if (!command.positionals.empty()) {
    out += "\nArguments:\n";
    for (const auto& positional : command.positionals)
      out += help_lines(signature(positional), positional.help);
  }
  const auto list = [&](std::string_view heading, std::span<const option_spec> options) {
    if (std::ranges::all_of(options, is_help))
      return;
    out += fmt::format("\n{}:\n", heading);
    for (const auto& option : options)
      if (!is_help(option))
        out += help_lines(signature(option), option.help);
  };
  list("Options", command.options);
  list("Options of every command", common_options());
  if (!command.notes.empty())
    out += "\n" + command.notes;
  return out;
}

std::string help_text(std::string_view program) {
  std::string out = fmt::format("Usage: {} <command> [options] [arguments]\n\n"
                                "`{} help <command>` explains one command.\n",
                                program, program);
  std::string_view group;
  for (const auto& command : commands()) {
    if (command.group != group)
      out += fmt::format("\n{}:\n", command.group);
    group = command.group;
    out += help_lines(command.name, command.summary);
  }
  out += "\nOptions of every command:\n";
  for (const auto& option : common_options())
    if (!is_help(option))
      out += help_lines(signature(option), option.help);
  out += "\nExit status: 0 success; 1 refused or ended in a failed state; 2 wrong usage; 3 the\n"
         "controller cannot be reached; 4 no answer in time, the outcome is unknown.\n";
  return out;
}

} // namespace berth::cli
