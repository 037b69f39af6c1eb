#include "scheduler/capacity_watch.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "model/device.hpp"

namespace berth::scheduler {

std::string_view to_string(togetherness where) {
  switch (where) {
  case togetherness::anywhere:
    return "any";
  case togetherness::numa:
    return "numa";
  case togetherness::pcie_root:
    return "pcie_root";
  case togetherness::pcie_switch:
    return "pcie_switch";
  case togetherness::fabric:
    return "fabric";
  }
  return {};
}

std::optional<togetherness> parse_togetherness(std::string_view text) {
  for (const auto where : {togetherness::anywhere, togetherness::numa, togetherness::pcie_root,
                           togetherness::pcie_switch, togetherness::fabric}) {
    if (to_string(where) == text)
      return where;
  }
  return std::nullopt;
}

model::placement_request to_placement_request(const capacity_shape& shape) {
  constexpr auto each = model::default_gpu_reserve;
  model::placement_request request;
  request.amount = {each.cpus * shape.gpus, each.memory_mib * shape.gpus,
                    each.storage_mib * shape.gpus};
  model::device_request wish;
  wish.count = shape.gpus;
  wish.alternatives.push_back({shape.model, {}, {}, {}});
  request.devices.push_back(std::move(wish));
  const auto required = [&](togetherness level) {
    return shape.where == level ? model::wish::require : model::wish::prefer;
  };
  request.topology = {required(togetherness::numa), required(togetherness::pcie_root),
                      required(togetherness::pcie_switch), required(togetherness::fabric)};
  return request;
}

void capacity_watch::gather(inventory& world) {
  auto shapes = chosen_;
  if (chosen_.empty()) {
    for (const auto& known : gpu_models(world)) {
      for (const std::int32_t gpus : {1, 2, 4, 8}) {
        if (gpus <= known.most_on_a_host && shapes.size() < shapes_max)
          shapes.push_back({known.name, gpus, togetherness::anywhere});
      }
    }
  }
  hosts_ = world.host_count();
  looks_ = 0;
  if (watching_ && shapes == shapes_)
    return;
  watching_ = true;
  shapes_ = std::move(shapes);
  std::vector<model::placement_request> requests;
  for (const auto& shape : shapes_)
    requests.push_back(to_placement_request(shape));
  world.watch(requests);
}

capacity_report capacity_watch::look(inventory& world) {
  if (!watching_ || ++looks_ >= models_kept || hosts_ != world.host_count())
    gather(world);
  capacity_report report;
  const auto counted = world.watched_capacities();
  std::map<std::string, std::vector<std::size_t>> by_model;
  for (std::size_t i = 0; i < shapes_.size(); ++i) {
    report.shapes.push_back({shapes_[i], counted[i]});
    by_model[shapes_[i].model].push_back(i);
  }
  for (const auto& [name, shapes] : by_model) {
    const auto smallest =
        *std::ranges::min_element(shapes, {}, [this](std::size_t i) { return shapes_[i].gpus; });
    const auto lost = stranded(world, to_placement_request(shapes_[smallest]));
    double unusable = 0;
    for (const auto i : shapes) {
      if (lost.free > 0)
        unusable +=
            1 - static_cast<double>(counted[i] * shapes_[i].gpus) / static_cast<double>(lost.free);
    }
    report.models.push_back({name, lost, unusable / static_cast<double>(shapes.size())});
  }
  return report;
}

} // namespace berth::scheduler
