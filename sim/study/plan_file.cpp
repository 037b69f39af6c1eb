#include "sim/study/plan_file.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "model/text.hpp"
#include "sim/study/plan_entry.hpp"
#include "sim/study/study_keys.hpp"

namespace berth::sim {

namespace {

/// A key of a law, and the family that it belongs to.
struct law_parameter {
  std::string_view key;
  std::string_view family;
  bool given = false;
};

std::array<law_parameter, 7> parameters_of(const named_law& law) {
  return {{{"time", "constant", law.time_s.has_value()},
           {"mean", "exponential", law.mean_s.has_value()},
           {"median", "lognormal", law.median_s.has_value()},
           {"sigma", "lognormal", law.sigma.has_value()},
           {"shape", "weibull", law.shape.has_value()},
           {"scale", "weibull", law.scale_s.has_value()},
           {"values", "empirical", !law.values_s.empty()}}};
}

model::result<lifetime_law> law_of(const reading& context, const named_law& law) {
  const std::string family = law.family.empty() ? "exponential" : law.family;
  for (const auto& one : parameters_of(law)) {
    if (one.given && one.family != family)
      return context.wrong(
          below(law.path, one.key),
          fmt::format("belongs to law {}, and this one is {}", one.family, family));
    if (!one.given && one.family == family)
      return context.wrong(law.path, fmt::format("is {}: must have {}", family, one.key));
  }
  lifetime_law made;
  made.endless_share = law.endless;
  if (family == "constant")
    made.family = constant_lifetime{*law.time_s};
  else if (family == "exponential")
    made.family = exponential_lifetime{*law.mean_s};
  else if (family == "lognormal")
    made.family = lognormal_lifetime{*law.median_s, *law.sigma};
  else if (family == "weibull")
    made.family = weibull_lifetime{*law.shape, *law.scale_s};
  else
    made.family = empirical_lifetime{law.values_s};
  if (auto* seen = std::get_if<empirical_lifetime>(&made.family))
    std::ranges::sort(seen->seconds);
  return made;
}

void describe_family(const constant_lifetime& law, named_law& into) {
  into.time_s = law.seconds;
}
void describe_family(const exponential_lifetime& law, named_law& into) {
  into.mean_s = law.mean_s;
}
void describe_family(const lognormal_lifetime& law, named_law& into) {
  into.median_s = law.median_s;
  into.sigma = law.sigma;
}
void describe_family(const weibull_lifetime& law, named_law& into) {
  into.shape = law.shape;
  into.scale_s = law.scale_s;
}
void describe_family(const empirical_lifetime& law, named_law& into) {
  into.values_s = law.seconds;
}

model::result<void> read_laws(const reading& context, const plan_entry& entry, demand_plan& plan,
                              std::vector<std::string>& names) {
  if (entry.lifetimes.empty())
    return {};
  plan.lifetimes.clear();
  for (const auto& one : entry.lifetimes) {
    if (one.name.empty())
      return context.wrong(one.path, "must have a name");
    if (std::ranges::find(names, one.name) != names.end())
      return context.wrong(
          below(one.path, "name"),
          fmt::format("is \"{}\", as of one before: must be a name of its own", one.name));
    auto law = law_of(context, one);
    if (!law)
      return tl::unexpected{std::move(law.error())};
    plan.lifetimes.push_back(*std::move(law));
    names.push_back(one.name);
  }
  return {};
}

model::result<void> read_shapes(const reading& context, const std::vector<shape_entry>& entries,
                                const std::vector<std::string>& laws,
                                std::vector<server_shape>& shapes) {
  if (entries.empty())
    return {};
  shapes.clear();
  for (const auto& one : entries) {
    shapes.push_back(one.shape);
    if (one.shape.gpus == 0 && !one.shape.model.empty())
      return context.wrong(below(one.path, "model"), "is given without a GPU: must have gpus");
    if (one.shape.until <= one.shape.from)
      return context.wrong(one.path, "ends before it begins: until must be after from");
    const auto wishes = model::parse_topology(one.topology);
    if (!wishes)
      return context.wrong(below(one.path, "topology"),
                           fmt::format("is \"{}\": must be wishes such as numa=require fabric=none "
                                       "(numa, pcie_root, pcie_switch, fabric; none, prefer, "
                                       "require)",
                                       one.topology));
    shapes.back().topology = packed_topology{*wishes};
    if (one.lifetime.empty())
      continue;
    const auto law = std::ranges::find(laws, one.lifetime);
    if (law == laws.end()) {
      const auto near = model::nearest_name(one.lifetime, std::span<const std::string>{laws});
      return context.wrong(below(one.path, "lifetime"),
                           fmt::format("is \"{}\": must be a name of lifetimes{}", one.lifetime,
                                       near ? fmt::format(", the nearest is {}", *near) : ""));
    }
    shapes.back().lifetime = static_cast<std::size_t>(law - laws.begin());
  }
  return {};
}

plan_entry entry_of(const demand_plan& plan) {
  plan_entry made;
  made.plan = plan;
  const auto name = [](std::size_t law) { return fmt::format("law-{}", law + 1); };
  for (std::size_t i = 0; i < plan.lifetimes.size(); ++i) {
    auto& law = made.lifetimes.emplace_back();
    law.name = name(i);
    law.family = family_name(plan.lifetimes[i]);
    law.endless = plan.lifetimes[i].endless_share;
    std::visit([&law](const auto& family) { describe_family(family, law); },
               plan.lifetimes[i].family);
  }
  for (const auto& [from, into] : {std::pair{&plan.shapes, &made.shapes},
                                   std::pair{&plan.standing_shapes, &made.standing_shapes}})
    for (const auto& shape : *from)
      into->push_back({.path = {},
                       .shape = shape,
                       .lifetime = shape.lifetime > 0 ? name(shape.lifetime) : std::string{},
                       .topology = model::to_string(shape.topology.wishes())});
  return made;
}

} // namespace

model::result<demand_plan> plan_of(const reading& context, const plan_entry& entry) {
  auto plan = entry.plan;
  if (entry.swing) {
    if (context.has(below(entry.path, "hours")))
      return context.wrong(below(entry.path, "daily_swing"),
                           "stands beside hours: keep one of the two");
    plan.hour_weights = daily_swing(entry.swing->swing, entry.swing->peak_hour);
  }
  std::vector<std::string> laws;
  if (auto read = read_laws(context, entry, plan, laws); !read)
    return tl::unexpected{std::move(read.error())};
  for (const auto& [from, into] : {std::pair{&entry.shapes, &plan.shapes},
                                   std::pair{&entry.standing_shapes, &plan.standing_shapes}})
    if (auto read = read_shapes(context, *from, laws, *into); !read)
      return tl::unexpected{std::move(read.error())};
  if (plan.standing > 0 && plan.standing_shapes.empty())
    return context.wrong(below(entry.path, "standing"), "needs standing_shapes: what they are");
  return plan;
}

model::result<demand_plan> plan_of(const document_node& file) {
  reading context{file.from ? file.from->name : std::string{}};
  plan_entry entry;
  if (auto read = read_section(context, file, {}, entry); !read)
    return tl::unexpected{std::move(read.error())};
  return plan_of(context, entry);
}

std::string to_yaml(const demand_plan& plan) {
  const plan_entry standard;
  const auto written = write_section({}, entry_of(plan), &standard);
  return "# A demand's plan, for demand.plan of a scenario: docs/scenario.md has the keys.\n" +
         to_yaml(written);
}

model::result<demand_plan> read_plan(std::string_view text, std::string name) {
  return read_document(text, std::move(name), {}).and_then([](const document_node& file) {
    return plan_of(file);
  });
}

model::result<demand_plan> load_plan(const std::string& path) {
  return load_document(path).and_then([](const document_node& file) { return plan_of(file); });
}

} // namespace berth::sim
