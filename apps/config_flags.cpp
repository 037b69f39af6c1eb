#include <algorithm>
#include <utility>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <fmt/format.h>

#include "apps/config_reader.hpp"
#include "model/text.hpp"

namespace berth::apps {
namespace {

namespace po = boost::program_options;
using model::errc;
using model::fail;

struct program_flag {
  const char* name;
  const char* help;
  bool flag_settings::*where;
};
constexpr program_flag program_flags[] = {
    {"help", "print this text and exit", &flag_settings::help},
    {"version", "print the version and exit", &flag_settings::version},
    {"check", "read and check the configuration, then exit", &flag_settings::check},
    {"print-config", "print the configuration in force and exit", &flag_settings::print_config},
};
constexpr const char* config_flag = "config";

/// Program_options does the splitting; every value stays text and is converted like the file's.
po::options_description known_flags(std::span<const key_description> keys) {
  po::options_description known;
  for (const auto& flag : program_flags)
    known.add_options()(flag.name, "");
  known.add_options()(config_flag, po::value<std::string>(), "");
  for (const auto& key : keys) {
    auto* value = po::value<std::string>();
    if (key.rule->kind == value_kind::boolean)
      value->implicit_value("true");
    known.add_options()(key.flag.c_str(), value, "");
  }
  return known;
}

tl::unexpected<model::failure> unknown_flag(const std::string& name,
                                            std::span<const key_description> keys) {
  std::vector<std::string> candidates;
  for (const auto& flag : program_flags)
    candidates.emplace_back(flag.name);
  candidates.emplace_back(config_flag);
  for (const auto& key : keys)
    candidates.push_back(key.flag);
  const auto bare = name.substr(std::min(name.find_first_not_of('-'), name.size()));
  const std::string near{model::nearest_name(bare, candidates).value_or("")};
  return fail(errc::unknown_field,
              fmt::format("unknown flag --{}{}", bare,
                          near.empty() ? std::string{"; see --help"}
                                       : fmt::format("; the nearest known flag is --{}", near)),
              {{"key", bare}, {"nearest", near}});
}

model::result<void> take_option(const po::option& option, std::span<const key_description> keys,
                                flag_settings& out) {
  if (option.position_key >= 0)
    return fail(errc::invalid_argument,
                fmt::format("unexpected argument \"{}\": every setting is a flag, see --help",
                            option.original_tokens.empty() ? std::string{}
                                                           : option.original_tokens.front()));
  for (const auto& flag : program_flags)
    if (option.string_key == flag.name) {
      out.*flag.where = true;
      return {};
    }
  if (option.string_key == config_flag) {
    out.config_file = option.value.front();
    return {};
  }
  const auto key = std::ranges::find(keys, option.string_key, &key_description::flag);
  const auto index = static_cast<std::size_t>(key - keys.begin());
  const bool twice =
      std::ranges::any_of(out.settings, [&](const raw_setting& s) { return s.key == index; });
  if (twice)
    return fail(errc::invalid_argument, fmt::format("--{} is given twice", key->flag));
  out.settings.push_back({index, option.value.empty() ? "true" : option.value.front(),
                          fmt::format("--{}", key->flag)});
  return {};
}

std::string type_word(const value_rule& rule) {
  switch (rule.kind) {
  case value_kind::text:
    return "TEXT";
  case value_kind::path:
    return "PATH";
  case value_kind::address:
    return "ADDRESS:PORT";
  case value_kind::choice:
    return fmt::format("{{{}}}", fmt::join(rule.choices, ","));
  case value_kind::boolean:
    return "";
  case value_kind::count:
  case value_kind::number:
    return "N";
  case value_kind::bytes:
    return "SIZE";
  case value_kind::duration:
    return "DURATION";
  }
  return {};
}

} // namespace

model::result<flag_settings> read_flags(int argc, const char* const* argv,
                                        std::span<const key_description> keys) {
  using style = po::command_line_style::style_t;
  const auto known = known_flags(keys);
  flag_settings out;
  try {
    const auto parsed =
        po::command_line_parser(argc, argv)
            .options(known)
            .style(style::allow_long | style::long_allow_adjacent | style::long_allow_next)
            .run();
    for (const auto& option : parsed.options)
      if (auto done = take_option(option, keys, out); !done)
        return tl::unexpected{done.error()};
  } catch (const po::unknown_option& problem) {
    return unknown_flag(problem.get_option_name(), keys);
  } catch (const po::error_with_option_name& problem) {
    return fail(errc::invalid_argument,
                fmt::format("{} needs a value, see --help", problem.get_option_name()));
  } catch (const po::error& problem) {
    return fail(errc::invalid_argument, problem.what());
  }
  return out;
}

std::string flags_help(std::string_view program, std::string_view default_file,
                       std::span<const key_description> keys) {
  std::string out = fmt::format("Usage: {} [--config FILE] [--FLAG VALUE]...\n\n"
                                "Settings come from the file (default: {} if it exists), flags go "
                                "on top.\n\n",
                                program, default_file);
  const auto line = [&](std::string_view flag, std::string_view text) {
    out += fmt::format("  {:<44} {}\n", flag, text);
  };
  line("--config FILE", "the configuration file");
  for (const auto& flag : program_flags)
    line(fmt::format("--{}", flag.name), flag.help);
  out += "\nSettings:\n";
  for (const auto& key : keys) {
    const auto word = type_word(*key.rule);
    line(fmt::format("--{}{}{}", key.flag, word.empty() ? "" : " ", word),
         key.default_text.empty() ? std::string{key.help}
                                  : fmt::format("{} ({})", key.help, key.default_text));
  }
  return out;
}

} // namespace berth::apps
