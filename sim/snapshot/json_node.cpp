#include "sim/snapshot/json_node.hpp"

#include "sim/demand/fields.hpp"

namespace berth::sim {

using nlohmann::json;

namespace {

const json& nothing() {
  static const json null;
  return null;
}

} // namespace

void json_fault::refuse(std::string_view pointer, std::string_view what) {
  if (!failure_) {
    const std::string where{pointer.empty() ? "the document" : pointer};
    failure_ = model::failure{model::errc::invalid_argument,
                              source_ + ": " + where + " " + std::string{what},
                              {{"pointer", std::string{pointer}}}};
  }
}

std::string json_node::pointer_to(std::string_view key) const {
  return pointer_ + "/" + std::string{key}; // our keys need no escapes
}

void json_node::refuse(const char* key, std::string_view what) const {
  fault_->refuse(pointer_to(key), what);
}

bool json_node::has(const char* key) const {
  return value_->is_object() && value_->contains(key);
}

const json* json_node::member(const char* key) const {
  if (!value_->is_object()) {
    refuse("must be an object");
    return nullptr;
  }
  const auto found = value_->find(key);
  if (found == value_->end()) {
    refuse(key, "is missing");
    return nullptr;
  }
  return &*found;
}

json_node json_node::object(const char* key) const {
  const auto* found = member(key);
  if (found != nullptr && !found->is_object())
    refuse(key, "must be an object");
  const bool good = found != nullptr && found->is_object();
  return {good ? *found : nothing(), pointer_to(key), *fault_};
}

json_node json_node::list(const char* key, std::size_t most) const {
  const auto* found = member(key);
  if (found != nullptr && !found->is_array())
    refuse(key, "must be a list");
  else if (found != nullptr && found->size() > most)
    refuse(key, "has " + std::to_string(found->size()) + " items: at most " + std::to_string(most) +
                    " are taken");
  const bool good = found != nullptr && found->is_array() && found->size() <= most;
  return {good ? *found : nothing(), pointer_to(key), *fault_};
}

std::string json_node::text(const char* key, std::size_t longest) const {
  const auto* found = member(key);
  if (found == nullptr)
    return {};
  if (!found->is_string() || found->get_ref<const std::string&>().size() > longest) {
    refuse(key, "must be a text of at most " + std::to_string(longest) + " bytes");
    return {};
  }
  return found->get<std::string>();
}

std::string json_node::text_or_empty(const char* key, std::size_t longest) const {
  return has(key) ? text(key, longest) : std::string{};
}

std::int64_t json_node::whole(const json& value, const std::string& pointer, std::int64_t least,
                              std::int64_t most) const {
  const bool fits = value.is_number_unsigned()
                        ? value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX)
                        : value.is_number_integer();
  const auto number = fits ? value.get<std::int64_t>() : 0;
  if (!fits || number < least || number > most) {
    fault_->refuse(pointer, "must be a whole number from " + std::to_string(least) + " to " +
                                std::to_string(most));
    return least;
  }
  return number;
}

std::int64_t json_node::number(const char* key, std::int64_t least, std::int64_t most) const {
  const auto* found = member(key);
  return found != nullptr ? whole(*found, pointer_to(key), least, most) : least;
}

std::int64_t json_node::number_at(std::size_t index, std::int64_t least, std::int64_t most) const {
  return whole((*value_)[index], pointer_to(std::to_string(index)), least, most);
}

bool json_node::truth(const char* key) const {
  const auto* found = member(key);
  if (found != nullptr && !found->is_boolean())
    refuse(key, "must be true or false");
  return found != nullptr && found->is_boolean() && found->get<bool>();
}

model::timestamp json_node::moment(const char* key) const {
  constexpr std::size_t longest = 64;
  const auto at = parse_moment(text(key, longest));
  if (!at)
    refuse(key, "must be a time in UTC such as 2026-03-01T12:00:00Z");
  return at.value_or(model::timestamp{});
}

model::resources json_node::amount(const char* key, std::int64_t most) const {
  const auto found = object(key);
  if (fault_->is_set())
    return {};
  return {found.number("cpus", 0, most), found.number("memory_mib", 0, most),
          found.number("storage_mib", 0, most)};
}

std::size_t json_node::size() const {
  return value_->is_array() ? value_->size() : 0;
}

json_node json_node::item(std::size_t index) const {
  json_node made{(*value_)[index], pointer_to(std::to_string(index)), *fault_};
  if (!made.value_->is_object())
    made.refuse("must be an object");
  return made;
}

} // namespace berth::sim
