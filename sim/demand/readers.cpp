#include "sim/demand/readers.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "model/text.hpp"
#include "sim/demand/trace_table.hpp"

namespace berth::sim {

namespace {

constexpr std::array<std::pair<trace_format, std::string_view>, 4> format_names{{
    {trace_format::berth, "berth"},
    {trace_format::alibaba_pods, "alibaba-pods"},
    {trace_format::philly_jobs, "philly-jobs"},
    {trace_format::packing_timeline, "packing-timeline"},
}};

std::unique_ptr<trace_reader> make_reader(trace_format format) {
  switch (format) {
  case trace_format::berth:
    return make_berth_reader();
  case trace_format::alibaba_pods:
    return make_alibaba_reader();
  case trace_format::philly_jobs:
    return make_philly_reader();
  case trace_format::packing_timeline:
    return make_packing_reader();
  }
  return nullptr;
}

/// A row that cannot be used.
struct bad_row {
  std::uint64_t line = 0;
  std::string subject; ///< the column, if it is one field's fault
  std::string rule;
  std::string found; ///< quoted, or empty
};

bad_row describe(const csv_record& record) {
  return {record.line, {}, std::string{record.rule}, record.found};
}

bad_row describe(const csv_record& record, const trace_row& row, const trace_column& column) {
  const auto& fault = *row.fault();
  auto rule = std::string{fault.rule} + (fault.most < 0 ? "" : std::to_string(fault.most));
  return {record.line, std::string{column.name}, std::move(rule),
          in_quotes(row.text(fault.column))};
}

model::failure to_failure(const bad_row& bad, const std::string& table) {
  const auto where = table + " line " + std::to_string(bad.line) + ": ";
  const auto what = bad.subject.empty()
                        ? "the row " + bad.rule + (bad.found.empty() ? "" : " (" + bad.found + ")")
                        : bad.subject + " is " + bad.found + ": " + bad.rule;
  return {model::errc::invalid_argument, where + what, {{"line", std::to_string(bad.line)}}};
}

void note(read_report& report, bad_row bad) {
  constexpr std::size_t lines_kept = 5;
  ++report.skipped;
  auto rule = (bad.subject.empty() ? "the row" : bad.subject) + " " + bad.rule;
  auto reason = std::find_if(report.reasons.begin(), report.reasons.end(),
                             [&rule](const skipped_rows& one) { return one.rule == rule; });
  if (reason == report.reasons.end()) {
    reason = report.reasons.insert(reason, {std::move(rule), 0, {}, std::move(bad.found)});
  }
  ++reason->count;
  if (reason->first_lines.size() < lines_kept) {
    reason->first_lines.push_back(bad.line);
  }
}

/// Columns that the format does not know are passed over, but not in silence: one of them may be a
/// slip of the finger.
void note_unknown_columns(const csv_reader& table, std::span<const trace_column> known,
                          read_report& report) {
  std::vector<std::string_view> names;
  for (const auto& column : known) {
    names.push_back(column.name);
  }
  for (const auto& column : table.columns()) {
    if (std::find(names.begin(), names.end(), column) != names.end()) {
      continue;
    }
    const auto near = model::nearest_name(column, std::span<const std::string_view>{names});
    report.remarks.push_back("the column " + in_quotes(column) + " is not used" +
                             (near ? "; did you mean " + std::string{*near} + "?" : ""));
  }
}

model::result<void> read_rows(csv_reader& table, trace_reader& reader, const column_places& places,
                              demand_builder& into) {
  csv_record record;
  while (true) {
    const auto more = table.next(record);
    if (!more) {
      return tl::unexpected{more.error()};
    }
    if (!*more) {
      return {};
    }
    ++into.report().rows;
    std::optional<bad_row> bad;
    if (record.rule.empty()) {
      trace_row row{record.fields, places};
      reader.convert(row, into);
      if (row.fault()) {
        bad = describe(record, row, reader.columns()[row.fault()->column]);
      }
    } else {
      bad = describe(record);
    }
    if (bad && into.options().strict) {
      return tl::unexpected{to_failure(*bad, table.name())};
    }
    if (bad) {
      note(into.report(), *std::move(bad));
    }
    if (into.arrivals() > into.options().arrivals_max) {
      return model::fail(model::errc::too_large,
                         table.name() + " line " + std::to_string(record.line) +
                             ": these are more than " +
                             std::to_string(into.options().arrivals_max) + " arrivals");
    }
  }
}

} // namespace

std::string_view to_string(trace_format format) {
  const auto* const found =
      std::find_if(format_names.begin(), format_names.end(),
                   [format](const auto& entry) { return entry.first == format; });
  return found->second;
}

std::optional<trace_format> trace_format_from(std::string_view name) {
  const auto* const found =
      std::find_if(format_names.begin(), format_names.end(),
                   [name](const auto& entry) { return entry.second == name; });
  return found == format_names.end() ? std::nullopt : std::optional{found->first};
}

model::result<demand> read_demand(trace_format format, std::unique_ptr<byte_source> from,
                                  std::string name, const read_options& options) {
  auto table = csv_reader::open(std::move(from), std::move(name), options.table);
  if (!table) {
    return tl::unexpected{table.error()};
  }
  const auto reader = make_reader(format);
  const auto places = column_places::find(reader->columns(), *table);
  if (!places) {
    return tl::unexpected{places.error()};
  }
  demand_builder builder{options};
  builder.report().source = table->name();
  note_unknown_columns(*table, reader->columns(), builder.report());
  auto done = reader->begin(*places, builder).and_then([&] {
    return read_rows(*table, *reader, *places, builder);
  });
  if (!done) {
    return tl::unexpected{done.error()};
  }
  reader->end(builder);
  return builder.take();
}

model::result<demand> read_demand_file(trace_format format, const std::string& path,
                                       const read_options& options) {
  auto bytes = open_bytes(path);
  if (!bytes) {
    return tl::unexpected{bytes.error()};
  }
  return read_demand(format, *std::move(bytes), path == "-" ? "standard input" : path, options);
}

} // namespace berth::sim
