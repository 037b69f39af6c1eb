#include <algorithm>
#include <charconv>
#include <utility>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <fmt/format.h>

#include "cli/command.hpp"
#include "model/text.hpp"

namespace berth::cli {

std::vector<const option_spec*> options_of(const command_spec& command) {
  std::vector<const option_spec*> out;
  for (const auto& option : command.options)
    out.push_back(&option);
  for (const auto& option : common_options())
    if (std::ranges::find(command.options, option.name, &option_spec::name) ==
        command.options.end())
      out.push_back(&option);
  return out;
}

namespace {

namespace po = boost::program_options;

/// Program_options splits the tokens; the values stay text.
po::options_description describe(const std::vector<const option_spec*>& options) {
  po::options_description known;
  for (const auto* option : options) {
    if (option->value.empty() && !option->implicit) {
      known.add_options()(option->name.c_str(), "");
      continue;
    }
    auto* value = po::value<std::string>();
    if (option->implicit)
      value->implicit_value(*option->implicit);
    known.add_options()(option->name.c_str(), value, "");
  }
  return known;
}

tl::unexpected<fault> unknown_option(const std::string& name,
                                     const std::vector<const option_spec*>& options) {
  std::vector<std::string> candidates;
  for (const auto* option : options)
    candidates.push_back(option->name);
  const auto bare = name.substr(std::min(name.find_first_not_of('-'), name.size()));
  const std::string near{model::nearest_name(bare, candidates).value_or("")};
  return misuse(fmt::format(
      "unknown option {}{}", name.starts_with("-") ? name : "--" + name,
      near.empty() ? std::string{} : fmt::format("; the nearest known option is --{}", near)));
}

result<void> take_option(const po::option& parsed, const std::vector<const option_spec*>& options,
                         arguments& out) {
  if (parsed.position_key >= 0) {
    for (const auto& text : parsed.value)
      out.add_positional(text);
    return {};
  }
  const auto& option = **std::ranges::find(options, parsed.string_key, &option_spec::name);
  const bool is_switch = option.value.empty() && !option.implicit;
  const std::string value = is_switch              ? "true"
                            : parsed.value.empty() ? option.implicit.value_or("")
                                                   : parsed.value.front();
  if (out.has(option.name) && !option.repeatable)
    return misuse(fmt::format("--{} is given twice", option.name));
  if (!option.choices.empty() && std::ranges::find(option.choices, value) == option.choices.end())
    return misuse(fmt::format("--{} must be one of {}, got \"{}\"", option.name,
                              fmt::join(option.choices, ", "), value));
  out.add_option(option.name, value);
  return {};
}

result<void> check_positionals(const command_spec& command, const arguments& got) {
  std::size_t required = 0;
  std::size_t most = 0;
  for (const auto& positional : command.positionals) {
    required += positional.required ? 1 : 0;
    most = positional.repeated ? std::string::npos : most + 1;
    if (positional.repeated)
      break;
  }
  auto given = got.positionals();
  if (command.and_so_on)
    std::erase(given, "...");
  if (given.size() < required)
    return misuse(fmt::format("<{}> is missing", command.positionals[given.size()].name));
  if (given.size() > most)
    return misuse(fmt::format("unexpected argument \"{}\"", given[most]));
  if (std::ranges::find(given, "") != given.end())
    return misuse("an argument is empty");
  return {};
}

/// `-o` and `-h` are the only short options: others stay values, so that `-1` is a number.
std::vector<std::string> without_short_options(const std::vector<std::string>& tokens) {
  std::vector<std::string> out;
  bool options_ended = false;
  for (const auto& token : tokens) {
    options_ended = options_ended || token == "--";
    if (!options_ended && token == "-o")
      out.emplace_back("--output");
    else if (!options_ended && token == "-h")
      out.emplace_back("--help");
    else
      out.push_back(token);
  }
  return out;
}

} // namespace

std::optional<std::string> arguments::value(const std::string& name) const {
  const auto found = options_.find(name);
  return found == options_.end() ? std::nullopt : std::optional{found->second.back()};
}

std::vector<std::string> arguments::values(const std::string& name) const {
  const auto found = options_.find(name);
  return found == options_.end() ? std::vector<std::string>{} : found->second;
}

result<std::optional<std::int64_t>> arguments::number(const std::string& name) const {
  const auto text = value(name);
  if (!text)
    return std::nullopt;
  std::int64_t number = 0;
  const auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (problem != std::errc{} || end != text->data() + text->size())
    return misuse(fmt::format("--{} must be a whole number, got \"{}\"", name, *text));
  return number;
}

std::string arguments::positional(std::size_t n) const {
  return n < positionals_.size() ? positionals_[n] : std::string{};
}

result<arguments> parse_arguments(const command_spec& command,
                                  const std::vector<std::string>& tokens) {
  using style = po::command_line_style::style_t;
  const auto options = options_of(command);
  const auto known = describe(options);
  arguments out;
  try {
    const auto parsed =
        po::command_line_parser(without_short_options(tokens))
            .options(known)
            .style(style::allow_long | style::long_allow_adjacent | style::long_allow_next)
            .run();
    for (const auto& option : parsed.options)
      if (auto done = take_option(option, options, out); !done)
        return tl::unexpected{done.error()};
  } catch (const po::unknown_option& problem) {
    return unknown_option(problem.get_option_name(), options);
  } catch (const po::error_with_option_name& problem) {
    return misuse(fmt::format("{} needs a value, or takes none", problem.get_option_name()));
  } catch (const po::error& problem) {
    return misuse(problem.what());
  }
  if (out.has("help"))
    return out;
  for (const auto& token : out.positionals())
    if (token.size() > 1 && token.front() == '-' && std::ranges::find(tokens, "--") == tokens.end())
      return unknown_option(token, options);
  if (auto done = check_positionals(command, out); !done)
    return tl::unexpected{done.error()};
  return out;
}

} // namespace berth::cli
