#include "api/query_reader.hpp"

#include <algorithm>
#include <charconv>

#include "model/text.hpp"

namespace berth::api {

namespace {

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, 64)) {
    out += static_cast<unsigned char>(c) < 0x20 ? '?' : c;
  }
  return out + (text.size() > 64 ? "...'" : "'");
}

std::optional<bool> parse_bool(std::string_view text) {
  // `?gpu` without a value is a yes.
  if (text == "true" || text.empty()) {
    return true;
  }
  return text == "false" ? std::optional{false} : std::nullopt;
}

} // namespace

std::vector<const std::string*> query_reader::all(std::string_view name) {
  known_.push_back(name);
  std::vector<const std::string*> values;
  for (const auto& [given, value] : given_) {
    if (given == name) {
      values.push_back(&value);
    }
  }
  return values;
}

const std::string* query_reader::one(std::string_view name) {
  const auto values = all(name);
  if (values.size() > 1 && !failure_) {
    failure_ = {model::errc::invalid_argument,
                "query parameter " + std::string{name} + " is given " +
                    std::to_string(values.size()) + " times: give it once",
                {{"field", std::string{name}}}};
  }
  return values.size() == 1 ? values.front() : nullptr;
}

void query_reader::refuse(std::string_view name, std::string_view value,
                          std::string_view expected) {
  if (!failure_) {
    failure_ = {model::errc::invalid_argument,
                "query parameter " + std::string{name} + " is " + quoted(value) + ": must be " +
                    std::string{expected},
                {{"field", std::string{name}}}};
  }
}

void query_reader::read(std::string_view name, std::string& out) {
  if (const auto* text = one(name)) {
    out = *text;
  }
}

void query_reader::read(std::string_view name, std::optional<bool>& out) {
  read_word(name, out, parse_bool, "true or false");
}

void query_reader::read(std::string_view name, bool& out) {
  std::optional<bool> value;
  read(name, value);
  out = value.value_or(out);
}

void query_reader::read(std::string_view name, std::int64_t& out, std::int64_t least,
                        std::int64_t most) {
  const auto* text = one(name);
  if (text == nullptr) {
    return;
  }
  std::int64_t number = 0;
  const auto [end, code] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (code != std::errc{} || end != text->data() + text->size() || number < least ||
      number > most) {
    refuse(name, *text, "an integer from " + std::to_string(least) + " to " + std::to_string(most));
    return;
  }
  out = number;
}

void query_reader::read(std::string_view name, std::vector<std::string>& out) {
  for (const auto* text : all(name)) {
    out.push_back(*text);
  }
}

void query_reader::read(model::page& out) {
  std::int64_t limit = out.limit;
  read("limit", limit, 1, 1000);
  out.limit = static_cast<std::int32_t>(limit);
  read("offset", out.offset, 0, std::numeric_limits<std::int64_t>::max());
  std::optional<bool> ascending;
  read_word(
      "order", ascending,
      [](std::string_view text) {
        return text == "asc"    ? std::optional{true}
               : text == "desc" ? std::optional{false}
                                : std::nullopt;
      },
      "asc or desc");
  out.ascending = ascending.value_or(false);
}

std::optional<model::failure> query_reader::failure() {
  for (const auto& [name, value] : given_) {
    if (failure_ || std::ranges::count(known_, name) > 0) {
      continue;
    }
    failure_ = {model::errc::unknown_field, "unknown query parameter " + quoted(name), {}};
    failure_->details["field"] = name;
    if (const auto near = model::nearest_name(name, std::span<const std::string_view>{known_})) {
      failure_->message += ": did you mean '" + std::string{*near} + "'?";
      failure_->details["nearest"] = *near;
    }
  }
  return failure_;
}

} // namespace berth::api
