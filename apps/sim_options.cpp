#include "apps/sim_options.hpp"

#include <algorithm>
#include <sstream>
#include <thread>
#include <utility>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <fmt/format.h>

#include "apps/config.hpp"
#include "apps/machine_files.hpp"
#include "model/text.hpp"

namespace berth::apps {

namespace {

namespace po = boost::program_options;
using model::errc;
using model::fail;
using model::result;

constexpr const char* help_flag = "help";

/// Program_options does the splitting; every value stays text and is converted like the file's.
po::options_description described(std::span<const command_flag> own,
                                  std::span<const sim::scenario_flag> known) {
  po::options_description all;
  all.add_options()(help_flag, "");
  const auto add = [&all](const std::string& name, bool has_value) {
    if (has_value)
      all.add_options()(name.c_str(), po::value<std::string>(), "");
    else
      all.add_options()(name.c_str(), "");
  };
  for (const auto& flag : own)
    add(flag.name, !flag.word.empty());
  for (const auto& flag : known)
    add(flag.name, true);
  return all;
}

tl::unexpected<model::failure> unknown_flag(std::string name, std::span<const command_flag> own,
                                            std::span<const sim::scenario_flag> known) {
  name.erase(0, std::min(name.find_first_not_of('-'), name.size()));
  std::vector<std::string> names{help_flag};
  for (const auto& flag : own)
    names.push_back(flag.name);
  for (const auto& flag : known)
    names.push_back(flag.name);
  const auto near = model::nearest_name(name, std::span<const std::string>{names});
  return fail(errc::unknown_field,
              fmt::format("there is no flag --{}{}", name,
                          near ? fmt::format(": the nearest is --{}", *near) : "; see --help"));
}

/// `--strict` as `--strict=true`: program_options would take the next word for its value.
std::vector<std::string> spelled_out(std::vector<std::string> words,
                                     std::span<const sim::scenario_flag> known) {
  for (auto& word : words)
    if (std::ranges::any_of(
            known, [&word](const auto& flag) { return flag.is_bool && word == "--" + flag.name; }))
      word += "=true";
  return words;
}

result<po::parsed_options> split(const std::vector<std::string>& words,
                                 std::span<const command_flag> own,
                                 std::span<const sim::scenario_flag> known) {
  using style = po::command_line_style::style_t;
  const auto flags = described(own, known);
  try {
    auto parsed =
        po::command_line_parser(spelled_out(words, known))
            .options(flags)
            .style(style::allow_long | style::long_allow_adjacent | style::long_allow_next)
            .run();
    parsed.description = nullptr; // it ends with this function
    return parsed;
  } catch (const po::unknown_option& problem) {
    return unknown_flag(problem.get_option_name(), own, known);
  } catch (const po::error_with_option_name& problem) {
    return fail(errc::invalid_argument,
                fmt::format("{} needs a value; see --help", problem.get_option_name()));
  } catch (const po::error& problem) {
    return fail(errc::invalid_argument, problem.what());
  }
}

/// `text` in lines of at most `width`, all but the first behind `indent` spaces.
std::string wrapped(const std::string& text, std::size_t indent, std::size_t width) {
  std::istringstream words{text};
  std::string out;
  std::size_t at = indent;
  for (std::string word; words >> word;) {
    const bool is_first = out.empty();
    if (!is_first && at + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      at = indent;
    } else if (!is_first) {
      out += ' ';
      ++at;
    }
    out += word;
    at += word.size();
  }
  return out;
}

std::string help_line(const std::string& name, const std::string& word, const std::string& help) {
  constexpr std::size_t column = 28;
  constexpr std::size_t width = 100;
  auto flag = fmt::format("  --{}{}{}", name, word.empty() ? "" : " ", word);
  flag = flag.size() + 2 > column ? flag + "\n" + std::string(column, ' ')
                                  : fmt::format("{:<{}}", flag, column);
  return flag + wrapped(help, column, width) + "\n";
}

} // namespace

std::string sim_arguments::text(const std::string& name, const std::string& otherwise) const {
  const auto found = own.find(name);
  return found == own.end() ? otherwise : found->second.back();
}

result<sim_arguments> parse_sim_arguments(const std::vector<std::string>& words,
                                          std::span<const command_flag> own,
                                          std::span<const sim::scenario_flag> known) {
  const auto parsed = split(words, own, known);
  if (!parsed)
    return tl::unexpected{parsed.error()};
  sim_arguments made;
  for (const auto& option : parsed->options) {
    const auto value = option.value.empty() ? std::string{} : option.value.front();
    if (option.position_key >= 0)
      made.files.push_back(value);
    else if (option.string_key == help_flag)
      made.help = true;
    else if (std::ranges::find(own, option.string_key, &command_flag::name) != own.end())
      made.own[option.string_key].push_back(value);
    else
      made.scenario.push_back({option.string_key, value});
  }
  return made;
}

result<sim_options> read_sim_options(const std::vector<std::string>& words,
                                     std::span<const command_flag> own) {
  auto given = parse_sim_arguments(words, own, sim::scenario_flags());
  if (!given)
    return tl::unexpected{std::move(given.error())};
  sim_options made{*std::move(given), {}};
  if (made.given.help)
    return made;
  const auto& files = made.given.files;
  if (files.size() > 1)
    return fail(errc::invalid_argument, fmt::format("there is a second scenario, {}: one is played "
                                                    "at a time",
                                                    files[1]));
  auto what = load_study(files.empty() ? std::string{} : files.front(), made.given);
  if (!what)
    return tl::unexpected{std::move(what.error())};
  made.what = *std::move(what);
  return made;
}

result<sim::study> load_study(const std::string& file, const sim_arguments& given) {
  return sim::load_scenario(file,
                            {.machines = machines_directory(),
                             .jobs = std::thread::hardware_concurrency(),
                             .version = std::string{version()}},
                            given.scenario);
}

std::string sim_help(const std::string& intro, std::span<const command_flag> own,
                     std::span<const sim::scenario_flag> known) {
  auto out = intro;
  out += "\n";
  for (const auto& flag : own)
    out += help_line(flag.name, flag.word, flag.help);
  if (!known.empty())
    out += "\nThe scenario; a flag wins over the file, and those of a list make it together:\n\n";
  for (const auto& flag : known)
    out += help_line(flag.name, flag.word, flag.help);
  return out;
}

} // namespace berth::apps
