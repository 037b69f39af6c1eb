#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include <caf/allowed_unsafe_message_type.hpp>

namespace berth::actors {

/// How a value travels inside a process: one pointer, whatever the value holds (move-only things
/// too). The receiver may move the content out: a parcel is sent to one actor and opened once.
template <class T> struct parcel {
  std::shared_ptr<T> content;

  [[nodiscard]] T& open() const { return *content; }
};

template <class T> [[nodiscard]] parcel<std::decay_t<T>> pack(T&& value) {
  return {std::make_shared<std::decay_t<T>>(std::forward<T>(value))};
}

} // namespace berth::actors

/// Parcels never leave the process: CAF's wire protocol is not used (docs/adr).
template <class T>
struct caf::allowed_unsafe_message_type<berth::actors::parcel<T>> : std::true_type {};
