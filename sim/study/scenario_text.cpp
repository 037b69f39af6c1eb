// What is made of the keys for people: the commented file and the page of documentation.
#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sim/study/scenario_file.hpp"
#include "sim/study/study_keys.hpp"

namespace berth::sim {

namespace {

constexpr std::size_t width = 100;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  std::istringstream in{std::string{text}};
  for (std::string line; std::getline(in, line);)
    lines.push_back(line);
  return lines;
}

// --- The commented file

/// What is said of a key, as a comment. How times and shares are written stands at the top.
std::string comment_of(const key_description& key) {
  auto text = std::string{key.is.help};
  if (key.is.rule.kind == value_kind::choice)
    text += ": " + expectation(key.is.rule);
  if (key.is.rule.forever)
    text += "; or forever";
  if (!key.standard.empty())
    text += " (" + key.standard + ")";
  return text;
}

/// Kinds of sections that were explained: one that stands in several places is explained once.
class explained_sections {
public:
  /// Where it was explained; nullptr: it was not, and counts as explained at `path` from now on.
  const std::string* find_or_add(const std::string& path,
                                 const std::vector<key_description>& keys) {
    const auto of = [](const key_description& one) { return one.is.help; };
    for (const auto& [where, known] : all_)
      if (std::ranges::equal(known, keys, {}, of, of))
        return &where;
    all_.emplace_back(path, keys);
    return nullptr;
  }

private:
  std::vector<std::pair<std::string, std::vector<key_description>>> all_;
};

class sample_writer {
public:
  /// Keys of an active section, each below its comment.
  void add(const std::vector<key_description>& keys, std::size_t indent) {
    for (const auto& key : keys) {
      if (indent == 0)
        out_ += "\n";
      if (key.form == key_form::sections)
        add_glossary(key, indent);
      else
        say(indent, comment_of(key));
      if (key.form == key_form::section && key.is.shown) {
        line(indent, fmt::format("{}:", key.is.name));
        add(key.below, indent + 2);
      } else if (key.form == key_form::section) {
        add_comment(key, indent);
      } else {
        add_value(key, indent);
      }
    }
  }
  std::string take() && { return std::move(out_); }

private:
  void line(std::size_t indent, const std::string& text) {
    out_ += std::string(indent, ' ') + text + "\n";
  }
  /// A comment, broken into lines.
  void say(std::size_t indent, const std::string& text, const std::string& first = "# ",
           const std::string& others = "# ") {
    std::istringstream words{text};
    auto now = first;
    bool is_fresh = true;
    for (std::string word; words >> word; is_fresh = false) {
      if (!is_fresh && indent + now.size() + 1 + word.size() > width) {
        line(indent, now);
        now = others + word;
        continue;
      }
      now += (is_fresh ? "" : " ") + word;
    }
    line(indent, now);
  }
  void add_glossary(const key_description& list, std::size_t indent) {
    const auto* known = explained_.find_or_add(std::string{list.is.name}, list.below);
    if (known != nullptr)
      return say(indent, comment_of(list) + "; of each as of " + *known);
    say(indent, comment_of(list) + "; of each:");
    for (const auto& key : list.below)
      say(indent, comment_of(key), fmt::format("#   {:<18} ", key.is.name),
          "#" + std::string(22, ' '));
  }
  void add_value(const key_description& key, std::size_t indent) {
    const std::string off = key.is.shown ? "" : "# ";
    const auto example = std::string{key.is.example.empty() ? key.standard : key.is.example};
    if (key.form != key_form::sections)
      return line(indent, fmt::format("{}{}: {}", off, key.is.name, example));
    line(indent, fmt::format("{}{}:", off, key.is.name));
    for (const auto& item : lines_of(example))
      line(indent, fmt::format("{}  - {}", off, item));
  }
  /// A section with all its keys as a comment, what is said of them behind them.
  void add_comment(const key_description& key, std::size_t indent, std::size_t inner = 0) {
    const std::string gap(inner, ' ');
    line(indent, fmt::format("# {}{}:", gap, key.is.name));
    for (const auto& one : key.below) {
      if (one.form == key_form::section) {
        add_comment(one, indent, inner + 2);
        continue;
      }
      if (one.form == key_form::sections) {
        line(indent, fmt::format("# {}  {}: # {}", gap, one.is.name, one.is.help));
        for (const auto& item : lines_of(one.is.example))
          line(indent, fmt::format("# {}    - {}", gap, item));
        continue;
      }
      say(indent, comment_of(one),
          fmt::format("# {}  {:<28} # ", gap, fmt::format("{}: {}", one.is.name, one.is.example)),
          "#" + std::string(inner + 32, ' ') + "# ");
    }
  }

