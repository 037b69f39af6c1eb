#include <bit>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

#include "sim/study/run_store.hpp"

namespace berth::sim {

namespace {

// What a run's figures are made of, for the writer and the reader alike.

template <class Archive> void pass(Archive& with, model_figures& it) {
  with.all(it.gpus, it.gpu_seconds, it.held_seconds, it.cleaned_seconds, it.broken_seconds);
}
template <class Archive> void pass(Archive& with, size_figures& it) {
  with.all(it.arrived, it.placed, it.waits);
}
template <class Archive> void pass(Archive& with, model_moment& it) {
  with.all(it.gpus, it.held, it.cleaned, it.broken, it.stranded, it.fragmentation);
}
template <class Archive> void pass(Archive& with, waits_so_far& it) {
  with.all(it.placed, it.sum_s);
}
template <class Archive> void pass(Archive& with, moment& it) {
  with.all(it.at, it.models, it.placeable, it.waiting, it.gpus_waiting, it.arrived, it.placed,
           it.failed, it.living, it.hosts, it.hosts_down, it.refused_by, it.waits, it.rows);
}
template <class Archive> void pass(Archive& with, host_row& it) {
  with.all(it.first, it.last);
}
template <class Archive> void pass(Archive& with, capacity_shape& it) {
  with.all(it.model, it.gpus, it.where);
}
template <class Archive> void pass(Archive& with, run_result& it) {
  with.all(it.arrived, it.placed, it.refused, it.gave_up, it.waiting, it.longest_queue,
           it.refused_by, it.ended, it.failed, it.evicted, it.standing, it.living, it.gpus_asked,
           it.gpus_refused, it.waits, it.sizes, it.models, it.shapes, it.rows, it.series, it.span,
           it.events, it.waits_by_class);
}

/// Little-endian, 64 bits for every number.
class writer {
public:
  template <class... Parts> void all(Parts&... parts) { (one(parts), ...); }
  [[nodiscard]] std::string take() { return std::move(bytes_); }

private:
  void number(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8)
      bytes_ += static_cast<char>(value >> shift);
  }
  void one(std::string& text) {
    number(text.size());
    bytes_ += text;
  }
  void one(double& value) { number(std::bit_cast<std::uint64_t>(value)); }
  void one(model::duration& time) { number(static_cast<std::uint64_t>(time.count())); }
  void one(distribution& times) {
    auto parts = times.parts();
    all(parts.classes, parts.count, parts.sum_s, parts.max);
  }
  template <class T> void one(std::vector<T>& list) {
    number(list.size());
    for (auto& each : list)
      one(each);
  }
  template <class Key, class T> void one(std::map<Key, T>& table) {
    number(table.size());
    for (auto& [name, value] : table) {
      auto key = name;
      all(key, value);
    }
  }
  template <class T> void one(T& value) {
    if constexpr (std::is_enum_v<T> || std::is_integral_v<T>)
      number(static_cast<std::uint64_t>(value));
    else
      pass(*this, value);
  }

  std::string bytes_;
};

/// Foreign bytes: every length is held against what is left.
class reader {
public:
  explicit reader(std::string_view bytes) : left_{bytes} {}

  template <class... Parts> void all(Parts&... parts) { (one(parts), ...); }
  [[nodiscard]] bool is_whole() const { return good_ && left_.empty(); }

private:
  std::uint64_t number() {
    if (left_.size() < 8) {
      good_ = false;
      left_ = {};
      return 0;
    }
    std::uint64_t value = 0;
    for (int i = 7; i >= 0; --i)
      value = value << 8U | static_cast<unsigned char>(left_[static_cast<std::size_t>(i)]);
    left_.remove_prefix(8);
    return value;
  }
  /// Of a list, each of whose entries takes at least a byte.
  std::uint64_t length() {
    const auto value = number();
    if (value <= left_.size())
      return value;
    good_ = false;
    left_ = {};
    return 0;
  }
  void one(std::string& text) {
    const auto size = length();
    text = left_.substr(0, size);
    left_.remove_prefix(text.size());
  }
  void one(double& value) { value = std::bit_cast<double>(number()); }
  void one(model::duration& time) { time = model::duration{static_cast<std::int64_t>(number())}; }
  void one(distribution& times) {
    distribution::all_parts parts;
    all(parts.classes, parts.count, parts.sum_s, parts.max);
    times = distribution{std::move(parts)};
  }
  template <class T> void one(std::vector<T>& list) {
    for (auto left = length(); left > 0 && good_; --left)
      one(list.emplace_back());
  }
  template <class Key, class T> void one(std::map<Key, T>& table) {
    for (auto left = length(); left > 0 && good_; --left) {
      Key key{};
      one(key);
      one(table[key]);
    }
  }
  template <class T> void one(T& value) {
    if constexpr (std::is_enum_v<T> || std::is_integral_v<T>)
      value = static_cast<T>(number());
    else
      pass(*this, value);
  }

  std::string_view left_;
  bool good_ = true;
};

} // namespace

std::string to_bytes(const run_result& result) {
  auto copy = result;
  writer out;
  pass(out, copy);
  return out.take();
}

std::optional<run_result> run_from_bytes(std::string_view bytes) {
  run_result result;
  reader in{bytes};
  pass(in, result);
  return in.is_whole() ? std::optional{std::move(result)} : std::nullopt;
}

} // namespace berth::sim
