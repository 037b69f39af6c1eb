#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/failure.hpp"
#include "model/request.hpp"
#include "model/time.hpp"

namespace berth::sim {

/// Of a lifetime: it never ends, or nobody knows when. Of a patience: it waits for ever.
inline constexpr model::duration endless = model::duration::max();
/// Of a patience: not said, the scenario decides.
inline constexpr model::duration unstated{-1};

// What an arrival may hold at most; readers and the generator refuse more. The sum of two times
// fits into a duration.
inline constexpr std::int64_t seconds_max = 3'155'760'000; ///< a hundred years
inline constexpr std::int64_t vcpus_max = 1'000'000;
inline constexpr std::int64_t memory_mib_max = std::int64_t{64} * 1024 * 1024;
inline constexpr std::int64_t gpus_max = 4'096; ///< of a job, before it is split
inline constexpr std::int64_t parts_max = 10'000;

inline constexpr std::int64_t priority_max = 100;

/// model::topology_wishes in a byte.
class packed_topology {
public:
  constexpr packed_topology() : packed_topology(model::topology_wishes{}) {}
  explicit constexpr packed_topology(const model::topology_wishes& all)
      : bits_(static_cast<std::uint8_t>(static_cast<unsigned>(all.numa) |
                                        static_cast<unsigned>(all.pcie_root) << 2U |
                                        static_cast<unsigned>(all.pcie_switch) << 4U |
                                        static_cast<unsigned>(all.fabric) << 6U)) {}
  [[nodiscard]] constexpr model::topology_wishes wishes() const {
    return {at(0), at(2), at(4), at(6)};
  }
  [[nodiscard]] constexpr std::uint8_t bits() const { return bits_; }

  friend constexpr auto operator<=>(const packed_topology&, const packed_topology&) = default;

private:
  [[nodiscard]] constexpr model::wish at(unsigned place) const {
    return static_cast<model::wish>(bits_ >> place & 3U);
  }

  std::uint8_t bits_;
};

/// A server that somebody asks for. Small, because tens of millions are held.
struct arrival {
  model::duration when{};              ///< since the demand's start, never negative
  model::duration lifetime = endless;  ///< from the moment it has a place
  model::duration patience = unstated; ///< how long it waits for a place
  std::uint32_t vcpus = 0;
  std::uint32_t memory_mib = 0;
  std::uint32_t model = 0;   ///< of its GPUs, in demand_names::models; 0: any
  std::uint32_t project = 0; ///< in demand_names::projects; 0: none
  std::uint16_t gpus = 0;
  std::uint16_t parts = 1;    ///< servers of the job that this one is a part of; 1: it is alone
  packed_topology topology{}; ///< of its GPUs
  std::uint8_t priority = 0;  ///< among those who wait, up to priority_max; higher first

  friend bool operator==(const arrival&, const arrival&) = default;
};
static_assert(sizeof(arrival) <= 48);

/// What a server gets of which nobody says more.
struct server_defaults {
  std::uint32_t vcpus_per_gpu = 8;
  std::uint32_t memory_mib_per_gpu = 32'768;
  std::uint32_t vcpus_without_gpu = 4;
  std::uint32_t memory_mib_without_gpu = 16'384;
  std::string gpu_model{}; ///< empty: any
  friend bool operator==(const server_defaults&, const server_defaults&) = default;
};

/// CPUs and memory that are 0 become the defaults for the server's GPUs.
void fill_in(arrival& one, const server_defaults& defaults);

/// Texts that arrivals refer to by number. Number 0 is the empty text; the others are numbered in
/// the order in which they came.
class name_table {
public:
  name_table();

  /// The number of `name`, which is added if it is new.
  std::uint32_t number_of(std::string_view name);
  /// `number` must be one that number_of gave.
  [[nodiscard]] const std::string& name(std::uint32_t number) const { return names_[number]; }
  [[nodiscard]] std::span<const std::string> all() const { return names_; }
  [[nodiscard]] std::size_t size() const { return names_.size(); }

  friend bool operator==(const name_table& a, const name_table& b) { return a.names_ == b.names_; }

private:
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };

  std::uint32_t find_or_add(std::string_view name);

  std::vector<std::string> names_;
  std::uint32_t last_ = 0; ///< that was asked for
  std::unordered_map<std::string, std::uint32_t, text_hash, std::equal_to<>> numbers_;
};

struct demand_names {
  name_table models; ///< of GPUs: a name, or alternatives in order of preference, `A|B`
  name_table projects;

  friend bool operator==(const demand_names&, const demand_names&) = default;
};

/// What its servers ask a scheduler for: GPUs of one of the models, in order of preference.
[[nodiscard]] std::vector<model::device_request> devices_of(const arrival& one,
                                                            const demand_names& names);

/// Rows that were left out for one reason.
struct skipped_rows {
  std::string rule; ///< which they break: "gpus must be ..."
  std::uint64_t count = 0;
  std::vector<std::uint64_t> first_lines; ///< of the file, the header is line 1; a few
  std::string example;                    ///< what stood in the first of them, quoted

  friend bool operator==(const skipped_rows&, const skipped_rows&) = default;
};

/// What a reader has to say besides the arrivals.
struct read_report {
  std::string source;                ///< the file
  std::uint64_t rows = 0;            ///< below the header, empty lines not counted
  std::uint64_t skipped = 0;         ///< of them
  std::vector<skipped_rows> reasons; ///< in the order in which they came up
  std::uint64_t out_of_order = 0;    ///< arrivals that stood behind later ones, and were sorted in
  std::vector<std::string> remarks;  ///< unknown columns, what was rounded, split, left out

  friend bool operator==(const read_report&, const read_report&) = default;
};

/// For a person, several lines.
[[nodiscard]] std::string to_text(const read_report& report);

/// What arrives, all of it: sorted by `when`, those of one moment in the order of the input.
struct demand {
  std::vector<arrival> arrivals;
  demand_names names;
  std::optional<model::timestamp> start; ///< the moment that `when` counts from, if it is known
  read_report report;                    ///< empty unless it was read
};

/// Gives arrivals one after another, `when` never falling. Traces and the generator alike, so that
/// a long horizon needs no memory.
class arrival_source {
public:
  virtual ~arrival_source() = default;

  /// The next arrival; nullopt at the end, and from then on.
  [[nodiscard]] virtual std::optional<arrival> next() = 0;
  /// Holds every name that an arrival refers to, already before the first.
  [[nodiscard]] virtual const demand_names& names() const = 0;
};

/// The arrivals of a demand, which must outlive it.
class demand_source final : public arrival_source {
public:
  explicit demand_source(const demand& from) : from_(from) {}

  [[nodiscard]] std::optional<arrival> next() override;
  [[nodiscard]] const demand_names& names() const override { return from_.names; }

private:
  const demand& from_;
  std::size_t at_ = 0;
};

/// All that `source` still gives. Fails with too_large if it is more than `arrivals_max`.
[[nodiscard]] model::result<demand> collect(arrival_source& source, std::size_t arrivals_max);

/// The names of `A|B`, in order; none for the empty text. They point into `models`.
[[nodiscard]] std::vector<std::string_view> alternatives(std::string_view models);

/// Holds the GPU models that a demand names against those of an inventory, without regard to case.
/// Fails with unknown_field, naming one that is not `known` and the nearest that is.
[[nodiscard]] model::result<void> check_models(const demand_names& names,
                                               std::span<const std::string> known);

} // namespace berth::sim
