#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "model/failure.hpp"
#include "model/resources.hpp"
#include "model/time.hpp"

namespace berth::sim {

/// The first thing that is wrong in a document; what is read after it means nothing.
class json_fault {
public:
  explicit json_fault(std::string source) : source_(std::move(source)) {}

  /// `pointer` is the JSON pointer of the value, `what` says what it must be.
  void refuse(std::string_view pointer, std::string_view what);
  [[nodiscard]] bool is_set() const { return failure_.has_value(); }
  /// Only if is_set().
  [[nodiscard]] const model::failure& failure() const { return *failure_; }

private:
  std::string source_;
  std::optional<model::failure> failure_;
};

/// An object or a list of a document, with the JSON pointer that leads to it. Everything it gives
/// is checked; what is wrong is told to the fault, and a default comes back. The document and the
/// fault outlive it.
class json_node {
public:
  json_node(const nlohmann::json& value, std::string pointer, json_fault& fault)
      : value_(&value), pointer_(std::move(pointer)), fault_(&fault) {}

  // --- Members of an object
  [[nodiscard]] bool has(const char* key) const;
  [[nodiscard]] json_node object(const char* key) const;
  [[nodiscard]] json_node list(const char* key, std::size_t most) const;
  [[nodiscard]] std::string text(const char* key, std::size_t longest) const;
  /// Empty if there is none.
  [[nodiscard]] std::string text_or_empty(const char* key, std::size_t longest) const;
  [[nodiscard]] std::int64_t number(const char* key, std::int64_t least, std::int64_t most) const;
  [[nodiscard]] bool truth(const char* key) const;
  /// RFC 3339, UTC.
  [[nodiscard]] model::timestamp moment(const char* key) const;
  /// cpus, memory_mib, storage_mib, each from 0 to `most`.
  [[nodiscard]] model::resources amount(const char* key, std::int64_t most) const;

  // --- Items of a list
  [[nodiscard]] std::size_t size() const;
  /// The item must be an object.
  [[nodiscard]] json_node item(std::size_t index) const;
  [[nodiscard]] std::int64_t number_at(std::size_t index, std::int64_t least,
                                       std::int64_t most) const;

  /// Of a member, or of this node itself.
  void refuse(std::string_view what) const { fault_->refuse(pointer_, what); }
  void refuse(const char* key, std::string_view what) const;

private:
  [[nodiscard]] const nlohmann::json* member(const char* key) const;
  [[nodiscard]] std::string pointer_to(std::string_view key) const;
  [[nodiscard]] std::int64_t whole(const nlohmann::json& value, const std::string& pointer,
                                   std::int64_t least, std::int64_t most) const;

  const nlohmann::json* value_;
  std::string pointer_;
  json_fault* fault_;
};

} // namespace berth::sim
