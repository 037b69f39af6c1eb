#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "cli/session.hpp"

namespace berth::cli {

// What the commands share.

// --- Tables of commands, one per file; command.hpp's commands() joins them
[[nodiscard]] std::vector<command_spec> device_commands();
[[nodiscard]] std::vector<command_spec> server_commands();
[[nodiscard]] std::vector<command_spec> host_commands();
[[nodiscard]] std::vector<command_spec> cluster_commands();
[[nodiscard]] std::vector<command_spec> local_commands();

// --- Options
[[nodiscard]] option_spec a_switch(std::string name, std::string help);
[[nodiscard]] option_spec a_value(std::string name, std::string value, std::string help,
                                  value_source source = value_source::none);
[[nodiscard]] option_spec a_list(std::string name, std::string value, std::string help,
                                 value_source source = value_source::none);
[[nodiscard]] option_spec a_choice(std::string name, std::vector<std::string> choices,
                                   std::string help);
/// `--gpu` or `--gpu=false`
[[nodiscard]] option_spec a_truth(std::string name, std::string help);
/// --limit --offset --order --search --details --field
[[nodiscard]] std::vector<option_spec> list_options();
/// --wait --deadline
[[nodiscard]] std::vector<option_spec> wait_options();
/// What a server shall be: shared by server-create and scheduler-forecast.
[[nodiscard]] std::vector<option_spec> shape_options();
[[nodiscard]] std::vector<option_spec> joined(std::vector<option_spec> a,
                                              const std::vector<option_spec>& b);

// --- What they mean
/// Adds the paging parameters and those of `names` that were given, each under its name with `_`.
[[nodiscard]] result<void> add_query(target& where, const arguments& given,
                                     const std::vector<std::string>& names);
/// The columns that --field or --details choose.
[[nodiscard]] list_view view_of(const arguments& given, const std::vector<std::string>& plain,
                                const std::vector<std::string>& detailed);
/// The deadline of --wait; a fault names the option.
[[nodiscard]] result<pacer::duration> deadline_of(const arguments& given);
/// The API's specification of a server, from shape_options(). Looks host names up.
[[nodiscard]] result<json> shape_of(session& s, const arguments& given, const std::string& name);
/// Answers a forecast: a table of where the servers would go, or of the reasons why not.
/// `forecast.hosts` are verdicts on hosts that were asked about.
void print_forecast(session& s, const json& forecast, std::int64_t count);
/// One line: what decided between a host and the one that was chosen, `best_fit: 500 against 700`.
[[nodiscard]] std::string margin_text(const json& margin);
/// Why a server was placed where it is, in one line; from the record's `why_placed`.
[[nodiscard]] std::string placement_text(const json& reason);
/// The rules, nearest misses and suggestions of a refusal.
[[nodiscard]] std::string refusal_text(const json& refusal);
/// A server in a failed state, with everything it has to say about it.
[[nodiscard]] fault refused_server(const json& server);

/// A server as a table shows it: its devices in brief, of a refusal the summary, of a
/// placement one line.
[[nodiscard]] json brief_server(json server);

/// Does something to every named thing. One thing: prints its answer or returns its fault. Several:
/// tells each failure in a table and goes on; a failure of one is a failure of the whole.
struct batch_item {
  std::string id;
  result<json> answer;
};
/// The items of servers, brought up to date by following them to `goal`, see wait_for_servers;
/// those that failed before are left alone.
[[nodiscard]] result<void> follow_servers(session& s, std::vector<batch_item>& items,
                                          const std::string& goal, pacer::duration deadline);
[[nodiscard]] result<void> finish_batch(session& s, const std::vector<batch_item>& items,
                                        const std::vector<std::string>& columns);
/// Does `act` to every positional argument, in order; a fault only if there is no controller.
[[nodiscard]] result<std::vector<batch_item>>
collect_named(const arguments& given, const std::function<result<json>(const std::string&)>& act);
/// collect_named, then finish_batch.
[[nodiscard]] result<void>
for_each_named(session& s, const arguments& given, const std::vector<std::string>& columns,
               const std::function<result<json>(const std::string&)>& act);

} // namespace berth::cli
