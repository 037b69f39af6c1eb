#include "sim/replay/log_demand.hpp"

#include <algorithm>
#include <limits>

#include "model/server.hpp"
#include "store/sqlite_store.hpp"

namespace berth::sim {

namespace {

/// `A|B`, or the empty text if one of them takes any GPU; nullopt: it asks for more than a model.
std::optional<std::string> models_of(const model::device_request& wish) {
  std::string text;
  bool any = false;
  for (const auto& each : wish.alternatives) {
    if (!each.vendor.empty() || each.vendor_device || (each.type && !model::is_gpu(*each.type)))
      return std::nullopt;
    any = any || each.model.empty();
    (text += text.empty() ? "" : "|") += each.model;
  }
  return any ? std::string{} : text;
}

/// The GPUs of all wishes together, if they are of one kind.
struct gpus_wanted {
  std::int64_t count = 0;
  std::string models;
};
std::optional<gpus_wanted> gpus_of(const model::server_spec& spec) {
  gpus_wanted all;
  for (const auto& wish : spec.devices) {
    const auto models = models_of(wish);
    if (wish.id || !models || (all.count > 0 && *models != all.models))
      return std::nullopt;
    all.count += wish.count;
    all.models = *models;
  }
  return all;
}

/// Something that decides where it may be, and that an arrival cannot say.
bool wants_more(const model::server_spec& spec) {
  return !spec.tags.require.empty() || !spec.tags.avoid.empty() ||
         !spec.anti_affinity_group.empty() || spec.host || !spec.disks.empty();
}

template <class Small> Small clamped(std::int64_t value) {
  return static_cast<Small>(
      std::clamp<std::int64_t>(value, 0, std::int64_t{std::numeric_limits<Small>::max()}));
}

} // namespace

void log_demand::feed(const model::log_record& record) {
  if (!made_.start)
    made_.start = record.at;
  if (const auto* event = std::get_if<model::server_created>(&record.what))
    created(record, event->server);
  else if (const auto* given = std::get_if<model::server_placed>(&record.what))
    placed(given->server, record.at);
  else if (const auto* gone = std::get_if<model::server_delete_requested>(&record.what))
    ended(gone->server, record.at);
}

void log_demand::created(const model::log_record& record, const model::server_record& server) {
  ++made_.report.rows;
  const auto gpus = gpus_of(server.spec);
  if (!gpus || gpus->count > gpus_max)
    return leave_out(record.sequence, "a server must ask for GPUs of one kind by their model alone",
                     server.spec->name);
  arrival one;
  one.when = server.created_at - *made_.start;
  one.vcpus = clamped<std::uint32_t>(server.spec->vcpus);
  one.memory_mib = clamped<std::uint32_t>(server.spec->memory_mib);
  one.gpus = clamped<std::uint16_t>(gpus->count);
  one.model = made_.names.models.number_of(gpus->models);
  one.project = made_.names.projects.number_of(server.spec->project);
  one.topology = packed_topology{server.spec->topology};
  one.priority = clamped<std::uint8_t>(server.spec->priority);
  one.patience = server.spec->wait_for_capacity.value_or(model::duration::zero());
  one.lifetime = server.spec->lifetime.value_or(endless);
  loosened_ += wants_more(*server.spec) ? 1 : 0;
  one.when = std::max(one.when, model::duration::zero());
  living_[server.id] = {made_.arrivals.size(),
                        server.host ? std::optional{record.at} : std::nullopt};
  made_.arrivals.push_back(one);
}

void log_demand::placed(model::server_id server, model::timestamp at) {
  if (const auto found = living_.find(server); found != living_.end())
    found->second.placed = at;
}

void log_demand::ended(model::server_id server, model::timestamp at) {
  const auto found = living_.find(server);
  if (found == living_.end())
    return;
  if (found->second.placed)
    made_.arrivals[found->second.arrival].lifetime = at - *found->second.placed;
  living_.erase(found);
}

void log_demand::leave_out(std::uint64_t sequence, const char* rule, const std::string& name) {
  auto& report = made_.report;
  ++report.skipped;
  if (report.reasons.empty())
    report.reasons.push_back({rule, 0, {}, name});
  auto& reason = report.reasons.front();
  ++reason.count;
  constexpr std::size_t lines_max = 5;
  if (reason.first_lines.size() < lines_max)
    reason.first_lines.push_back(sequence);
}

demand log_demand::take() && {
  std::ranges::stable_sort(made_.arrivals, {}, &arrival::when);
  if (loosened_ > 0)
    made_.report.remarks.push_back(std::to_string(loosened_) +
                                   " servers asked for certain hosts, for tags, for hosts apart or "
                                   "for disks: a simulation gives them any host");
  return std::move(made_);
}

model::result<demand> demand_of_store(const std::filesystem::path& given,
                                      const std::string& version, bool strict) {
  const auto path = store::store_file_of(given);
  const auto log = store::open_reader(path, version);
  if (!log)
    return tl::unexpected{log.error()};
  const auto first = (*log)->first_sequence();
  log_demand asked;
  const auto read = (*log)->read(first, [&](const model::log_record& record) {
    asked.feed(record);
    return true;
  });
  if (!read)
    return tl::unexpected{read.error()};
  auto made = std::move(asked).take();
  auto& report = made.report;
  report.source = path.string();
  if (strict && report.skipped > 0) {
    const auto& reason = report.reasons.front();
    return model::fail(model::errc::invalid_argument,
                       report.source + " event " + std::to_string(reason.first_lines.front()) +
                           ": server '" + reason.example + "' is left out: " + reason.rule);
  }
  if (first > 1)
    report.remarks.push_back("the log begins with event " + std::to_string(first) +
                             ": servers that were there already are not in the demand");
  return made;
}

} // namespace berth::sim
