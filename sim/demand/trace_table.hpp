#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "sim/demand/arrival.hpp"
#include "sim/demand/csv_reader.hpp"
#include "sim/demand/fields.hpp"
#include "sim/demand/readers.hpp"

// What the readers of tables share; internal to sim/.

namespace berth::sim {

/// A column of a format. Formats refer to their columns by position in their list.
struct trace_column {
  std::string_view name;
  bool is_needed = false;
};

/// Where the columns of a format are in a table.
class column_places {
public:
  static constexpr std::size_t columns_max = 16;

  /// Fails when a needed column is missing, naming the nearest that is there.
  [[nodiscard]] static model::result<column_places> find(std::span<const trace_column> wanted,
                                                         const csv_reader& table);

  [[nodiscard]] bool has(std::size_t column) const { return places_[column] != absent; }
  [[nodiscard]] std::size_t place(std::size_t column) const { return places_[column]; }

private:
  static constexpr std::size_t absent = ~std::size_t{0};
  std::array<std::size_t, columns_max> places_{};
};

/// What is wrong with a field.
struct field_fault {
  std::size_t column = 0; ///< of the format
  std::string_view rule;  ///< "must be ..."; a text that stays
  std::int64_t most = -1; ///< appended to the rule unless negative
};

/// The rule that is broken.
[[nodiscard]] std::string to_text(const field_fault& fault);

/// A row while a format turns it into an arrival. Asking for a field that does not hold what it
/// should gives a harmless value and remembers the first such fault.
class trace_row {
public:
  trace_row(std::span<const std::string_view> fields, const column_places& places)
      : fields_(fields), places_(places) {}

  /// Empty when the table has no such column.
  [[nodiscard]] std::string_view text(std::size_t column) const {
    return places_.has(column) ? fields_[places_.place(column)] : std::string_view{};
  }
  [[nodiscard]] bool is_empty(std::size_t column) const { return text(column).empty(); }

  [[nodiscard]] std::int64_t whole(std::size_t column, std::int64_t most) {
    return checked(column, parse_whole(text(column), most), "must be a whole number from 0 to ",
                   most);
  }
  [[nodiscard]] std::int64_t positive(std::size_t column, std::int64_t most) {
    const auto value = parse_whole(text(column), most);
    return checked(column, value == 0 ? std::nullopt : value, "must be a whole number from 1 to ",
                   most);
  }
  [[nodiscard]] model::duration seconds(std::size_t column) {
    return checked(column, parse_seconds(text(column)), "must be seconds from 0 to ", seconds_max);
  }
  [[nodiscard]] model::timestamp moment(std::size_t column) {
    return checked(column, parse_moment(text(column)),
                   "must be a moment like 2017-10-09 07:01:55, from 1970 to 2199");
  }
  /// A name of at most 128 bytes without control characters; may be empty.
  [[nodiscard]] std::string_view name(std::size_t column);

  void blame(std::size_t column, std::string_view rule, std::int64_t most = -1) {
    if (!fault_) {
      fault_ = field_fault{column, rule, most};
    }
  }
  [[nodiscard]] const std::optional<field_fault>& fault() const { return fault_; }

private:
  template <class T>
  T checked(std::size_t column, std::optional<T> value, std::string_view rule,
            std::int64_t most = -1) {
    if (!value) {
      blame(column, rule, most);
      return T{};
    }
    return *value;
  }

  std::span<const std::string_view> fields_;
  const column_places& places_;
  std::optional<field_fault> fault_;
};

/// Collects the arrivals of a trace.
class demand_builder {
public:
  explicit demand_builder(const read_options& options) : options_(options) {}

  /// Adds `one`, `count` times at one moment, if the row has no fault; splits it if it is large.
  /// CPUs and memory that are 0 get the defaults.
  void add(arrival one, std::int64_t count, trace_row& row, std::size_t gpus_column);

  /// The number of a model; 0 for the empty name gives the default model.
  [[nodiscard]] std::uint32_t model(std::string_view name);
  [[nodiscard]] std::uint32_t project(std::string_view name);

  [[nodiscard]] const read_options& options() const { return options_; }
  [[nodiscard]] std::uint64_t arrivals() const { return made_.arrivals.size(); }
  void remark(std::string text) { made_.report.remarks.push_back(std::move(text)); }
  [[nodiscard]] read_report& report() { return made_.report; }

  /// Times count from the epoch: take() sets the start to the first arrival, and counts from it.
  void times_are_absolute() { absolute_ = true; }
  /// Everything, sorted.
  [[nodiscard]] demand take();

private:
  void split(const arrival& job, std::int64_t count);
  void append(const arrival& one, std::int64_t count);

  const read_options& options_;
  demand made_;
  bool absolute_ = false;
  std::uint64_t split_jobs_ = 0;
};

/// How one kind of table becomes arrivals.
class trace_reader {
public:
  virtual ~trace_reader() = default;

  [[nodiscard]] virtual std::span<const trace_column> columns() const = 0;
  /// Called once, before the rows; fails when the table cannot be used.
  [[nodiscard]] virtual model::result<void> begin(const column_places& /*places*/,
                                                  demand_builder& /*into*/) {
    return {};
  }
  /// Adds the row's arrivals, or leaves a fault in it.
  virtual void convert(trace_row& row, demand_builder& into) = 0;
  /// Called once, behind the last row.
  virtual void end(demand_builder& /*into*/) {}
};

[[nodiscard]] std::unique_ptr<trace_reader> make_berth_reader();
[[nodiscard]] std::unique_ptr<trace_reader> make_alibaba_reader();
[[nodiscard]] std::unique_ptr<trace_reader> make_philly_reader();
[[nodiscard]] std::unique_ptr<trace_reader> make_packing_reader();

} // namespace berth::sim
