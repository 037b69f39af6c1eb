#include "sim/actors_run/mishaps.hpp"

#include <functional>
#include <utility>

namespace berth::sim {

using hostbackend::simulated::device_id_of;

mishaps::mishaps(world& all, const actors_scenario& what, model::random dice)
    : all_(all), what_(what), dice_(dice) {}

void mishaps::start() {
  const auto& rates = what_.mishaps;
  for (std::size_t host = 0; host < all_.hosts(); ++host) {
    after(rates.machines.mean_between, [this, host] { fail_machine(host); });
    after(rates.links.mean_between, [this, host] { cut_link(host); });
    for (std::size_t device = 0; device < what_.hosts[host].kind->devices.size(); ++device)
      after(rates.devices.mean_between, [this, host, device] { take_device({host, device}); });
  }
}

void mishaps::stop() {
  stopped_ = true;
  for (const auto host : std::exchange(down_, {}))
    all_.start_agent(host);
  for (const auto& [host, device] : std::exchange(out_, {}))
    all_.machine(host).return_device(device_id_of(what_.hosts[host], device));
  for (const auto host : std::exchange(cut_, {}))
    all_.network().heal(all_.host_name(host));
}

/// A mean of zero: never.
void mishaps::after(model::duration mean, std::function<void()> what) {
  if (mean.count() == 0)
    return;
  const auto delay = dice_.exponential(static_cast<double>(mean.count()));
  constexpr double never = 1e18; // thirty years
  if (delay < never)
    all_.time().after(model::duration{static_cast<std::int64_t>(delay)},
                      [this, what = std::move(what)] {
                        if (!stopped_)
                          what();
                      });
}

void mishaps::fail_machine(std::size_t host) {
  ++counted_.machines;
  down_.insert(host);
  all_.crash_agent(host);
  all_.machine(host).power_cycle();
  after(what_.mishaps.machines.mean_repair, [this, host] { mend_machine(host); });
}

void mishaps::mend_machine(std::size_t host) {
  down_.erase(host);
  all_.start_agent(host);
  after(what_.mishaps.machines.mean_between, [this, host] { fail_machine(host); });
}

void mishaps::take_device(const place& which) {
  ++counted_.devices;
  out_.insert(which);
  all_.machine(which.first)
      .remove_device(device_id_of(what_.hosts[which.first], which.second), "pulled out");
  after(what_.mishaps.devices.mean_repair, [this, which] { return_device(which); });
}

void mishaps::return_device(const place& which) {
  out_.erase(which);
  all_.machine(which.first).return_device(device_id_of(what_.hosts[which.first], which.second));
  after(what_.mishaps.devices.mean_between, [this, which] { take_device(which); });
}

void mishaps::cut_link(std::size_t host) {
  ++counted_.links;
  cut_.insert(host);
  all_.network().cut(all_.host_name(host));
  after(what_.mishaps.links.mean_repair, [this, host] { mend_link(host); });
}

void mishaps::mend_link(std::size_t host) {
  cut_.erase(host);
  all_.network().heal(all_.host_name(host));
  after(what_.mishaps.links.mean_between, [this, host] { cut_link(host); });
}

} // namespace berth::sim
