#include "sim/fleet/distribution.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace berth::sim {

namespace {

// Class of a number of milliseconds: itself below 128; above, its 7 leading bits behind the first
// say where in its power of two it lies.
constexpr unsigned fine_bits = 7;
constexpr std::uint64_t fine = 1U << fine_bits;

std::size_t class_of(model::duration time) {
  constexpr std::int64_t millisecond = 1'000'000;
  const auto whole = static_cast<std::uint64_t>((time.count() + millisecond - 1) / millisecond);
  if (whole < fine)
    return static_cast<std::size_t>(whole);
  const auto shift = static_cast<unsigned>(std::bit_width(whole)) - 1 - fine_bits;
  return static_cast<std::size_t>((shift + 1) * fine + ((whole >> shift) - fine));
}

/// The longest time of a class.
model::duration bound_of(std::size_t which) {
  if (which < fine)
    return std::chrono::milliseconds{which};
  const auto shift = which / fine - 1;
  const auto first = (fine + which % fine) << shift;
  return std::chrono::milliseconds{first + (std::uint64_t{1} << shift) - 1};
}

} // namespace

void distribution::add(model::duration time, std::uint64_t times) {
  const auto which = class_of(time);
  if (which >= classes_.size())
    classes_.resize(which + 1);
  classes_[which] += times;
  count_ += times;
  sum_ += static_cast<double>(times) * (static_cast<double>(time.count()) * 1e-9);
  max_ = std::max(max_, time);
}

void distribution::add(const distribution& other) {
  if (other.classes_.size() > classes_.size())
    classes_.resize(other.classes_.size());
  for (std::size_t i = 0; i < other.classes_.size(); ++i)
    classes_[i] += other.classes_[i];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

model::duration distribution::mean() const {
  if (count_ == 0)
    return {};
  return model::duration{std::llround(sum_ / static_cast<double>(count_) * 1e9)};
}

model::duration distribution::quantile(double share) const {
  const auto wanted = std::max(1.0, std::ceil(share * static_cast<double>(count_)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < classes_.size(); ++i) {
    seen += classes_[i];
    if (static_cast<double>(seen) >= wanted)
      return std::min(bound_of(i), max_);
  }
  return max_;
}

std::vector<distribution::bucket> distribution::buckets() const {
  std::vector<bucket> all;
  for (std::size_t i = 0; i < classes_.size(); ++i)
    if (classes_[i] > 0)
      all.push_back({bound_of(i), classes_[i]});
  return all;
}

} // namespace berth::sim
