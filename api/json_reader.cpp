#include "api/json_reader.hpp"

#include "api/json_syntax.hpp"
#include "model/text.hpp"

namespace berth::api {

using model::errc;
using model::fail;
using model::result;
using simdjson::dom::element_type;

namespace {

constexpr std::size_t shown_max = 64;

/// Text of a user, made fit for a message: bounded, on a character boundary, one line.
std::string shown(std::string_view text) {
  std::size_t end = std::min(text.size(), shown_max);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80) {
    --end;
  }
  std::string out;
  for (const char c : text.substr(0, end)) {
    out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  return out + (end < text.size() ? "..." : "");
}

std::string describe(json_value value) {
  switch (value.type()) {
  case element_type::OBJECT:
    return "an object";
  case element_type::ARRAY:
    return "an array";
  case element_type::STRING:
    return "'" + shown(value.get_string().value_unsafe()) + "'";
  case element_type::INT64:
    return std::to_string(value.get_int64().value_unsafe());
  case element_type::UINT64:
    return std::to_string(value.get_uint64().value_unsafe());
  case element_type::DOUBLE:
    return "a number with a fraction or an exponent";
  case element_type::BOOL:
    return value.get_bool().value_unsafe() ? "true" : "false";
  case element_type::NULL_VALUE:
    return "null";
  }
  return "something else";
}

std::string name_of(const json_path& path) {
  auto text = to_string(path);
  return text.empty() ? "the body" : text;
}

} // namespace

std::string to_string(const json_path& path) {
  std::string text = path.parent == nullptr ? std::string{} : to_string(*path.parent);
  if (path.index != json_path::no_index) {
    return text + "[" + std::to_string(path.index) + "]";
  }
  if (!text.empty() && !path.name.empty()) {
    text += '.';
  }
  return text += path.name;
}

tl::unexpected<model::failure> wrong_value(const json_path& path, json_value given,
                                           std::string_view expected) {
  return fail(errc::invalid_argument,
              name_of(path) + " is " + describe(given) + ": must be " + std::string{expected},
              {{"field", to_string(path)}});
}

result<std::int64_t> read_integer(json_value value, const json_path& path, std::int64_t least,
                                  std::int64_t most) {
  std::int64_t number = 0;
  if (value.type() == element_type::INT64 && value.get(number) == simdjson::SUCCESS &&
      number >= least && number <= most) {
    return number;
  }
  return wrong_value(path, value,
                     "an integer from " + std::to_string(least) + " to " + std::to_string(most));
}

result<bool> read_bool(json_value value, const json_path& path) {
  bool truth = false;
  if (value.get(truth) == simdjson::SUCCESS) {
    return truth;
  }
  return wrong_value(path, value, "true or false");
}

result<std::string_view> read_string(json_value value, const json_path& path, std::size_t longest) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) {
    return wrong_value(path, value, "a string");
  }
  if (text.size() > longest) {
    return fail(errc::invalid_argument,
                name_of(path) + " has " + std::to_string(text.size()) + " bytes: at most " +
                    std::to_string(longest) + " are allowed",
                {{"field", to_string(path)}});
  }
  return text;
}

namespace {

tl::unexpected<model::failure> too_many(const json_path& path, std::size_t count,
                                        std::size_t most) {
  return fail(errc::invalid_argument,
              name_of(path) + " has " + std::to_string(count) + " entries: at most " +
                  std::to_string(most) + " are allowed",
              {{"field", to_string(path)}});
}

} // namespace

result<std::vector<std::string>> read_strings(json_value value, const json_path& path,
                                              std::size_t most) {
  simdjson::dom::array array;
  if (value.get(array) != simdjson::SUCCESS) {
    return wrong_value(path, value, "an array of strings");
  }
  if (array.size() > most) {
    return too_many(path, array.size(), most);
  }
  std::vector<std::string> strings;
  strings.reserve(array.size());
  for (const auto member : array) {
    const auto text = read_string(member, json_path{&path, {}, strings.size()});
    if (!text) {
      return tl::unexpected{text.error()};
    }
    strings.emplace_back(*text);
  }
  return strings;
}

result<std::map<std::string, std::string>> read_string_map(json_value value, const json_path& path,
                                                           std::size_t most) {
  simdjson::dom::object object;
  if (value.get(object) != simdjson::SUCCESS) {
    return wrong_value(path, value, "an object of strings");
  }
  if (object.size() > most) {
    return too_many(path, object.size(), most);
  }
  std::map<std::string, std::string> map;
  for (const auto [name, member] : object) {
    const json_path where{&path, name};
    const auto text = read_string(member, where);
    if (!text) {
      return tl::unexpected{text.error()};
    }
    if (!map.emplace(name, *text).second) {
      return repeated_field(where);
    }
  }
  return map;
}

tl::unexpected<model::failure> unknown_field(const json_path& where, std::string_view name,
                                             std::span<const std::string_view> known) {
  const json_path path{&where, name};
  const auto full = to_string(path);
  std::string message = "unknown field '" + shown(full) + "'";
  std::map<std::string, std::string> details{{"field", shown(full)}};
  if (const auto near = model::nearest_name(name, known)) {
    message += ": did you mean '" + std::string{*near} + "'?";
    details.emplace("nearest", *near);
  } else {
    message += ": known are";
    for (std::size_t i = 0; i < known.size(); ++i) {
      message += (i == 0 ? " " : ", ") + std::string{known[i]};
    }
  }
  return fail(errc::unknown_field, std::move(message), std::move(details));
}

tl::unexpected<model::failure> repeated_field(const json_path& path) {
  const auto text = to_string(path);
  return fail(errc::invalid_argument, "field '" + shown(text) + "' is given twice: give it once",
              {{"field", shown(text)}});
}

namespace {

constexpr std::size_t kept_capacity = 1U << 20U;

result<json_value> refuse(const std::string& body, simdjson::error_code code) {
  const auto fault = find_json_fault(body);
  if (!fault) {
    // The parser and the walker disagree: say what the parser said.
    return fail(errc::invalid_argument,
                std::string{"the body is not JSON: "} + simdjson::error_message(code));
  }
  return fail(errc::invalid_argument,
              "the body is not JSON: line " + std::to_string(fault->line) + ", column " +
                  std::to_string(fault->column) + ": " + fault->what,
              {{"line", std::to_string(fault->line)}, {"column", std::to_string(fault->column)}});
}

} // namespace

result<json_value> json_document::parse(std::string& body) {
  // One parser per thread: its buffers are reused; a huge body's are given back before the next.
  thread_local simdjson::dom::parser parser;
  if (parser.capacity() > kept_capacity && body.size() <= kept_capacity) {
    parser = simdjson::dom::parser{};
  }
  if (body.size() > parser.capacity()) {
    const auto wanted = std::max<std::size_t>(body.size(), 4096);
    if (parser.allocate(wanted, json_depth_max + 1) != simdjson::SUCCESS) {
      return fail(errc::too_large, "no memory for a body of this size: send less at a time");
    }
  }
  body.reserve(body.size() + simdjson::SIMDJSON_PADDING);
  json_value root;
  if (const auto code = parser.parse(body.data(), body.size(), false).get(root);
      code != simdjson::SUCCESS) {
    return refuse(body, code);
  }
  return root;
}

} // namespace berth::api
