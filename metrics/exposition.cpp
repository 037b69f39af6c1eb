#include "metrics/exposition.hpp"

#include <charconv>
#include <cmath>

namespace berth::metrics {

namespace {

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quotes) {
      out += "\\\"";
    } else {
      out += c;
    }
  }
}

void append_label(std::string& out, char& opener, std::string_view name, std::string_view value) {
  out += opener;
  opener = ',';
  out += name;
  out += "=\"";
  append_escaped(out, value, true);
  out += '"';
}

void append_labels(std::string& out, const metric_description& row,
                   std::span<const std::string_view> values, std::string_view bound,
                   const open_metrics_log::constant_labels& constant) {
  char opener = '{';
  for (std::size_t i = 0; i < row.labels.size() && i < values.size(); ++i) {
    append_label(out, opener, row.labels[i].name, values[i]);
  }
  if (!bound.empty()) {
    append_label(out, opener, "le", bound);
  }
  for (const auto& [name, value] : constant) {
    append_label(out, opener, name, value);
  }
  if (opener == ',') {
    out += '}';
  }
}

std::string number(double value) {
  std::string text;
  append_number(text, value);
  return text;
}

} // namespace

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "NaN";
  } else if (std::isinf(value)) {
    out += value > 0 ? "+Inf" : "-Inf";
  } else {
    char buffer[64];
    const double size = std::abs(value);
    const bool plain = size == 0 || (size >= 1e-9 && size < 1e15);
    const auto form = plain ? std::chars_format::fixed : std::chars_format::general;
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value, form).ptr;
    out.append(buffer, end);
  }
}

void text_writer::family(metric id) {
  row_ = &describe(id);
  text_ += "# HELP ";
  text_ += row_->name;
  text_ += ' ';
  append_escaped(text_, row_->help, false);
  text_ += "\n# TYPE ";
  text_ += row_->name;
  text_ += ' ';
  text_ += to_string(row_->kind);
  text_ += '\n';
}

void text_writer::line(std::string_view suffix, std::span<const std::string_view> labels,
                       std::string_view bound, double value) {
  text_ += row_->name;
  text_ += suffix;
  append_labels(text_, *row_, labels, bound, {});
  text_ += ' ';
  append_number(text_, value);
  text_ += '\n';
}

void text_writer::sample(std::span<const std::string_view> labels, double value) {
  line("", labels, "", value);
}

void text_writer::sample(std::span<const std::string_view> labels, const histogram_value& value) {
  for (std::size_t i = 0; i < row_->buckets.size(); ++i) {
    line("_bucket", labels, number(row_->buckets[i]), static_cast<double>(value.cumulative[i]));
  }
  line("_bucket", labels, "+Inf", static_cast<double>(value.count));
  line("_sum", labels, "", value.sum);
  line("_count", labels, "", static_cast<double>(value.count));
}

void open_metrics_log::family(metric id) {
  family_ = static_cast<std::size_t>(id);
}

void open_metrics_log::add(std::string_view suffix, std::span<const std::string_view> labels,
                           std::string_view bound, double value) {
  const auto& row = all_metrics()[family_];
  std::string key{row.name};
  key += suffix;
  append_labels(key, row, labels, bound, constant_);
  auto& all = families_[family_];
  const auto [where, fresh] = index_.try_emplace(key, all.size());
  if (fresh) {
    all.push_back({std::move(key), {}});
  }
  all[where->second].points.push_back({now_, value});
}

void open_metrics_log::sample(std::span<const std::string_view> labels, double value) {
  add("", labels, "", value);
}

void open_metrics_log::sample(std::span<const std::string_view> labels,
                              const histogram_value& value) {
  const auto& row = all_metrics()[family_];
  for (std::size_t i = 0; i < row.buckets.size(); ++i) {
    add("_bucket", labels, number(row.buckets[i]), static_cast<double>(value.cumulative[i]));
  }
  add("_bucket", labels, "+Inf", static_cast<double>(value.count));
  add("_sum", labels, "", value.sum);
  add("_count", labels, "", static_cast<double>(value.count));
}

std::string open_metrics_log::text() const {
  std::string out;
  for (std::size_t i = 0; i < families_.size(); ++i) {
    if (families_[i].empty()) {
      continue;
    }
    const auto& row = all_metrics()[i];
    std::string_view name = row.name; // OpenMetrics names a counter's family without `_total`
    if (row.kind == metric_kind::counter) {
      name.remove_suffix(std::string_view{"_total"}.size());
    }
    out += "# HELP ";
    out += name;
    out += ' ';
    append_escaped(out, row.help, true);
    out += "\n# TYPE ";
    out += name;
    out += ' ';
    out += to_string(row.kind);
    out += '\n';
    for (const auto& one : families_[i]) {
      for (const auto& p : one.points) {
        out += one.name_and_labels;
        out += ' ';
        append_number(out, p.value);
        out += ' ';
        append_number(out, std::chrono::duration<double>(p.at.time_since_epoch()).count());
        out += '\n';
      }
    }
  }
  return out + "# EOF\n";
}

} // namespace berth::metrics
