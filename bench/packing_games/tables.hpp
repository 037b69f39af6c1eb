#pragma once

#include <string>
#include <vector>

#include <fmt/format.h>

#include "model/failure.hpp"

// What the games print: tables in Markdown.

namespace berth::packing {

/// Figures of one player, one per seed.
class sample {
public:
  void add(double value) { values_.push_back(value); }
  [[nodiscard]] double mean() const;
  /// Standard deviation of the seeds.
  [[nodiscard]] double spread() const;
  [[nodiscard]] std::string text(int digits) const;

private:
  std::vector<double> values_;
};

void print_row(const std::vector<std::string>& cells);
void print_head(const std::string& title, const std::vector<std::string>& columns);

/// Says why and goes on when a table is not there.
template <class T> const T* or_skip(const model::result<T>& read, const std::string& game) {
  if (!read) {
    fmt::print("\n{}: skipped, {}\n", game, read.error().message);
    return nullptr;
  }
  return &*read;
}

} // namespace berth::packing
