#include "proto/wire_reader.hpp"

#include <algorithm>
#include <cstring>

#include "proto/utf8.hpp"

namespace berth::proto {

void wire_reader::refuse(std::string_view field, std::string_view what) {
  if (failed())
    return;
  std::string message{subject_};
  message.append(": ").append(path_of(field)).append(" ").append(what);
  failure_ = model::failure{rules_.malformed, std::move(message)};
}

void wire_reader::uuid(std::string_view field, const std::string& in, model::uuid& out) {
  model::uuid::byte_array bytes{};
  if (in.size() != bytes.size())
    return refuse(field, "is an identifier of " + std::to_string(in.size()) + " bytes, must be 16");
  std::memcpy(bytes.data(), in.data(), bytes.size());
  out = model::uuid::from_bytes(bytes);
}

void wire_reader::check_text(std::string_view field, const std::string& in) {
  if (!is_utf8(in))
    refuse(field, "is not UTF-8");
}

void wire_reader::refuse_choice(std::string_view field, int number) {
  if (number == 0)
    return refuse(field, "is missing");
  if (rules_.refuse_unknown && !failed()) {
    refuse(field, "has the value " + std::to_string(number) +
                      ", which this version does not know: a newer berth wrote it");
    failure_->code = model::errc::store_too_new;
    return;
  }
  refuse(field, "has the value " + std::to_string(number) + ", which this version does not know");
}

void wire_reader::refuse_range(std::string_view field, std::uint64_t value, std::uint64_t most) {
  refuse(field, "is " + std::to_string(value) + ", must be at most " + std::to_string(most));
}

void wire_reader::refuse_unknown() {
  if (failed())
    return;
  refuse("", "has a field that this version does not know: a newer berth wrote it");
  failure_->code = model::errc::store_too_new;
}

std::string wire_reader::path_of(std::string_view field) const {
  std::string path;
  for (std::size_t level = 0; level < std::min(depth_, path_.size()); ++level) {
    const step& at = path_[level];
    path.append(path.empty() ? "" : ".").append(at.field);
    if (at.index != no_index)
      path.append("[").append(std::to_string(at.index)).append("]");
  }
  if (!field.empty())
    path.append(path.empty() ? "" : ".").append(field);
  return path.empty() ? "the message" : path;
}

} // namespace berth::proto
