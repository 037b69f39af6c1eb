#include "proto/wire_reader.hpp"

#include <cstring>

namespace berth::proto {

namespace {

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// Bytes of the UTF-8 sequence at the start of `text`, by table 3-7 of the Unicode standard; 0 =
// none.
std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80)
    return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length)
    return 0;
  for (std::size_t i = 1; i < length; ++i)
    if (!is_continuation(text[i]))
      return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool surrogate = lead == 0xED && second > 0x9F;
  const bool too_high = lead == 0xF4 && second > 0x8F;
  return overlong || surrogate || too_high ? 0 : length;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0)
      return false;
    text.remove_prefix(length);
  }
  return true;
}

} // namespace

void wire_reader::refuse(std::string_view field, std::string_view what) {
  if (failed())
    return;
  std::string message{subject_};
  message.append(": ").append(path_of(field)).append(" ").append(what);
  failure_ = model::failure{rules_.malformed, std::move(message)};
}

void wire_reader::uuid(std::string_view field, const std::string& in, model::uuid& out) {
  if (in.size() != out.bytes.size())
    return refuse(field, "is an identifier of " + std::to_string(in.size()) + " bytes, must be 16");
  std::memcpy(out.bytes.data(), in.data(), out.bytes.size());
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
  for (const step& at : path_) {
    path.append(path.empty() ? "" : ".").append(at.field);
    if (at.index != no_index)
      path.append("[").append(std::to_string(at.index)).append("]");
  }
  if (!field.empty())
    path.append(path.empty() ? "" : ".").append(field);
  return path.empty() ? "the message" : path;
}

} // namespace berth::proto
