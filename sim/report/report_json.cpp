#include "sim/report/report_json.hpp"

#include <ostream>

#include <nlohmann/json.hpp>

#include "sim/report/figures.hpp"

namespace berth::sim {

namespace {

using json = nlohmann::ordered_json;

std::string dump(const json& what) {
  return what.dump(-1, ' ', false, json::error_handler_t::replace);
}

json waits_of(const distribution& waits) {
  json buckets = json::array();
  for (const auto& one : waits.buckets())
    buckets.push_back({in_seconds(one.up_to), one.count});
  return {{"count", waits.count()},
          {"mean_s", in_seconds(waits.mean())},
          {"p50_s", in_seconds(waits.quantile(0.5))},
          {"p95_s", in_seconds(waits.quantile(0.95))},
          {"p99_s", in_seconds(waits.quantile(0.99))},
          {"max_s", in_seconds(waits.max())},
          {"buckets", std::move(buckets)}};
}

json sizes_of(const run_result& one) {
  json all = json::array();
  for (const auto& [gpus, size] : one.sizes)
    all.push_back({{"gpus", gpus},
                   {"arrived", size.arrived},
                   {"placed", size.placed},
                   {"waits", waits_of(size.waits)}});
  return all;
}

json models_of(const run_result& one) {
  json all = json::array();
  for (const auto& [name, model] : one.models)
    all.push_back({{"model", name},
                   {"gpus", model.gpus},
                   {"gpu_seconds", model.gpu_seconds},
                   {"held_seconds", model.held_seconds},
                   {"cleaned_seconds", model.cleaned_seconds},
                   {"broken_seconds", model.broken_seconds}});
  return all;
}

json models_at(const run_result& one, const moment& at) {
  json all = json::array();
  for (std::size_t i = 0; i < at.models.size(); ++i) {
    const auto state = state_of(one, at, i);
    json model{{"gpus", state.counts.gpus},
               {"held", state.counts.held},
               {"cleaned", state.counts.cleaned},
               {"broken", state.counts.broken},
               {"free", state.counts.free()}};
    if (state.fragmentation)
      model["fragmentation"] = *state.fragmentation;
    if (state.stranded)
      model["stranded"] = *state.stranded;
    all.push_back(std::move(model));
  }
  return all;
}

json waits_at(const moment& at) {
  json all = json::array();
  for (std::size_t i = 0; i < at.waits.size(); ++i)
    if (!at.waits[i].placed.empty())
      all.push_back({{"gpus", wait_classes()[i]},
                     {"placed", at.waits[i].placed},
                     {"sum_s", at.waits[i].sum_s}});
  return all;
}

json series_of(const run_result& one) {
  json all = json::array();
  for (const auto& at : one.series) {
    json rows = json::array();
    for (const auto held : at.rows)
      rows.push_back(held == nothing_there ? json{} : json(held));
    all.push_back({{"at_s", in_seconds(at.at)},
                   {"waiting", at.waiting},
                   {"gpus_waiting", at.gpus_waiting},
                   {"arrived", at.arrived},
                   {"placed", at.placed},
                   {"failed", at.failed},
                   {"living", at.living},
                   {"hosts", at.hosts},
                   {"hosts_down", at.hosts_down},
                   {"refused_by", at.refused_by},
                   {"waits", waits_at(at)},
                   {"models", models_at(one, at)},
                   {"placeable", at.placeable},
                   {"rows_held_permille", std::move(rows)}});
  }
  return all;
}

json result_of(const run_result& one) {
  json shapes = json::array();
  for (const auto& shape : one.shapes)
    shapes.push_back({{"model", shape.model}, {"gpus", shape.gpus}});
  json rows = json::array();
  for (const auto& row : one.rows)
    rows.push_back({{"first_host", row.first}, {"last_host", row.last}});
  return {{"span_s", in_seconds(one.span)},
          {"cut", one.cut},
          {"events", one.events},
          {"standing", one.standing},
          {"arrived", one.arrived},
          {"placed", one.placed},
          {"refused", one.refused},
          {"refused_by", one.refused_by},
          {"gave_up", one.gave_up},
          {"waiting", one.waiting},
          {"longest_queue", one.longest_queue},
          {"ended", one.ended},
          {"failed", one.failed},
          {"evicted", one.evicted},
          {"living", one.living},
          {"gpus_asked", one.gpus_asked},
          {"gpus_refused", one.gpus_refused},
          {"waits", waits_of(one.waits)},
          {"sizes", sizes_of(one)},
          {"models", models_of(one)},
          {"shapes", std::move(shapes)},
          {"rows", std::move(rows)},
          {"series", series_of(one)}};
}

} // namespace

void write_json(std::ostream& out, const study_result& all) {
  const json head{{"format", "berth-sim result"},     {"version", 1},
                  {"scenario", all.scenario},         {"confidence", all.confidence},
                  {"seeds_wanted", all.seeds_wanted}, {"partial", all.partial}};
  auto opened = dump(head);
  opened.pop_back();
  out << opened << ",\"variants\":[";
  const char* between_variants = "\n";
  for (const auto& variant : all.variants) {
    out << between_variants << "{\"name\":" << dump(variant.name) << ",\"runs\":[";
    const char* between_runs = "\n";
    for (const auto& one : variant.runs) {
      out << between_runs << dump({{"seed", one.seed}, {"result", result_of(one.result)}});
      between_runs = ",\n";
    }
    out << "]}";
    between_variants = ",\n";
  }
  out << "]}\n";
}

} // namespace berth::sim
