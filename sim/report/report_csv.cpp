#include "sim/report/report_csv.hpp"

#include <array>
#include <optional>
#include <ostream>
#include <string>

#include <fmt/format.h>

#include "sim/demand/berth_csv.hpp"
#include "sim/report/figures.hpp"

namespace berth::sim {

namespace {

std::string text_of(std::string_view text) {
  return std::string{text};
}
std::string text_of(double value) {
  return fmt::format("{}", value);
}
std::string text_of(std::integral auto value) {
  return fmt::format("{}", value);
}
std::string text_of(model::duration time) {
  return text_of(in_seconds(time));
}
template <class T> std::string text_of(const std::optional<T>& value) {
  return value ? text_of(*value) : std::string{};
}

/// A line of a table, cell by cell.
class line {
public:
  explicit line(std::ostream& out) : out_(out) {}
  line(const line&) = delete;
  line& operator=(const line&) = delete;
  ~line() { out_ << text_ << '\n'; }

  template <class T> line& operator<<(const T& value) {
    if (!first_)
      text_ += ',';
    first_ = false;
    append_csv_field(text_, text_of(value));
    return *this;
  }

private:
  std::ostream& out_;
  std::string text_;
  bool first_ = true;
};

/// `write(variant's name, seed, result)` for every run.
template <class Write> void each_run(const study_result& all, Write write) {
  for (const auto& variant : all.variants)
    for (const auto& one : variant.runs)
      write(variant.name, one.seed, one.result);
}

void summary(std::ostream& out, const study_result& all) {
  out << "scenario,partial,variant,figure,runs,mean,half_width,difference,difference_half_width\n";
  for (const auto& variant : all.variants)
    for (const auto& figure : run_figures()) {
      const auto mean = mean_over(variant, all.confidence, figure.of);
      line row{out};
      row << all.scenario << int{all.partial} << variant.name << figure.key << variant.runs.size()
          << mean.mean << mean.half_width;
      if (&variant == &all.variants.front()) {
        row << ""
            << "";
        continue;
      }
      const auto more = difference_over(variant, all.variants.front(), all.confidence, figure.of);
      row << more.mean << more.half_width;
    }
}

void runs(std::ostream& out, const study_result& all) {
  out << "scenario,partial,variant,seed,cut,span_s,events,gpus_asked,gpus_refused";
  for (const auto& figure : run_figures())
    out << ',' << figure.key;
  out << '\n';
  each_run(all, [&](const auto& variant, auto seed, const run_result& one) {
    line row{out};
    row << all.scenario << int{all.partial} << variant << seed << int{one.cut} << one.span
        << one.events << one.gpus_asked << one.gpus_refused;
    for (const auto& figure : run_figures())
      row << figure.of(one);
  });
}

void series(std::ostream& out, const study_result& all) {
  out << "variant,seed,at_s,waiting,gpus_waiting,arrived,placed,refused,failed,living,hosts,"
         "hosts_down\n";
  each_run(all, [&](const auto& variant, auto seed, const run_result& one) {
    for (const auto& at : one.series) {
      std::uint64_t refused = 0;
      for (const auto& [rule, times] : at.refused_by)
        refused += times;
      line{out} << variant << seed << at.at << at.waiting << at.gpus_waiting << at.arrived
                << at.placed << refused << at.failed << at.living << at.hosts << at.hosts_down;
    }
  });
}

void model_series(std::ostream& out, const study_result& all) {
  out << "variant,seed,at_s,model,gpus,held,cleaned,broken,free,fragmentation,stranded\n";
  each_run(all, [&](const auto& variant, auto seed, const run_result& one) {
    for (const auto& at : one.series) {
      auto name = one.models.begin();
      for (std::size_t i = 0; i < at.models.size(); ++i, ++name) {
        const auto state = state_of(one, at, i);
        line{out} << variant << seed << at.at << name->first << state.counts.gpus
                  << state.counts.held << state.counts.cleaned << state.counts.broken
                  << state.counts.free() << state.fragmentation << state.stranded;
      }
    }
  });
}

void shape_series(std::ostream& out, const study_result& all) {
  out << "variant,seed,at_s,model,gpus,placeable\n";
  each_run(all, [&](const auto& variant, auto seed, const run_result& one) {
    for (const auto& at : one.series)
      for (std::size_t i = 0; i < at.placeable.size() && i < one.shapes.size(); ++i)
        line{out} << variant << seed << at.at << one.shapes[i].model << one.shapes[i].gpus
                  << at.placeable[i];
  });
}

void models(std::ostream& out, const study_result& all) {
  out << "variant,seed,model,gpus,gpu_seconds,held_seconds,cleaned_seconds,broken_seconds\n";
  each_run(all, [&](const auto& variant, auto seed, const run_result& one) {
    for (const auto& [name, model] : one.models)
      line{out} << variant << seed << name << model.gpus << model.gpu_seconds << model.held_seconds
                << model.cleaned_seconds << model.broken_seconds;
  });
}

void sizes(std::ostream& out, const study_result& all) {
  out << "variant,seed,gpus,arrived,placed,wait_mean_s,wait_p50_s,wait_p95_s,wait_p99_s,"
         "wait_max_s\n";
  each_run(all, [&](const auto& variant, auto seed, const run_result& one) {
    for (const auto& [gpus, size] : one.sizes)
      line{out} << variant << seed << gpus << size.arrived << size.placed << size.waits.mean()
                << size.waits.quantile(0.5) << size.waits.quantile(0.95)
                << size.waits.quantile(0.99) << size.waits.max();
  });
}

void refusals(std::ostream& out, const study_result& all) {
  out << "variant,seed,at_s,rule,refused\n";
  each_run(all, [&](const auto& variant, auto seed, const run_result& one) {
    const auto write = [&](model::duration at, const auto& by) {
      for (const auto& [rule, times] : by)
        line{out} << variant << seed << at << rule << times;
    };
    for (const auto& at : one.series)
      write(at.at, at.refused_by);
    if (one.series.empty() || one.series.back().at != one.span)
      write(one.span, one.refused_by);
  });
}

void waits(std::ostream& out, const study_result& all) {
  out << "variant,seed,gpus,up_to_s,servers\n";
  each_run(all, [&](const auto& variant, auto seed, const run_result& one) {
    const auto write = [&](const std::string& gpus, const distribution& waited) {
      for (const auto& bucket : waited.buckets())
        line{out} << variant << seed << gpus << bucket.up_to << bucket.count;
    };
    write("all", one.waits);
    for (const auto& [gpus, size] : one.sizes)
      write(std::to_string(gpus), size.waits);
  });
}

void wait_series(std::ostream& out, const study_result& all) {
  out << "variant,seed,at_s,gpus,up_to_s,servers\n";
  const auto bounds = wait_bounds_s();
  each_run(all, [&](const auto& variant, auto seed, const run_result& one) {
    const auto write = [&](model::duration at, const std::vector<waits_so_far>& waits) {
      for (std::size_t i = 0; i < waits.size(); ++i)
        for (std::size_t bound = 0; bound < waits[i].placed.size(); ++bound)
          if (waits[i].placed[bound] > 0)
            line{out} << variant << seed << at << wait_classes()[i]
                      << (bound < bounds.size() ? std::optional{bounds[bound]} : std::nullopt)
                      << waits[i].placed[bound];
    };
    for (const auto& at : one.series)
      write(at.at, at.waits);
    if (one.series.empty() || one.series.back().at < one.span)
      write(one.span, one.waits_by_class);
  });
}

/// The first run of each variant only: they would be gigabytes.
void hosts(std::ostream& out, const study_result& all) {
  out << "variant,seed,at_s,first_host,last_host,held_permille\n";
  for (const auto& variant : all.variants) {
    if (variant.runs.empty())
      continue;
    const auto& [seed, one] = variant.runs.front();
    for (const auto& at : one.series)
      for (std::size_t i = 0; i < at.rows.size() && i < one.rows.size(); ++i)
        if (at.rows[i] != nothing_there)
          line{out} << variant.name << seed << at.at << one.rows[i].first << one.rows[i].last
                    << at.rows[i];
  }
}

constexpr std::array tables{
    csv_table{"summary.csv", summary},
    csv_table{"runs.csv", runs},
    csv_table{"series.csv", series},
    csv_table{"model_series.csv", model_series},
    csv_table{"shape_series.csv", shape_series},
    csv_table{"models.csv", models},
    csv_table{"sizes.csv", sizes},
    csv_table{"refusals.csv", refusals},
    csv_table{"waits.csv", waits},
    csv_table{"wait_series.csv", wait_series},
    csv_table{"hosts.csv", hosts},
};

} // namespace

std::span<const csv_table> csv_tables() {
  return tables;
}

} // namespace berth::sim
