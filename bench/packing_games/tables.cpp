#include "bench/packing_games/tables.hpp"

#include <cmath>
#include <iostream>
#include <numeric>

namespace berth::packing {

double sample::mean() const {
  return values_.empty() ? 0
                         : std::accumulate(values_.begin(), values_.end(), 0.0) /
                               static_cast<double>(values_.size());
}

double sample::spread() const {
  double squares = 0;
  for (const double value : values_) {
    squares += (value - mean()) * (value - mean());
  }
  return values_.size() < 2 ? 0 : std::sqrt(squares / static_cast<double>(values_.size() - 1));
}

std::string sample::text(int digits) const {
  return fmt::format("{:.{}f} ±{:.{}f}", mean(), digits, spread(), digits);
}

void print_row(const std::vector<std::string>& cells) {
  fmt::print("|");
  for (const auto& cell : cells) {
    fmt::print(" {} |", cell);
  }
  fmt::print("\n");
  std::cout.flush();
}

void print_head(const std::string& title, const std::vector<std::string>& columns) {
  fmt::print("\n{}\n\n", title);
  print_row(columns);
  print_row(std::vector<std::string>(columns.size(), "---"));
}

} // namespace berth::packing