  std::string out_;
  explained_sections explained_;
};

// --- The page

std::string value_cell(const key_description& key) {
  switch (key.form) {
  case key_form::section:
    return key.is.word.empty() ? "a section" : expectation(key.is.rule) + ", or a section";
  case key_form::sections:
    return "a list of sections";
  case key_form::values:
    return "a list, each " + expectation(key.is.rule);
  case key_form::value:
    break;
  }
  return expectation(key.is.rule);
}

std::string escaped(std::string text) {
  for (std::size_t at = text.find('|'); at != std::string::npos; at = text.find('|', at + 2))
    text.insert(at, "\\");
  return text;
}

class page_writer {
public:
  void section(const std::string& name, const std::string& intro,
               const std::vector<key_description>& keys, const short_form& brief = {}) {
    out_ += fmt::format("\n## {}\n\n{}", name, intro);
    if (!brief.pattern.empty())
      out_ += fmt::format(" In one word: `{}`, such as `{}`{}.", brief.pattern, brief.example,
                          brief.keys.empty() ? "" : "; further keys may follow as `,key=value`");
    out_ += "\n\n| key | value | default | example | meaning |\n|---|---|---|---|---|\n";
    for (const auto& key : keys)
      row(key);
    for (const auto& key : keys)
      if (!key.below.empty())
        below(name, key);
  }
  std::string take() && { return std::move(out_); }

private:
  void row(const key_description& key) {
    const auto code = [](std::string_view text) {
      return text.empty() ? std::string{} : escaped(fmt::format("`{}`", text));
    };
    const auto example = key.form == key_form::sections || key.form == key_form::section
                             ? std::string{}
                             : std::string{key.is.example};
    out_ += fmt::format("| `{}` | {} | {} | {} | {} |\n", key.is.name, escaped(value_cell(key)),
                        code(key.standard), code(example), escaped(std::string{key.is.help}));
  }
  void below(const std::string& name, const key_description& key) {
    const auto path = (name == "Scenario" ? "" : name + ".") + std::string{key.is.name};
    if (const auto* known = explained_.find_or_add(path, key.below)) {
      out_ += fmt::format("\n## {}\n\nAs [{}](#{}).\n", path, *known, anchor(*known));
      return;
    }
    auto intro = std::string{key.is.help};
    intro[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(intro[0])));
    section(path, intro + ".", key.below, key.brief);
  }
  static std::string anchor(std::string text) {
    std::erase(text, '.');
    return text;
  }

  std::string out_;
  explained_sections explained_;
};

std::string flag_table() {
  std::string out = "| flag | value | meaning |\n|---|---|---|\n";
  for (const auto& flag : scenario_flags())
    out += fmt::format("| `--{}` | {} | {}{} |\n", flag.name,
                       flag.word.empty() ? std::string{} : escaped(fmt::format("`{}`", flag.word)),
                       escaped(flag.help), flag.is_list ? "; several make the list" : "");
  return out;
}

} // namespace

std::string sample_scenario() {
  sample_writer writer;
  writer.add(describe(study_draft{}), 0);
  return "# A scenario for berth-sim: `berth-sim run FILE` plays it. What is commented out shows "
         "the "
         "other keys.\n"
         "# Times are 30s, 10m, 12h, 30d; shares 5% or 0.05; paths are relative to this file. "
         "Every "
         "flag of\n"
         "# berth-sim run wins over what stands here.\n" +
         std::move(writer).take();
}

std::string scenario_markdown() {
  page_writer page;
  page.section("Scenario", "The keys of the file itself.", describe(study_draft{}));
  return "# Scenario files\n\n"
         "<!-- Generated from sim/study/study_keys.cpp and plan_keys.cpp; UPDATE_GOLDEN=1 "
         "sim_study_test rewrites it. -->\n\n"
         "`berth-sim run SCENARIO.yaml` plays a scenario; `berth-sim init FILE` writes a commented "
         "one that runs as it is. A small one:\n\n"
         "```yaml\n"
         "inventory:\n"
         "  - {machine: hgx-h100, count: 4}\n"
         "  - {machine: hgx-h100, count: 4, from: 90d, name: bought}\n"
         "demand:\n"
         "  plan:\n"
         "    arrivals_per_hour: 3\n"
         "    shapes:\n"
         "      - {gpus: 1, weight: 60}\n"
         "      - {gpus: 8, weight: 2, lifetime: long}\n"
         "    lifetimes:\n"
         "      - {name: short, law: exponential, mean: 4h}\n"
         "      - {name: long, law: exponential, mean: 1d}\n"
         "policy: [best-fit, spread]\n"
         "horizon: 180d\n"
         "seeds: 10\n"
         "```\n\n"
         "* Times are `30s`, `10m`, `12h`, `30d`; shares `5%` or `0.05`. Paths are relative to the "
         "file they stand in.\n"
         "* A key that does not exist, one that is given twice and a value that cannot be are "
         "errors "
         "that name file, line, key and what would be right.\n"
         "* A list of one may be written without dashes: `policy: spread`, "
         "`inventory: 4xhgx-h100`.\n"
         "* A file has at most 1 MiB and 100,000 values; an inventory at most 1,000,000 hosts. "
         "Anchors, aliases and tags of YAML are refused.\n"
         "* Every key but those of a plan is also a flag (below). A flag wins over the file; flags "
         "of a list replace the file's list.\n"
         "  In flags paths are relative to the current directory.\n"
         "* `demand.plan` may be the path of a file that holds the keys of a plan. `berth-sim fit "
         "--demand FILE --out plan.yaml` writes one that is like a\n"
         "  trace, and `berth-sim generate --plan plan.yaml --seed N --horizon 30d --out "
         "demand.csv` "
         "draws a trace from one.\n" +
         std::move(page).take() + "\n## Flags\n\n" + flag_table();
}

} // namespace berth::sim
