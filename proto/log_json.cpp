#include "proto/log_json.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string_view>

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include "model/ids.hpp"
#include "proto/log.pb.h"
#include "proto/log_codec.hpp"
#include "proto/utf8.hpp"

namespace berth::proto {

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// The schema keeps identifiers and text both as bytes; these names are identifiers.
constexpr std::array identifiers{"avoided",     "device",  "gone",  "host",           "id",
                                 "incarnation", "nearest", "owner", "preferred_host", "server"};
constexpr std::array moments{"at",    "created_at", "ends_at",     "last_seen",
                             "since", "starts_at",  "state_since", "updated_at"};
// Of these, only the size is shown.
constexpr std::array secrets{"user_data"};

bool is_one_of(const auto& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void add_escaped(unsigned char c, std::string& out) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "\\u%04x", unsigned{c});
  out += text.data();
}

void add_text(std::string_view text, std::string& out) {
  const bool whole = is_utf8(text);
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      (out += '\\') += c;
    else if (byte < 0x20 || byte == 0x7F || (byte >= 0x80 && !whole))
      add_escaped(byte, out);
    else
      out += c;
  }
  out += '"';
}

void add_bytes(std::string_view name, const std::string& bytes, std::string& out) {
  model::uuid::byte_array id{};
  if (!is_one_of(identifiers, name) || bytes.size() != id.size())
    return add_text(bytes, out);
  std::copy(bytes.begin(), bytes.end(), id.begin());
  add_text(to_string(model::uuid::from_bytes(id)), out);
}

void add_moment(std::int64_t nanoseconds, std::string& out) {
  using namespace std::chrono;
  const sys_time<std::chrono::nanoseconds> at{std::chrono::nanoseconds{nanoseconds}};
  const auto day = floor<days>(at);
  const year_month_day date{day};
  const hh_mm_ss time{at - day};
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "\"%04d-%02u-%02uT%02d:%02d:%02d.%09dZ\"",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                static_cast<int>(time.subseconds().count()));
  out += text.data();
}

/// `DEVICE_STATE_IN_USE` as `in_use`.
void add_word(const google::protobuf::EnumValueDescriptor& value, std::string& out) {
  const std::string& unset = value.type()->FindValueByNumber(0)->name();
  const std::size_t prefix = unset.size() - std::string_view{"UNSPECIFIED"}.size();
  std::string word = value.name().substr(prefix);
  std::transform(word.begin(), word.end(), word.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  add_text(word, out);
}

void add_message(const Message& message, std::string& out);

void add_single(const Message& message, const FieldDescriptor& field, std::string& out) {
  const Reflection& of = *message.GetReflection();
  switch (field.cpp_type()) {
  case FieldDescriptor::CPPTYPE_INT32:
    out += std::to_string(of.GetInt32(message, &field));
    break;
  case FieldDescriptor::CPPTYPE_UINT32:
    out += std::to_string(of.GetUInt32(message, &field));
    break;
  case FieldDescriptor::CPPTYPE_UINT64:
    out += std::to_string(of.GetUInt64(message, &field));
    break;
  case FieldDescriptor::CPPTYPE_INT64:
    if (is_one_of(moments, field.name()))
      add_moment(of.GetInt64(message, &field), out);
    else
      out += std::to_string(of.GetInt64(message, &field));
    break;
  case FieldDescriptor::CPPTYPE_BOOL:
    out += of.GetBool(message, &field) ? "true" : "false";
    break;
  case FieldDescriptor::CPPTYPE_ENUM:
    add_word(*of.GetEnum(message, &field), out);
    break;
  case FieldDescriptor::CPPTYPE_STRING:
    add_bytes(field.name(), of.GetString(message, &field), out);
    break;
  case FieldDescriptor::CPPTYPE_MESSAGE:
    add_message(of.GetMessage(message, &field), out);
    break;
  case FieldDescriptor::CPPTYPE_DOUBLE: // the schema has none
  case FieldDescriptor::CPPTYPE_FLOAT:
    out += "null";
    break;
  }
}

void add_repeated(const Message& message, const FieldDescriptor& field, std::string& out) {
  const Reflection& of = *message.GetReflection();
  out += '[';
  for (int i = 0; i < of.FieldSize(message, &field); ++i) {
    if (i > 0)
      out += ',';
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
      add_message(of.GetRepeatedMessage(message, &field, i), out);
    else if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING)
      add_bytes(field.name(), of.GetRepeatedString(message, &field, i), out);
    else if (field.cpp_type() == FieldDescriptor::CPPTYPE_UINT64)
      out += std::to_string(of.GetRepeatedUInt64(message, &field, i));
    else
      out += std::to_string(of.GetRepeatedInt32(message, &field, i));
  }
  out += ']';
}

/// Every field in the schema's order; of optional ones and the oneof only those that are there.
void add_message(const Message& message, std::string& out) {
  const auto& type = *message.GetDescriptor();
  out += '{';
  const std::size_t begin = out.size();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.has_presence() && !message.GetReflection()->HasField(message, &field))
      continue;
    if (out.size() > begin)
      out += ',';
    const bool secret = is_one_of(secrets, field.name());
    ((out += '"') += field.name()) += secret ? "_bytes\":" : "\":";
    if (secret)
      out += std::to_string(message.GetReflection()->GetString(message, &field).size());
    else if (field.is_repeated())
      add_repeated(message, field, out);
    else
      add_single(message, field, out);
  }
  out += '}';
}

} // namespace

std::string to_json(const model::log_record& record) {
  v1::LogRecord message;
  message.ParseFromString(encode(record));
  std::string json;
  add_message(message, json);
  return json;
}

} // namespace berth::proto
