#pragma once

#include <memory>
#include <utility>

namespace berth::model {

/// An immutable value that copies share: copying costs a counter, whatever the value holds. Reads
/// and compares as the value itself; one that holds nothing (default, moved from) reads as `T{}`.
/// Copies may be used on different threads.
template <class T> class shared_value {
public:
  shared_value() = default;
  shared_value(T value) : value_(std::make_shared<const T>(std::move(value))) {} // reads as a T

  [[nodiscard]] const T& operator*() const { return value_ ? *value_ : nothing(); }
  [[nodiscard]] const T* operator->() const { return &**this; }
  operator const T&() const { return **this; }

  /// Gives this copy another value, made from its present one; the other copies keep theirs.
  template <class Change> void edit(Change change) {
    T next = **this;
    change(next);
    *this = shared_value{std::move(next)};
  }

  friend bool operator==(const shared_value& a, const shared_value& b) {
    return a.value_ == b.value_ || *a == *b;
  }

private:
  static const T& nothing() {
    static const T value{};
    return value;
  }

  std::shared_ptr<const T> value_;
};

} // namespace berth::model
