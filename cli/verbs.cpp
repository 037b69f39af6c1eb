#include "cli/verbs.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "model/amounts.hpp"

namespace berth::cli {

option_spec a_switch(std::string name, std::string help) {
  return {.name = std::move(name), .value = {}, .help = std::move(help)};
}

option_spec a_value(std::string name, std::string value, std::string help, value_source source) {
  return {.name = std::move(name),
          .value = std::move(value),
          .help = std::move(help),
          .source = source};
}

option_spec a_list(std::string name, std::string value, std::string help, value_source source) {
  return {.name = std::move(name),
          .value = std::move(value),
          .help = std::move(help),
          .repeatable = true,
          .source = source};
}

option_spec a_choice(std::string name, std::vector<std::string> choices, std::string help) {
  return {.name = std::move(name),
          .value = "WORD",
          .help = std::move(help),
          .choices = std::move(choices)};
}

option_spec a_truth(std::string name, std::string help) {
  return {.name = std::move(name),
          .value = "true|false",
          .help = std::move(help),
          .choices = {"true", "false"},
          .implicit = "true"};
}

std::vector<option_spec> joined(std::vector<option_spec> a, const std::vector<option_spec>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::vector<option_spec> list_options() {
  return {a_value("search", "TEXT", "only what contains this text"),
          a_value("limit", "N", "at most so many rows, 1 to 1000 (20)"),
          a_value("offset", "N", "skip so many rows (0)"),
          a_choice("order", {"desc", "asc"}, "newest first (desc) or oldest first"),
          a_switch("details", "more columns, and the total below the table"),
          a_list("field", "FIELD", "show these fields only, in this order")};
}

std::vector<option_spec> wait_options() {
  return {a_switch("wait", "follow it to its end"),
          a_value("deadline", "DURATION", "stop waiting after this time (10m)")};
}

result<void> add_query(target& where, const arguments& given,
                       const std::vector<std::string>& names) {
  for (const auto* name : {"limit", "offset"}) {
    const auto number = given.number(name);
    if (!number)
      return tl::unexpected{number.error()};
    if (*number)
      where.query(name, fmt::format("{}", **number));
  }
  for (const auto* name : {"order", "search"})
    if (const auto value = given.value(name))
      where.query(name, *value);
  for (const auto& name : names) {
    std::string parameter = name;
    std::ranges::replace(parameter, '-', '_');
    for (const auto& value : given.values(name))
      where.query(parameter, value);
  }
  return {};
}

list_view view_of(const arguments& given, const std::vector<std::string>& plain,
                  const std::vector<std::string>& detailed) {
  const bool details = given.has("details");
  auto fields = given.values("field");
  if (!fields.empty())
    return {columns_of(fields), details};
  fields = plain;
  if (details)
    fields.insert(fields.end(), detailed.begin(), detailed.end());
  return {columns_of(fields), details};
}

result<pacer::duration> deadline_of(const arguments& given) {
  const auto text = given.value("deadline").value_or("10m");
  const auto parsed = model::parse_duration(text);
  if (!parsed)
    return misuse(
        fmt::format("--deadline must be a duration such as 90s or 10m, got \"{}\"", text));
  return *parsed;
}

std::string refusal_text(const json& refusal) {
  std::string out;
  if (const auto summary = text_of(refusal, "summary"); !summary.empty())
    out += printable(summary) + "\n";
  const auto& rules = at(refusal, "rules");
  if (rules.is_array() && !rules.empty()) {
    const std::vector<column> columns{
        {"Rule", "rule"}, {"Hosts_excluded", "hosts_excluded"}, {"Nearest_host", "nearest_host"},
        {"Used", "used"}, {"Requested", "requested"},           {"Capacity", "capacity"},
        {"Why", "text"}};
    out += to_text(list_table(rules, columns));
  }
  const auto& suggestions = at(refusal, "suggestions");
  if (suggestions.is_array() && !suggestions.empty()) {
    out += "It would fit with\n";
    for (const auto& suggestion : suggestions)
      out += fmt::format("  {} (on {})\n", printable(text_of(suggestion, "change")),
                         printable(text_of(suggestion, "host")));
  }
  return out;
}

std::string margin_text(const json& margin) {
  const auto rule = printable(text_of(margin, "decided_by"));
  return rule == "host_id" ? std::string{"equal in every score, but its id comes later"}
                           : fmt::format("{} {} against {}", rule, number_of(margin, "points"),
                                         number_of(margin, "winner_points"));
}

std::string placement_text(const json& reason) {
  auto out = printable(text_of(reason, "policy")) + ":";
  for (const auto& part : at(reason, "scores"))
    out += fmt::format("{} {} {}", out.back() == ':' ? "" : ",", printable(text_of(part, "rule")),
                       number_of(part, "points"));
  const auto& next = at(reason, "runner_up");
  if (next.is_null())
    return out + "; no other host fitted";
  return out +
         fmt::format("; next was {}: {}", printable(text_of(next, "host")), margin_text(next));
}

fault refused_server(const json& server) {
  fault out;
  const auto status = text_of(server, "status");
  out.message = fmt::format("server {} is {}", text_of(server, "name"), status);
  if (const auto reason = text_of(server, "status_reason"); !reason.empty())
    out.message += ": " + reason;
  out.message = printable(out.message);
  if (auto refusal = at(server, "why_refused"); refusal.is_object()) {
    refusal.erase("summary"); // the reason has said it
    out.more = refusal_text(refusal);
  }
  return out;
}

json brief_server(json server) {
  if (const auto& refusal = at(server, "why_refused"); refusal.is_object())
    server["why_refused"] = text_of(refusal, "summary");
  if (const auto& reason = at(server, "why_placed"); reason.is_object())
    server["why_placed"] = placement_text(reason);
  if (!at(server, "devices").is_array())
    return server;
  for (auto& device : server["devices"]) {
    json brief = json::object();
    for (const auto* key : {"id", "dev_type", "model", "addr", "state"})
      if (const auto& value = at(device, key); !value.is_null())
        brief[key] = value;
    device = std::move(brief);
  }
  return server;
}

result<void> finish_batch(session& s, const std::vector<batch_item>& items,
                          const std::vector<std::string>& columns) {
  if (items.size() == 1) {
    const auto& only = items.front().answer;
    if (!only)
      return tl::unexpected{only.error()};
    s.print(render_object(s.format() == output_format::as_json ? *only : brief_server(*only),
                          s.format()));
    return {};
  }
  json good = json::array();
  json all = json::array();
  table bad{{"Status", "ID", "Error"}, {}};
  exit_code worst = exit_code::success;
  for (const auto& [id, answer] : items) {
    if (answer) {
      good.push_back(*answer);
      all.push_back(*answer);
      continue;
    }
    const auto& problem = answer.error();
    bad.rows.push_back({problem.http_status == 0 ? "" : fmt::format("{}", problem.http_status), id,
                        problem.message});
    all.push_back({{"id", id}, {"error", problem.message}, {"code", problem.http_status}});
    worst = std::max(worst, problem.code);
  }
  if (s.format() == output_format::as_json)
    s.print(dump({{"items", all}}, 2) + "\n");
  else if (!good.empty())
    s.print(render_table(list_table(good, columns_of(columns)), good, s.format()));
  if (!bad.rows.empty() && s.format() != output_format::as_json)
    s.err_text(to_text(bad));
  return bad.rows.empty() ? result<void>{} : told(worst);
}

result<std::vector<batch_item>>
collect_named(const arguments& given, const std::function<result<json>(const std::string&)>& act) {
  std::vector<batch_item> items;
  for (const auto& id : given.positionals()) {
    items.push_back({id, act(id)});
    // Nothing will work without a controller.
    if (const auto& answer = items.back().answer;
        !answer && answer.error().code == exit_code::unreachable)
      return tl::unexpected{answer.error()};
  }
  return items;
}

result<void> for_each_named(session& s, const arguments& given,
                            const std::vector<std::string>& columns,
                            const std::function<result<json>(const std::string&)>& act) {
  const auto items = collect_named(given, act);
  return items ? finish_batch(s, *items, columns) : result<void>{tl::unexpected{items.error()}};
}

} // namespace berth::cli
