#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/fault.hpp"

namespace berth::cli {

class session;

/// What a value names, so that a shell can complete it.
enum class value_source : std::uint8_t { none, server, device, host, command, file };

/// One option of a command.
struct option_spec {
  std::string name;
  std::string value; ///< what stands for its value in the usage line; empty = a switch
  std::string help;
  bool repeatable = false;
  std::vector<std::string> choices{};
  std::optional<std::string> implicit{}; ///< the value of `--name` without one
  value_source source = value_source::none;
};

/// One argument without dashes.
struct positional_spec {
  std::string name;
  std::string help;
  bool required = true;
  bool repeated = false; ///< takes all that is left
  value_source source = value_source::none;
};

/// A command line after parsing; every value is still text.
class arguments {
public:
  [[nodiscard]] bool has(const std::string& name) const { return options_.contains(name); }
  /// The option's value, the last one if it was given more than once.
  [[nodiscard]] std::optional<std::string> value(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> values(const std::string& name) const;
  /// The value as a whole number; a fault names the option.
  [[nodiscard]] result<std::optional<std::int64_t>> number(const std::string& name) const;
  /// The n-th argument without dashes, empty if there are fewer.
  [[nodiscard]] std::string positional(std::size_t n) const;
  [[nodiscard]] const std::vector<std::string>& positionals() const { return positionals_; }

  void add_option(const std::string& name, std::string value) {
    options_[name].push_back(std::move(value));
  }
  void add_positional(std::string text) { positionals_.push_back(std::move(text)); }

private:
  std::map<std::string, std::vector<std::string>> options_;
  std::vector<std::string> positionals_;
};

/// One command: the single source of its usage line, help text, parser and completion.
struct command_spec {
  std::string name;
  std::string group; ///< heading in `help`
  std::string summary;
  std::vector<option_spec> options; ///< in the order of the usage line
  std::vector<positional_spec> positionals;
  result<void> (*run)(session&, const arguments&);
  std::string notes{}; ///< more help, whole lines
  /// A bare `...` among the arguments is no argument: the page writes it for "and so on".
  bool and_so_on = false;
};

/// Every command, in the order of `help`.
[[nodiscard]] std::span<const command_spec> commands();
[[nodiscard]] const command_spec* find_command(std::string_view name);

/// Options that every command takes: where the controller is, how to print.
[[nodiscard]] std::span<const option_spec> common_options();
/// A command's own options, then the common ones that it does not have itself.
[[nodiscard]] std::vector<const option_spec*> options_of(const command_spec& command);

/// `Usage: climc server-list [--gpu] ...`, one line without an end.
[[nodiscard]] std::string usage_line(std::string_view program, const command_spec& command);
/// The whole help text of a command.
[[nodiscard]] std::string help_text(std::string_view program, const command_spec& command);
/// The list of all commands.
[[nodiscard]] std::string help_text(std::string_view program);

/// Splits a command's arguments (without program and command name) by its specification.
[[nodiscard]] result<arguments> parse_arguments(const command_spec& command,
                                                const std::vector<std::string>& tokens);

} // namespace berth::cli
