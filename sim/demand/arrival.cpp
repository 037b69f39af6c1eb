#include "sim/demand/arrival.hpp"

#include <algorithm>

#include "model/text.hpp"

namespace berth::sim {

name_table::name_table() {
  number_of({});
}

std::uint32_t name_table::number_of(std::string_view name) {
  if (last_ < names_.size() && names_[last_] == name) {
    return last_; // rows often repeat what stood above them
  }
  last_ = find_or_add(name);
  return last_;
}

std::uint32_t name_table::find_or_add(std::string_view name) {
  if (const auto found = numbers_.find(name); found != numbers_.end()) {
    return found->second;
  }
  const auto number = static_cast<std::uint32_t>(names_.size());
  names_.emplace_back(name);
  numbers_.emplace(name, number);
  return number;
}

void fill_in(arrival& one, const server_defaults& defaults) {
  if (one.vcpus == 0) {
    one.vcpus = one.gpus == 0 ? defaults.vcpus_without_gpu : defaults.vcpus_per_gpu * one.gpus;
  }
  if (one.memory_mib == 0) {
    one.memory_mib =
        one.gpus == 0 ? defaults.memory_mib_without_gpu : defaults.memory_mib_per_gpu * one.gpus;
  }
}

std::vector<model::device_request> devices_of(const arrival& one, const demand_names& names) {
  if (one.gpus == 0)
    return {};
  model::device_request gpus{std::nullopt, one.gpus, {}};
  for (const auto name : alternatives(names.models.name(one.model)))
    gpus.alternatives.push_back(
        {.model = std::string{name}, .vendor = {}, .type = {}, .vendor_device = {}});
  if (gpus.alternatives.empty())
    gpus.alternatives.emplace_back();
  return {std::move(gpus)};
}

std::string to_text(const read_report& report) {
  std::string text = report.source + ": " + std::to_string(report.rows) + " rows, " +
                     std::to_string(report.skipped) + " left out\n";
  for (const auto& reason : report.reasons) {
    text += "  " + std::to_string(reason.count) + " x " + reason.rule + ": line";
    for (const auto line : reason.first_lines) {
      text += " " + std::to_string(line);
    }
    text += (reason.count > reason.first_lines.size() ? " ..." : "") +
            (reason.example.empty() ? std::string{} : ", the first has " + reason.example) + "\n";
  }
  if (report.out_of_order > 0) {
    text += "  " + std::to_string(report.out_of_order) +
            " arrivals stood behind later ones: sorted by time\n";
  }
  for (const auto& remark : report.remarks) {
    text += "  " + remark + "\n";
  }
  return text;
}

std::optional<arrival> demand_source::next() {
  if (at_ == from_.arrivals.size()) {
    return std::nullopt;
  }
  return from_.arrivals[at_++];
}

model::result<demand> collect(arrival_source& source, std::size_t arrivals_max) {
  demand all;
  while (const auto next = source.next()) {
    if (all.arrivals.size() == arrivals_max) {
      return model::fail(model::errc::too_large, "more than " + std::to_string(arrivals_max) +
                                                     " servers arrive: shorten the horizon");
    }
    all.arrivals.push_back(*next);
  }
  all.names = source.names();
  return all;
}

std::vector<std::string_view> alternatives(std::string_view models) {
  std::vector<std::string_view> names;
  while (!models.empty()) {
    const std::size_t end = std::min(models.find('|'), models.size());
    if (end > 0) {
      names.push_back(models.substr(0, end));
    }
    models.remove_prefix(std::min(end + 1, models.size()));
  }
  return names;
}

model::result<void> check_models(const demand_names& names, std::span<const std::string> known) {
  for (const auto& wish : names.models.all()) {
    for (const auto name : alternatives(wish)) {
      const bool found = std::any_of(known.begin(), known.end(), [name](const std::string& one) {
        return model::equals_ignoring_case(one, name);
      });
      if (found) {
        continue;
      }
      const auto near = model::nearest_name(name, known);
      return model::fail(model::errc::unknown_field,
                         "the demand names the GPU model '" + std::string{name} +
                             "', which no host of the inventory has" +
                             (near ? "; did you mean '" + std::string{*near} + "'?" : ""));
    }
  }
  return {};
}

} // namespace berth::sim
