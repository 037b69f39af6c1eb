#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <google/protobuf/message.h>
#include <google/protobuf/unknown_field_set.h>

#include "model/failure.hpp"
#include "model/ids.hpp"
#include "model/shared_value.hpp"
#include "model/time.hpp"
#include "proto/wire_enums.hpp"

namespace berth::proto {

/// How strictly a decoder reads. Internal to proto/.
struct decode_rules {
  model::errc malformed;       ///< the code of whatever is wrong with a value
  bool refuse_unknown = false; ///< an unknown field is store_too_new; else it is ignored
  bool from_network = false;   ///< text must be UTF-8, values within their documented bounds
};

/// Takes values out of a parsed message, checks them, and keeps the first failure together with the
/// path of its field. After a failure the values are meaningless.
class wire_reader {
public:
  /// `subject` names the whole message in failures, e.g. `log record`; it must outlive the reader.
  wire_reader(decode_rules rules, std::string_view subject) : rules_(rules), subject_(subject) {}

  [[nodiscard]] bool failed() const { return failure_.has_value(); }
  [[nodiscard]] model::failure take_failure() { return std::move(*failure_); }
  /// Records a failure of `field`: `what` continues "<subject>: <path of field> ".
  void refuse(std::string_view field, std::string_view what);

  /// Every message passes here first.
  template <class Wire> void known(const Wire& in) {
    if (rules_.refuse_unknown && !in.GetReflection()->GetUnknownFields(in).empty())
      refuse_unknown();
  }

  template <class Tag>
  void id(std::string_view field, const std::string& in, model::strong_id<Tag>& out) {
    uuid(field, in, out.value);
  }
  template <class Tag>
  void id(std::string_view field, bool present, const std::string& in,
          std::optional<model::strong_id<Tag>>& out) {
    if (present)
      uuid(field, in, out.emplace().value);
    else
      out.reset();
  }
  void text(std::string_view field, const std::string& in, std::string& out) {
    if (rules_.from_network)
      check_text(field, in);
    out.assign(in);
  }
  template <class Repeated>
  void texts(std::string_view field, const Repeated& in, std::vector<std::string>& out) {
    out.reserve(static_cast<std::size_t>(in.size()));
    for (const auto& entry : in)
      text(field, entry, out.emplace_back());
  }
  template <class Repeated, class Tag>
  void ids(std::string_view field, const Repeated& in, std::vector<model::strong_id<Tag>>& out) {
    out.reserve(static_cast<std::size_t>(in.size()));
    for (const std::string& entry : in)
      id(field, entry, out.emplace_back());
  }
  template <class Model> void choice(std::string_view field, int number, Model& out) {
    if (const auto value = from_wire<Model>(number))
      out = *value;
    else
      refuse_choice(field, number);
  }
  /// An unsigned number that the model keeps in fewer bits.
  template <class Small>
  void small(std::string_view field, std::uint32_t in, Small& out,
             std::uint32_t most = std::numeric_limits<Small>::max()) {
    if (in > most)
      refuse_range(field, in, most);
    out = static_cast<Small>(in);
  }
  /// A value with a bound that its type does not have. What is in the log already stays readable.
  template <class Small>
  void bounded(std::string_view field, std::uint32_t in, Small& out, std::uint32_t most) {
    if (rules_.from_network)
      small(field, in, out, most);
    else
      small(field, in, out);
  }
  static void time(std::int64_t nanoseconds, model::timestamp& out) {
    out = model::timestamp{model::duration{nanoseconds}};
  }

  /// Reads a nested message with the overload of `read` for it.
  template <class Wire, class Model>
  void nested(std::string_view field, bool present, const Wire& in, Model& out) {
    if (!present)
      return refuse(field, "is missing");
    inside(field, no_index, in, out);
  }
  template <class Wire, class Model>
  void nested(std::string_view field, bool present, const Wire& in,
              model::shared_value<Model>& out) {
    Model value;
    nested(field, present, in, value);
    out = std::move(value);
  }
  template <class Repeated, class Model>
  void each(std::string_view field, const Repeated& in, std::vector<Model>& out) {
    out.reserve(static_cast<std::size_t>(in.size()));
    int index = 0;
    for (const auto& entry : in) {
      if (failed())
        return;
      inside(field, index++, entry, out.emplace_back());
    }
  }

private:
  static constexpr int no_index = -1;
  struct step {
    std::string_view field{};
    int index = no_index;
  };

  template <class Wire, class Model>
  void inside(std::string_view field, int index, const Wire& in, Model& out) {
    if (depth_ < path_.size())
      path_[depth_] = {field, index};
    ++depth_;
    known(in);
    read(*this, in, out);
    --depth_;
  }
  void uuid(std::string_view field, const std::string& in, model::uuid& out);
  void check_text(std::string_view field, const std::string& in);
  void refuse_choice(std::string_view field, int number);
  void refuse_range(std::string_view field, std::uint64_t value, std::uint64_t most);
  void refuse_unknown();
  [[nodiscard]] std::string path_of(std::string_view field) const;

  decode_rules rules_;
  std::string_view subject_;
  std::array<step, 16> path_; ///< deeper than the schema nests; not on the heap, for speed
  std::size_t depth_ = 0;
  std::optional<model::failure> failure_;
};

} // namespace berth::proto
