#include "sim/study/scenario_file.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "model/text.hpp"
#include "sim/study/inventory.hpp"
#include "sim/study/offered_demand.hpp"
#include "sim/study/plan_entry.hpp"
#include "sim/study/scenario_flags.hpp"
#include "sim/study/study_keys.hpp"
#include "sim/traces/alibaba.hpp"

namespace berth::sim {

namespace {

using model::result;

demand_input input_of(const demand_entry& given, const std::string& version) {
  demand_input made;
  made.trace = given.trace;
  made.is_log = given.format == controller_log;
  if (!made.is_log)
    made.format = *trace_format_from(given.format); // its rule knows no others
  made.version = version;
  made.reading = given.reading;
  if (given.split)
    made.reading.large = large_jobs::split;
  if (made.format == trace_format::alibaba_pods)
    made.reading.rename_model = gpu_model_of;
  made.draw = given.draw;
  return made;
}

/// Of a table, and said of a controller's log.
result<void> check_log(const reading& context, const demand_entry& given) {
  if (given.format != controller_log)
    return {};
  if (given.trace == "-")
    return context.wrong("demand.trace", "is standard input: a controller's store must be a file");
  if (given.split)
    return context.wrong("demand.split", "is for tables: a controller's log has servers, no jobs");
  if (given.reading.untimed_gap)
    return context.wrong("demand.untimed_gap", "is for tables: a controller's log has times");
  if (given.reading.gpus_per_server_max != read_options{}.gpus_per_server_max)
    return context.wrong("demand.server_gpus_max",
                         "is for tables: a controller's log has servers, no jobs");
  if (given.reading.defaults != server_defaults{})
    return context.wrong("demand.defaults",
                         "is for tables: a controller's log has what each server asked for");
  return {};
}

/// The steps from what the keys say to a study. Each fails with the place of the key.
class finisher {
public:
  finisher(const reading& context, study_draft draft, const scenario_surroundings& around)
      : context_(context), draft_(std::move(draft)), around_(around), made_(draft_.made) {}

