#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "model/failure.hpp"
#include "sim/study/document.hpp"
#include "sim/study/scenario_value.hpp"

namespace berth::sim {

// The keys of a scenario file. One table per section (study_keys.cpp, plan_keys.cpp) says of each
// key what it may be, what it is for and where its value goes; the reader, the writer, the flags,
// the commented file and the documentation are made from it.

/// What is said of a key, without its type.
struct key_info {
  std::string_view name;
  value_rule rule{}; ///< of its value or, for a list of values, of each
  std::string_view help;
  std::string_view flag{};    ///< on the command line, without dashes; empty: none
  std::string_view word{};    ///< stands for the flag's value in help; empty: as `rule` says
  std::string_view example{}; ///< in the commented file: a value, or the items of a list by line
  bool shown = false;         ///< it stands there, and not as a comment
};

/// How an item of a list is written in one word: `20xhgx-h100`. Further keys may follow after
/// commas: `20xhgx-h100,from=90d`.
struct short_form {
  std::vector<std::string_view> keys{}; ///< of the parts of the word
  char between = 'x';
  std::size_t needed = 0; ///< parts; the rest may be left out
  std::string_view pattern{};
  std::string_view example{};
};

enum class key_form : std::uint8_t { value, values, section, sections };

/// A key with what is below it, for documentation and flags.
struct key_description {
  key_info is;
  key_form form = key_form::value;
  std::string standard; ///< its value if it is not given, as it is written; empty: none
  short_form brief;     ///< of an item of sections
  std::vector<key_description> below;
};

/// Where each key that was read stood, for mistakes that show later.
class reading {
public:
  /// `whole`: the file's name, or empty: for what stands nowhere.
  explicit reading(std::string whole) : whole_(std::move(whole)) {}

