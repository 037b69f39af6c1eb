#include "bench/packing_games/linear_bound.hpp"

#include <glpk.h>

#include <algorithm>
#include <map>

namespace berth::packing {

namespace {

/// Linear programmes over one set of machines; thousands are solved, one after another.
class relaxation {
public:
  explicit relaxation(const std::vector<machine>& hosts) {
    std::map<machine, int> kinds;
    for (const auto& host : hosts) {
      ++kinds[host];
    }
    kinds_.assign(kinds.begin(), kinds.end());
  }

  /// The most GPUs that the demands can get.
  [[nodiscard]] double most_gpus(std::span<const demand> demands) const {
    std::map<demand, int> classes;
    for (const auto& wanted : demands) {
      ++classes[wanted];
    }
    glp_prob* const problem = glp_create_prob();
    glp_set_obj_dir(problem, GLP_MAX);
    add_rows(problem, classes);
    int row = 0;
    for (const auto& [wanted, count] : classes) {
      ++row;
      for (std::size_t kind = 0; kind < kinds_.size(); ++kind) {
        if (fits_empty(kinds_[kind].first, wanted)) {
          add_column(problem, wanted, row, first_of(classes.size(), kind));
        }
      }
    }
    glp_smcp how;
    glp_init_smcp(&how);
    how.msg_lev = GLP_MSG_OFF;
    how.presolve = GLP_ON;
    glp_simplex(problem, &how);
    const double most = glp_get_obj_val(problem);
    glp_delete_prob(problem);
    return most;
  }

private:
  static constexpr double scale = 1000; ///< keeps the coefficients near each other

  [[nodiscard]] static int first_of(std::size_t classes, std::size_t kind) {
    return static_cast<int>(classes + 3 * kind) + 1;
  }

  /// One row per class (no more than arrived) and three per kind of host (GPUs, CPUs, memory).
  void add_rows(glp_prob* problem, const std::map<demand, int>& classes) const {
    glp_add_rows(problem, static_cast<int>(classes.size() + 3 * kinds_.size()));
    int row = 0;
    for (const auto& [wanted, count] : classes) {
      glp_set_row_bnds(problem, ++row, GLP_UP, 0, count);
    }
    for (const auto& [host, count] : kinds_) {
      glp_set_row_bnds(problem, ++row, GLP_UP, 0, static_cast<double>(host.gpus) * count);
      glp_set_row_bnds(problem, ++row, GLP_UP, 0, static_cast<double>(host.cpus) / scale * count);
      glp_set_row_bnds(problem, ++row, GLP_UP, 0,
                       static_cast<double>(host.memory_mib) / scale * count);
    }
  }

  static void add_column(glp_prob* problem, const demand& wanted, int class_row, int kind_row) {
    const int column = glp_add_cols(problem, 1);
    glp_set_obj_coef(problem, column, wanted.gpus);
    glp_set_col_bnds(problem, column, GLP_LO, 0, 0);
    // GLPK counts from 1; the zeroth elements are unused.
    const int rows[] = {0, class_row, kind_row, kind_row + 1, kind_row + 2};
    const double values[] = {0, 1, static_cast<double>(wanted.gpus),
                             static_cast<double>(wanted.cpus) / scale,
                             static_cast<double>(wanted.memory_mib) / scale};
    glp_set_mat_col(problem, column, 4, rows, values);
  }

  std::vector<std::pair<machine, int>> kinds_;
};

std::int64_t wanted_gpus(std::span<const demand> demands) {
  std::int64_t sum = 0;
  for (const auto& wanted : demands) {
    sum += wanted.gpus;
  }
  return sum;
}

} // namespace

std::optional<unallocated> linear_bound(const std::vector<machine>& hosts,
                                        const std::vector<demand>& arrivals) {
  const relaxation relaxed{hosts};
  const auto all = static_cast<double>(gpus_of(hosts));
  const auto left = [all](double given) { return std::max(0.0, 100 * (all - given) / all); };
  const std::span<const demand> every{arrivals};

  std::size_t full = 0;
  for (std::int64_t arrived = 0; full < every.size() && arrived < gpus_of(hosts); ++full) {
    arrived += every[full].gpus;
  }
  // The longest beginning of the arrivals that the relaxation can hold as a whole.
  std::size_t low = 0;
  std::size_t high = every.size();
  while (low < high) {
    const std::size_t middle = low + (high - low + 1) / 2;
    const auto head = every.first(middle);
    const bool holds = relaxed.most_gpus(head) >= static_cast<double>(wanted_gpus(head)) - 1e-4;
    (holds ? low : high) = holds ? middle : middle - 1;
  }
  return unallocated{left(static_cast<double>(wanted_gpus(every.first(low)))),
                     left(relaxed.most_gpus(every.first(full))), left(relaxed.most_gpus(every))};
}

} // namespace berth::packing
