#include "sim/demand/trace_table.hpp"

#include <algorithm>

#include "model/text.hpp"

namespace berth::sim {

model::result<column_places> column_places::find(std::span<const trace_column> wanted,
                                                 const csv_reader& table) {
  column_places found;
  found.places_.fill(absent);
  const auto columns = table.columns();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const auto at = std::find(columns.begin(), columns.end(), wanted[i].name);
    if (at != columns.end()) {
      found.places_[i] = static_cast<std::size_t>(at - columns.begin());
    } else if (wanted[i].is_needed) {
      const auto near = model::nearest_name(wanted[i].name, columns);
      return model::fail(model::errc::unknown_field,
                         table.name() + " has no column " + std::string{wanted[i].name} +
                             (near ? ", but one called " + in_quotes(*near) : ""));
    }
  }
  return found;
}

std::string to_text(const field_fault& fault) {
  return std::string{fault.rule} + (fault.most < 0 ? "" : std::to_string(fault.most));
}

std::string_view trace_row::name(std::size_t column) {
  constexpr std::size_t longest = 128;
  const auto value = text(column);
  const bool is_printable = std::none_of(value.begin(), value.end(),
                                         [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
  if (value.size() > longest || !is_printable) {
    blame(column, "must be a name of at most 128 printable characters");
    return {};
  }
  return value;
}

void demand_builder::add(arrival one, std::int64_t count, trace_row& row, std::size_t gpus_column) {
  const std::int64_t servers = std::max<std::int64_t>(
      1, (one.gpus + options_.gpus_per_server_max - 1) / options_.gpus_per_server_max);
  const bool is_large = options_.large != large_jobs::keep && servers > 1;
  if (is_large && options_.large == large_jobs::leave_out) {
    row.blame(gpus_column, "must be no more than one server has here, ",
              options_.gpus_per_server_max);
  }
  if (is_large && count * servers > parts_max) {
    row.blame(gpus_column, "must not make more servers of a row than ", parts_max);
  }
  if (row.fault()) {
    return;
  }
  if (is_large) {
    ++split_jobs_;
    split(one, count);
  } else {
    fill_in(one, options_.defaults);
    append(one, count);
  }
}

/// Full servers first, then the rest; CPUs and memory go with the GPUs, rounded up.
void demand_builder::split(const arrival& job, std::int64_t count) {
  const std::uint32_t most = options_.gpus_per_server_max;
  const std::uint32_t full = job.gpus / most;
  const std::uint32_t rest = job.gpus % most;
  const auto share = [&job](std::uint32_t whole, std::uint32_t gpus) {
    return static_cast<std::uint32_t>((std::uint64_t{whole} * gpus + job.gpus - 1) / job.gpus);
  };
  const auto part = [&](std::uint32_t gpus) {
    auto one = job;
    one.gpus = static_cast<std::uint16_t>(gpus);
    one.vcpus = share(job.vcpus, gpus);
    one.memory_mib = share(job.memory_mib, gpus);
    one.parts = static_cast<std::uint16_t>((full + (rest > 0 ? 1 : 0)) * count);
    fill_in(one, options_.defaults);
    return one;
  };
  append(part(most), full * count);
  if (rest > 0) {
    append(part(rest), count);
  }
}

void demand_builder::append(const arrival& one, std::int64_t count) {
  auto& arrivals = made_.arrivals;
  if (!arrivals.empty() && one.when < arrivals.back().when) {
    made_.report.out_of_order += static_cast<std::uint64_t>(count);
  }
  for (std::int64_t i = 0; i < count; ++i) {
    arrivals.push_back(one);
  }
}

std::uint32_t demand_builder::model(std::string_view name) {
  return made_.names.models.number_of(name.empty() ? options_.defaults.gpu_model : name);
}

std::uint32_t demand_builder::project(std::string_view name) {
  return name.empty() ? 0 : made_.names.projects.number_of(name);
}

demand demand_builder::take() {
  auto& arrivals = made_.arrivals;
  if (made_.report.out_of_order > 0) {
    std::stable_sort(arrivals.begin(), arrivals.end(),
                     [](const arrival& a, const arrival& b) { return a.when < b.when; });
  }
  if (absolute_ && !arrivals.empty()) {
    const auto first = arrivals.front().when;
    made_.start = model::timestamp{first};
    for (auto& one : arrivals) {
      one.when -= first;
    }
  }
  if (split_jobs_ > 0) {
    remark(std::to_string(split_jobs_) + " jobs of more than " +
           std::to_string(options_.gpus_per_server_max) + " GPUs became several servers each");
  }
  return std::move(made_);
}

} // namespace berth::sim