  void note(const std::string& path, const document_node& node) { places_[path] = node.place(); }
  void forget(const std::string& path) { places_.erase(path); }
  [[nodiscard]] bool has(const std::string& path) const { return places_.contains(path); }
  /// `place: path message`.
  [[nodiscard]] tl::unexpected<model::failure> wrong(const std::string& path,
                                                     const std::string& message) const;

private:
  std::string whole_;
  std::map<std::string, std::string> places_;
};

/// A key of the section that is kept in a `Target`.
template <class Target> struct key {
  key_info is;
  key_form form = key_form::value;
  std::function<model::result<void>(reading&, const key_info&, const document_node&,
                                    const std::string& path, Target&)>
      read{};
  /// Nothing if it is not given, or as in `standard` (nullptr: show it all the same).
  std::function<document_node(const key_info&, const Target&, const Target* standard)> write{};
  std::function<std::vector<key_description>(const Target& standard)> below{};
  short_form brief{};
};

/// The keys of a section, and how it is written in one word; specialised for each.
template <class Target> const std::vector<key<Target>>& keys_of();
template <class Target> short_form short_form_of() {
  return {};
}

// --- Steps that need no type

[[nodiscard]] tl::unexpected<model::failure>
wrong_at(const document_node& node, const std::string& path, const std::string& message);
[[nodiscard]] tl::unexpected<model::failure>
unknown_key(const document_node& node, const std::string& path,
            const std::vector<std::string_view>& known);
/// The value of a scalar; paths are resolved.
[[nodiscard]] model::result<scenario_value>
value_at(const value_rule& rule, const document_node& node, const std::string& path);
/// The items of a list, or one value that stands for a list of one.
[[nodiscard]] model::result<std::vector<document_node>>
items_at(const document_node& node, const std::string& path, std::size_t most);
/// The map that a word in the short form means; maps stay.
[[nodiscard]] model::result<document_node>
expanded(const short_form& form, const document_node& node, const std::string& path);
/// A failure within an item that was written in one word also says how that is done.
[[nodiscard]] tl::unexpected<model::failure> with_hint(model::failure why, const short_form& form,
                                                       const document_node& item);
/// A value or the values of a list, as they are written in a line.
[[nodiscard]] std::string text_of(const document_node& node);
/// Nothing if the text is empty.
[[nodiscard]] document_node scalar_node(std::string_view key, std::string text);

[[nodiscard]] inline std::string below(const std::string& path, std::string_view name) {
  return path.empty() ? std::string{name} : path + "." + std::string{name};
}

// --- Sections

/// Sets what the map `given` says; the rest of `into` stays.
template <class Target>
model::result<void> read_section(reading& context, const document_node& given,
                                 const std::string& path, Target& into) {
  if (given.is == document_node::form::nothing)
    return {}; // all its keys are commented out
  const auto node = expanded(short_form_of<Target>(), given, path);
  if (!node)
    return tl::unexpected{node.error()};
  if constexpr (requires { into.path; })
    into.path = path;
  const auto& keys = keys_of<Target>();
  for (const auto& item : node->items) {
    const auto known = std::find_if(keys.begin(), keys.end(),
                                    [&item](const auto& one) { return one.is.name == item.key; });
    if (known == keys.end()) {
      std::vector<std::string_view> names;
      for (const auto& one : keys)
        names.push_back(one.is.name);
      return unknown_key(item, below(path, item.key), names);
    }
    const auto where = below(path, item.key);
    context.note(where, item);
    if (auto done = known->read(context, known->is, item, where, into); !done)
      return done;
  }
  return {};
}

/// What differs from `standard`; everything without it.
template <class Target>
document_node write_section(std::string_view name, const Target& from, const Target* standard) {
  document_node made;
  made.key = name;
  for (const auto& one : keys_of<Target>())
    if (auto item = one.write(one.is, from, standard); item.is != document_node::form::nothing)
      made.items.push_back(std::move(item));
  if (!made.items.empty())
    made.is = document_node::form::map;
  return made;
}

template <class Target> std::vector<key_description> describe(const Target& standard) {
  std::vector<key_description> all;
  for (const auto& one : keys_of<Target>()) {
    auto& made = all.emplace_back();
    made.is = one.is;
    made.form = one.form;
    made.brief = one.brief;
    if (one.below)
      made.below = one.below(standard);
    if (one.form == key_form::value || one.form == key_form::values)
      made.standard = text_of(one.write(one.is, standard, nullptr));
  }
  return all;
}

// --- Keys

template <class> struct member_class;
template <class Class, class Member> struct member_class<Member Class::*> { using type = Class; };

/// `target.first.rest...`
template <auto First, auto... Rest> auto& member_of(auto& target) {
  return ((target.*First).*....*Rest);
}
template <auto First> using owner_of = typename member_class<decltype(First)>::type;
template <auto First, auto... Rest>
using type_of =
    std::remove_cvref_t<decltype(member_of<First, Rest...>(std::declval<owner_of<First>&>()))>;

template <class Member> void assign(Member& into, const scenario_value& value) {
  if constexpr (std::is_same_v<Member, bool> || !std::integral<Member>)
    into = std::get<Member>(value);
  else
    into = static_cast<Member>(std::get<std::int64_t>(value)); // its rule keeps it within
}
template <class Member> void assign(std::optional<Member>& into, const scenario_value& value) {
  assign(into.emplace(), value);
}
template <class Member> scenario_value shown(const Member& member) {
  if constexpr (std::is_same_v<Member, bool> || !std::integral<Member>)
    return member;
  else
    return static_cast<std::int64_t>(member);
}
inline scenario_value shown(const model::duration& member) {
  return member.count() < 0 ? scenario_value{} : member; // a patience may be unstated
}
template <class Member> scenario_value shown(const std::optional<Member>& member) {
  return member ? shown(*member) : scenario_value{};
}

/// One value, kept in the member that the path of pointers names.
template <auto First, auto... Rest> key<owner_of<First>> value_key(key_info is) {
  using target = owner_of<First>;
  return {.is = std::move(is),
          .form = key_form::value,
          .read = [](reading&, const key_info& self, const document_node& node,
                     const std::string& path, target& into) -> model::result<void> {
            const auto value = value_at(self.rule, node, path);
            if (!value)
              return tl::unexpected{value.error()};
            assign(member_of<First, Rest...>(into), *value);
            return {};
          },
          .write =
              [](const key_info& self, const target& from, const target* standard) {
                auto text = text_of(self.rule, shown(member_of<First, Rest...>(from)));
                const bool plain =
                    standard != nullptr &&
                    text == text_of(self.rule, shown(member_of<First, Rest...>(*standard)));
                return scalar_node(self.name, plain ? std::string{} : std::move(text));
              }};
}

/// Numbers, in an array (as many as it has; all 0: not given) or a vector.
template <auto First, auto... Rest>
key<owner_of<First>> numbers_key(key_info is, std::size_t least, std::size_t most) {
  using target = owner_of<First>;
  constexpr bool is_array = !requires(type_of<First, Rest...> one) {
    one.resize(1);
  };
  return {.is = std::move(is),
          .form = key_form::values,
          .read = [least, most](reading&, const key_info& self, const document_node& node,
                                const std::string& path, target& into) -> model::result<void> {
            const auto items = items_at(node, path, most);
            if (!items)
              return tl::unexpected{items.error()};
            if (items->size() < least)
              return wrong_at(node, path,
                              "has " + std::to_string(items->size()) + " numbers: must have " +
                                  std::to_string(least) + (least < most ? " or more" : ""));
            std::vector<double> numbers;
            for (const auto& item : *items) {
              const auto value = value_at(self.rule, item, path);
              if (!value)
                return tl::unexpected{value.error()};
              numbers.push_back(std::get<double>(*value));
            }
            auto& member = member_of<First, Rest...>(into);
            if constexpr (is_array)
              std::ranges::copy(numbers, member.begin());
            else
              member = std::move(numbers);
            return {};
          },
          .write =
              [](const key_info& self, const target& from, const target*) {
                const auto& member = member_of<First, Rest...>(from);
                document_node made;
                made.key = self.name;
                if (std::ranges::empty(member) ||
                    (is_array && std::ranges::count(member, 0.0) == std::ranges::ssize(member)))
                  return made;
                made.is = document_node::form::list;
                for (const double one : member)
                  made.items.push_back(scalar_node({}, text_of(self.rule, one)));
                return made;
              }};
}

/// A section of one section; a member that may be absent comes into being with it.
template <auto First, auto... Rest> key<owner_of<First>> section_key(key_info is) {
  using target = owner_of<First>;
  using member = type_of<First, Rest...>;
  constexpr bool may_be_absent = requires(member one) {
    one.has_value();
  };
  key<target> made{.is = std::move(is), .form = key_form::section};
  if constexpr (may_be_absent) {
    using inner = typename member::value_type;
    made.read = [](reading& context, const key_info&, const document_node& node,
                   const std::string& path, target& into) {
      auto& sub = member_of<First, Rest...>(into);
      return read_section(context, node, path, sub ? *sub : sub.emplace());
    };
    made.write = [](const key_info& self, const target& from, const target*) {
      const auto& sub = member_of<First, Rest...>(from);
      return sub ? write_section<inner>(self.name, *sub, nullptr) : document_node{};
    };
    made.below = [](const target&) { return describe(inner{}); };
    made.brief = short_form_of<inner>();
  } else {
    made.read = [](reading& context, const key_info&, const document_node& node,
                   const std::string& path, target& into) {
      return read_section(context, node, path, member_of<First, Rest...>(into));
    };
    made.write = [](const key_info& self, const target& from, const target* standard) {
      return write_section<member>(self.name, member_of<First, Rest...>(from),
                                   standard != nullptr ? &member_of<First, Rest...>(*standard)
                                                       : nullptr);
    };
    made.below = [](const target& standard) {
      return describe(member_of<First, Rest...>(standard));
    };
    made.brief = short_form_of<member>();
  }
  return made;
}

/// A list of sections.
template <auto First, auto... Rest>
key<owner_of<First>> sections_key(key_info is, std::size_t most) {
  using target = owner_of<First>;
  using inner = typename type_of<First, Rest...>::value_type;
  return {.is = std::move(is),
          .form = key_form::sections,
          .read = [most](reading& context, const key_info&, const document_node& node,
                         const std::string& path, target& into) -> model::result<void> {
            const auto items = items_at(node, path, most);
            if (!items)
              return tl::unexpected{items.error()};
            auto& list = member_of<First, Rest...>(into);
            list.clear();
            for (const auto& item : *items) {
              const auto where = path + "[" + std::to_string(list.size() + 1) + "]";
              context.note(where, item);
              if (auto done = read_section(context, item, where, list.emplace_back()); !done)
                return with_hint(std::move(done.error()), short_form_of<inner>(), item);
            }
            return {};
          },
          .write =
              [](const key_info& self, const target& from, const target*) {
                document_node made;
                made.key = self.name;
                const inner standard{};
                for (const auto& one : member_of<First, Rest...>(from)) {
                  made.is = document_node::form::list;
                  made.items.push_back(write_section({}, one, &standard));
                }
                return made;
              },
          .below = [](const target&) { return describe(inner{}); },
          .brief = short_form_of<inner>()};
}

} // namespace berth::sim