  result<study> finish() && {
    for (const auto step :
         {&finisher::hosts, &finisher::policies, &finisher::breakage, &finisher::racks,
          &finisher::maintenance, &finisher::shapes, &finisher::demand, &finisher::goal})
      if (auto done = (this->*step)(); !done)
        return tl::unexpected{std::move(done.error())};
    made_.jobs = draft_.jobs.value_or(std::clamp(around_.jobs, 1U, 1'024U));
    return std::move(made_);
  }

private:
  result<void> hosts() {
    if (draft_.inventory.empty())
      return context_.wrong("inventory",
                            "is empty: must list hosts, such as {machine: hgx-h100, count: 4}, or "
                            "--hosts 4xhgx-h100");
    made_.base.turnover = draft_.turnover;
    return add_inventory(context_, draft_, around_, made_);
  }

  result<void> policies() {
    made_.policies.clear();
    for (const auto& name : draft_.policies)
      made_.policies.push_back(scheduler::find_policy(name));
    made_.base.policy = made_.policies.front();
    return {};
  }

  result<void> breakage() {
    auto& base = made_.base;
    const auto& broken = draft_.quarantine;
    base.quarantine_probability = broken.probability;
    base.mean_quarantine = broken.mean;
    if (broken.probability > 0 && broken.mean.count() == 0)
      return context_.wrong("quarantine", "has a probability: must have a mean time too");
    struct kind {
      std::string_view name;
      const failure_entry& given;
      failure_rate& into;
    };
    const auto& failures = draft_.failures;
    for (const auto& one :
         {kind{"device", failures.device, base.devices}, kind{"host", failures.host, base.machines},
          kind{"rack", failures.rack, base.racks}}) {
      const auto path = below("failures", one.name);
      if (one.given.mean_between && !one.given.mean_repair)
        return context_.wrong(below(path, "mtbf"), "stands alone: must have an mttr beside it");
      if (one.given.mean_repair && !one.given.mean_between)
        return context_.wrong(below(path, "mttr"), "stands alone: must have an mtbf beside it");
      one.into = {one.given.mean_between.value_or(model::duration{}),
                  one.given.mean_repair.value_or(model::duration{})};
    }
    return {};
  }

  result<void> racks() {
    const bool has_racks = std::ranges::any_of(
        made_.base.hosts, [](const auto& group) { return group.hosts_per_rack > 0; });
    if (made_.base.racks.mean_between.count() > 0 && !has_racks)
      return context_.wrong("failures.rack.mtbf",
                            "is given and no host is in a rack: must have hosts_per_rack");
    return {};
  }

  result<void> maintenance() {
    for (auto& [path, plan, lasts] : draft_.maintenance) {
      if (!lasts)
        return context_.wrong(path, "must have lasts, the time of a batch");
      if (plan.drain > plan.from)
        return context_.wrong(path, "has a drain that is longer than from: it would begin before "
                                    "the start");
      std::vector<std::string> known;
      for (const auto& group : made_.base.hosts)
        known.push_back(group.name);
      if (!plan.group.empty() && std::ranges::find(known, plan.group) == known.end()) {
        const auto near = model::nearest_name(plan.group, std::span<const std::string>{known});
        return context_.wrong(below(path, "group"),
                              fmt::format("is \"{}\": must be a group's name, {}", plan.group,
                                          near ? fmt::format("the nearest is {}", *near)
                                               : fmt::format("one of {}", fmt::join(known, ", "))));
      }
      plan.lasts = *lasts;
      made_.base.maintenance.push_back(plan);
    }
    return {};
  }

  result<void> shapes() {
    const auto there = gpus_of(made_.base.hosts);
    auto& shapes = made_.base.shapes;
    if (!context_.has("shapes")) {
      constexpr std::array<std::uint16_t, 4> usual{1, 2, 4, 8};
      for (const auto& [name, most] : there)
        for (const auto gpus : usual)
          if (gpus <= most && shapes.size() < shapes_max)
            shapes.push_back({name, gpus});
      return {};
    }
    for (const auto& [path, shape] : draft_.shapes) {
      if (shape.model.empty())
        return context_.wrong(path, "must have a model");
      std::vector<std::string> known;
      for (const auto& [name, most] : there)
        known.push_back(name);
      if (std::ranges::none_of(known, [&, &wanted = shape.model](const auto& name) {
            return model::contains_ignoring_case(name, wanted);
          }))
        return context_.wrong(below(path, "model"),
                              fmt::format("is \"{}\", which no host has: must be one of {}",
                                          shape.model, fmt::join(known, ", ")));
      if (std::ranges::find(shapes, shape) != shapes.end())
        return context_.wrong(path, "is there twice: must be there once");
      shapes.push_back(shape);
    }
    return {};
  }

  result<void> demand() {
    auto& into = made_.demand;
    const auto& given = draft_.demand;
    const bool has_plan = given.plan || !given.plan_file.empty();
    if (given.trace.empty() && !has_plan)
      return context_.wrong("demand", "says nothing of what arrives: must have trace or plan, or "
                                      "--demand FILE");
    if (!given.trace.empty() && has_plan)
      return context_.wrong("demand", "has a trace and a plan: keep one of the two");
    if (auto checked = check_log(context_, given); !checked)
      return checked;
    into = input_of(given, around_.version);
    const bool draws = given.draw || has_plan;
    if (given.draw && has_plan)
      return context_.wrong("demand.draw", "stands beside a plan, which is drawn from in any case: "
                                           "must be left out");
    if (draws && made_.base.horizon.count() == 0)
      return context_.wrong(given.draw ? "demand.draw" : "demand.plan",
                            "needs a horizon, as 30d: it draws until then (--horizon)");
    if (given.growth && !draws)
      return context_.wrong("demand.growth", "needs draw or a plan (--draw): what was seen does "
                                             "not grow");
    into.growth_per_month = given.growth.value_or(0);
    return has_plan ? plan() : result<void>{};
  }

  result<void> plan() {
    const auto& given = draft_.demand;
    auto& plan = made_.demand.plan;
    if (given.plan) {
      auto read = plan_of(context_, *given.plan);
      if (!read)
        return tl::unexpected{std::move(read.error())};
      plan = *std::move(read);
    } else {
      auto read = load_document(given.plan_file).and_then([](const document_node& file) {
        return plan_of(file);
      });
      if (!read) // names the file itself, and its line
        return read.error().code == model::errc::not_found
                   ? context_.wrong("demand.plan", "cannot be read: " + read.error().message)
                   : tl::unexpected{std::move(read.error())};
      plan = *std::move(read);
    }
    if (given.growth)
      plan->growth_per_month = *given.growth;
    if (auto sound = demand_generator::make(*plan, 1, made_.base.horizon); !sound)
      return context_.wrong("demand.plan", "is not sound: " + sound.error().message);
    if (auto fits = check_plan(*plan, made_.base.hosts); !fits)
      return context_.wrong("demand.plan",
                            "does not go with the inventory: " + fits.error().message);
    return {};
  }

  result<void> goal() {
    made_.goal.refused_max = draft_.goal.refused_max;
    made_.goal.wait_p95_max = draft_.goal.wait_p95_max;
    made_.goal.from = draft_.goal.from;
    return {};
  }

  static constexpr std::size_t shapes_max = 128;

  const reading& context_;
  study_draft draft_;
  const scenario_surroundings& around_;
  study made_;
};

/// What a flag says of the demand takes the place of what the file says of it.
void make_way(const document_node& flags, study_draft& draft) {
  const auto* demand = flags.find("demand");
  if (demand == nullptr)
    return;
  if (demand->find("trace") != nullptr) {
    draft.demand.plan.reset();
    draft.demand.plan_file.clear();
  } else if (demand->find("plan") != nullptr) {
    draft.demand.trace.clear();
    draft.demand.draw = false;
  }
}

result<study> study_of(const document_node* file, const scenario_surroundings& around,
                       std::span<const given_flag> given) {
  reading context{file != nullptr && file->from ? file->from->name : std::string{}};
  study_draft draft;
  if (file != nullptr)
    if (auto read = read_section(context, *file, {}, draft); !read)
      return tl::unexpected{std::move(read.error())};
  const auto flags = document_of(given);
  if (!flags)
    return tl::unexpected{flags.error()};
  make_way(*flags, draft);
  if (auto read = read_section(context, *flags, {}, draft); !read)
    return tl::unexpected{std::move(read.error())};
  return finisher{context, std::move(draft), around}.finish();
}

} // namespace

result<study> read_scenario(std::string_view file, std::string name, std::string directory,
                            const scenario_surroundings& around,
                            std::span<const given_flag> flags) {
  const auto document = read_document(file, std::move(name), std::move(directory));
  if (!document)
    return tl::unexpected{document.error()};
  return study_of(&*document, around, flags);
}

result<study> load_scenario(const std::string& path, const scenario_surroundings& around,
                            std::span<const given_flag> flags) {
  if (path.empty())
    return study_of(nullptr, around, flags);
  const auto document = load_document(path);
  if (!document)
    return tl::unexpected{document.error()};
  return study_of(&*document, around, flags);
}

result<demand_input> read_trace_flags(std::span<const given_flag> flags,
                                      const std::string& version) {
  const auto document = document_of(flags);
  if (!document)
    return tl::unexpected{document.error()};
  reading context{{}};
  study_draft draft;
  if (auto read = read_section(context, *document, {}, draft); !read)
    return tl::unexpected{std::move(read.error())};
  return check_log(context, draft.demand).map([&] { return input_of(draft.demand, version); });
}

} // namespace berth::sim
