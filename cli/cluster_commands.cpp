#include <map>

#include <fmt/format.h>

#include "cli/output_file.hpp"
#include "cli/server_create.hpp"
#include "cli/verbs.hpp"

namespace berth::cli {
namespace {

constexpr const char* group = "Cluster";

result<void> usage(session& s, const arguments& /*given*/) {
  const auto answer = s.api().get(target{"/v1/usage"});
  if (!answer)
    return tl::unexpected{answer.error()};
  s.print(render_object(*answer, s.format()));
  return {};
}

/// What a plan begins with, as the controller tells it.
result<void> snapshot(session& s, const arguments& given) {
  const auto document = s.api().get(target{"/v1/snapshot"});
  if (!document)
    return tl::unexpected{document.error()};
  const auto text = dump(*document, 1) + "\n";
  const auto path = given.value("out");
  if (!path) {
    s.print(text);
    return {};
  }
  // Who has what is nobody else's business.
  if (auto written = write_private(*path, text); !written)
    return written;
  s.note(fmt::format("{} hosts, {} servers and {} that wait, at event {}: written to {}",
                     at(*document, "hosts").size(), at(*document, "servers").size(),
                     at(*document, "waiting").size(), number_of(*document, "sequence"), *path));
  return {};
}

/// `7  2026-03-01T12:00:00.000000Z  server_created  server_id=... name=web`
std::string event_line(const json& event) {
  auto out = fmt::format("{:>8}  {}  {}", text_of(event, "sequence"), text_of(event, "at"),
                         text_of(event, "type"));
  const char* gap = "  ";
  for (const auto& [key, value] : event.items()) {
    if (key == "sequence" || key == "at" || key == "type" || value.is_null())
      continue;
    const auto text = value.is_structured() ? dump(value) : cell_of(value);
    const bool quote = text.find(' ') != std::string::npos && value.is_string();
    out += fmt::format("{}{}={}", gap, key, quote ? fmt::format("\"{}\"", text) : text);
    gap = " ";
  }
  return printable(out) + "\n";
}

result<void> events(session& s, const arguments& given) {
  const auto from = given.number("from");
  if (!from)
    return tl::unexpected{from.error()};
  if (*from && **from < 1)
    return misuse("--from must be a sequence number from 1");
  if (s.format() == output_format::as_csv)
    return misuse("events are printed as lines or as JSON, not as csv");
  const bool follow = given.has("follow");
  std::string last_id;
  const auto show = [&](const std::string& id, const std::string& data) {
    last_id = id;
    const auto event = json::parse(data, nullptr, false);
    s.print(s.format() == output_format::as_json || event.is_discarded() ? printable(data) + "\n"
                                                                         : event_line(event));
    return true;
  };
  constexpr pacer::duration longest{10'000};
  for (pacer::duration pause{250};; pause = std::min(longest, pause * 2)) {
    const auto before = last_id;
    auto where = target{"/v1/events"};
    if (*from && last_id.empty())
      where.query("from", fmt::format("{}", **from));
    where.query("follow", follow ? "true" : "false");
    const auto ended = s.api().events(where, last_id, show);
    const bool lost = ended || ended.error().http_status == 0;
    // Only a stream that has been open is worth opening again.
    if (!follow || !lost || (!ended && last_id.empty()))
      return ended;
    if (last_id != before)
      pause = pacer::duration{250};
    s.note(fmt::format("the stream ended{}; opening it again",
                       ended ? std::string{} : ": " + ended.error().message));
    s.time().pause(pause);
  }
}

/// The placements as rows, with the names of the first few hosts: an id tells a person little.
json placement_rows(session& s, const json& placements) {
  constexpr std::size_t names_max = 20;
  std::map<std::string, std::string> names;
  json rows = json::array();
  for (const auto& placement : placements) {
    const auto id = text_of(placement, "host_id");
    auto known = names.find(id);
    if (known == names.end()) {
      std::string name;
      if (names.size() < names_max)
        if (const auto host = s.api().get(target{"/v1/hosts"}.segment(id)))
          name = text_of(*host, "name");
      known = names.emplace(id, name.empty() ? id : name).first;
    }
    rows.push_back({{"server", rows.size() + 1},
                    {"host", known->second},
                    {"devices", at(placement, "device_ids")}});
  }
  return rows;
}

void print_scores(session& s, const json& placement) {
  const auto& scores = at(placement, "scores");
  if (scores.empty())
    return;
  const std::vector<column> parts{{"Rule", "rule"}, {"Points", "points"}, {"Why", "reason"}};
  s.print("The first host was chosen by\n");
  s.print(to_text(list_table(scores, parts)));
  const auto& next = at(placement, "runner_up");
  s.print(next.is_null() ? std::string{"No other host fits\n"}
                         : fmt::format("The next would be {}: {}\n",
                                       printable(text_of(next, "host")), margin_text(next)));
}

void print_verdict(session& s, const json& verdict) {
  const auto host = printable(text_of(verdict, "host"));
  if (at(verdict, "is_best") == true) {
    s.print(fmt::format("Host {} is the best\n", host));
  } else if (at(verdict, "fits") == true) {
    s.print(fmt::format("Host {} fits, but is not the best: {}\n", host,
                        margin_text(at(verdict, "loses_by"))));
  } else {
    s.print(fmt::format("Host {} does not fit\n", host));
    const std::vector<column> columns{{"Rule", "rule"},
                                      {"Used", "used"},
                                      {"Requested", "requested"},
                                      {"Capacity", "capacity"},
                                      {"Why", "text"}};
    s.print(to_text(list_table(at(verdict, "broken"), columns)));
  }
}

} // namespace

void print_forecast(session& s, const json& forecast, std::int64_t count) {
  if (s.format() == output_format::as_json) {
    s.print(dump(forecast, 2) + "\n");
    return;
  }
  const auto& placements = at(forecast, "placements");
  const std::vector<column> columns{{"Server", "server"}, {"Host", "host"}, {"Devices", "devices"}};
  const auto rows = placement_rows(s, placements);
  if (s.format() == output_format::as_csv) {
    s.print(to_csv(list_table(rows, columns)));
    return;
  }
  s.print(fmt::format("{} of {} would be created\n", number_of(forecast, "allow_count"), count));
  if (!rows.empty())
    s.print(to_text(list_table(rows, columns)));
  if (!placements.empty())
    print_scores(s, placements.front());
  if (const auto& why = at(forecast, "why_not"); !why.is_null())
    s.print(refusal_text(why));
  if (const auto& verdicts = at(forecast, "hosts"); verdicts.is_array())
    for (const auto& verdict : verdicts)
      print_verdict(s, verdict);
}

std::vector<command_spec> cluster_commands() {
  return {
      forecast_command(),
      {"usage", group, "Show totals over the cluster", {}, {}, usage},
      {"snapshot",
       group,
       "Write down hosts, servers and who waits, for a plan",
       {a_value("out", "FILE", "write it to this file, readable by its owner only",
                value_source::file)},
       {},
       snapshot,
       "It is JSON whatever --output says, with the names of servers and projects in it; see\n"
       "docs/snapshot.md.\n"},
      {"events",
       group,
       "Print what has happened",
       {a_switch("follow", "go on with what happens from now on, until Ctrl-C"),
        a_value("from", "N", "start at this sequence number (1)")},
       {},
       events},
  };
}

} // namespace berth::cli
