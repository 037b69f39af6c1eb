#include "sim/study/run_store.hpp"

#include <bit>
#include <filesystem>
#include <sstream>

#include <fmt/format.h>
#include <zlib.h>

namespace berth::sim {

using model::errc;
using model::fail;

namespace {

constexpr std::string_view magic = "berth-sim runs 2 ";
constexpr std::size_t header_size = magic.size() + 16 + 1; ///< fingerprint in hex, new line
/// Before a run's bytes: variant, seed and length, the checksum of these, that of the bytes.
constexpr std::size_t frame_size = 5 * 8;
constexpr std::size_t head_size = 3 * 8;

/// FNV-1a over numbers and texts, so that different studies hardly give the same.
class digest {
public:
  void add(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8)
      add_byte(static_cast<unsigned char>(value >> shift));
  }
  void add(std::int64_t value) { add(static_cast<std::uint64_t>(value)); }
  void add(double value) { add(std::bit_cast<std::uint64_t>(value)); }
  void add(model::duration time) { add(time.count()); }
  void add(std::string_view text) {
    add(std::uint64_t{text.size()});
    for (const auto each : text)
      add_byte(static_cast<unsigned char>(each));
  }
  void add(const model::resources& amount) {
    add(amount.cpus);
    add(amount.memory_mib);
    add(amount.storage_mib);
  }
  void add(const failure_rate& rate) {
    add(rate.mean_between);
    add(rate.mean_repair);
  }
  [[nodiscard]] std::uint64_t value() const { return hash_; }

private:
  void add_byte(unsigned char byte) { hash_ = (hash_ ^ byte) * 0x0000'0100'0000'01b3U; }

  std::uint64_t hash_ = 0xcbf2'9ce4'8422'2325U;
};

void add_group(digest& to, const host_group& group) {
  to.add(group.name);
  to.add(std::uint64_t{group.count});
  to.add(group.from);
  to.add(group.reserve_per_gpu);
  to.add(std::int64_t{group.cpu_overcommit_milli});
  to.add(std::int64_t{group.memory_overcommit_milli});
  to.add(std::uint64_t{group.hosts_per_rack});
  to.add(group.machine.capacity);
  to.add(std::int64_t{group.machine.numa_nodes});
  for (const auto& partition : group.machine.partitions) {
    to.add(partition.fabric);
    to.add(std::int64_t{partition.id});
    for (const auto module : partition.modules)
      to.add(std::int64_t{module});
  }
  for (const auto& device : group.machine.devices) {
    to.add(device.vendor);
    to.add(device.model);
    to.add(model::to_string(device.address));
    to.add(model::to_string(device.vendor_device));
    to.add(static_cast<std::int64_t>(device.default_type));
    to.add(std::int64_t{device.numa_node});
    for (const auto& place : {device.pcie_root, device.pcie_switch, device.fabric,
                              device.allocation_unit, device.unusable_reason})
      to.add(place);
  }
}

void add_scenario(digest& to, const scenario& what) {
  for (const auto& group : what.hosts)
    add_group(to, group);
  for (const auto& one : what.standing) {
    to.add(std::uint64_t{one.host});
    for (const auto device : one.devices)
      to.add(std::uint64_t{device});
    to.add(one.amount);
    to.add(one.ends.value_or(endless));
  }
  to.add(scheduler::name_of(*what.policy));
  to.add(std::uint64_t{what.tell_lifetimes});
  const auto& kept = what.reservations;
  for (const auto time : {what.patience, what.horizon, what.turnover.least, what.turnover.mean_rest,
                          what.mean_quarantine, kept.after, kept.again, kept.search_spacing})
    to.add(time);
  to.add(std::int64_t{kept.priority});
  to.add(std::uint64_t{kept.max});
  to.add(what.quarantine_probability);
  for (const auto& rate : {what.devices, what.machines, what.racks})
    to.add(rate);
  for (const auto& plan : what.maintenance) {
    to.add(plan.group);
    for (const auto time : {plan.from, plan.lasts, plan.drain})
      to.add(time);
    to.add(std::uint64_t{plan.at_once});
  }
  for (const auto& shape : what.shapes) {
    to.add(shape.model);
    to.add(std::int64_t{shape.gpus});
  }
}

model::result<void> add_arrivals(digest& to, const offered_demand& demand) {
  constexpr std::uint64_t drawn_max = 100'000; // then they go on as they began
  const auto most = demand.plan() != nullptr ? drawn_max : UINT64_MAX;
  auto arrivals = demand.arrivals(1);
  if (!arrivals)
    return tl::unexpected{std::move(arrivals.error())};
  for (const auto& name : (*arrivals)->names().models.all())
    to.add(name);
  for (std::uint64_t i = 0; i < most; ++i) {
    const auto one = (*arrivals)->next();
    if (!one)
      break;
    for (const auto time : {one->when, one->lifetime, one->patience})
      to.add(time);
    for (const std::uint64_t number :
         {one->vcpus, one->memory_mib, one->model, std::uint32_t{one->gpus},
          std::uint32_t{one->topology.bits()}, std::uint32_t{one->priority}})
      to.add(number);
  }
  return {};
}

std::string number_bytes(std::uint64_t value) {
  std::string bytes;
  for (int shift = 0; shift < 64; shift += 8)
    bytes += static_cast<char>(value >> shift);
  return bytes;
}
std::uint64_t number_at(std::string_view bytes, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;)
    value = value << 8U | static_cast<unsigned char>(bytes[at + i]);
  return value;
}
std::uint64_t checksum(std::string_view bytes) {
  return crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

} // namespace

model::result<std::uint64_t> fingerprint_of(const std::vector<variant_plan>& plans,
                                            std::string_view version) {
  digest all;
  all.add(version);
  for (const auto& plan : plans) {
    all.add(plan.name);
    add_scenario(all, plan.what);
    if (auto added = add_arrivals(all, plan.demand); !added)
      return tl::unexpected{std::move(added.error())};
  }
  return all.value();
}

model::result<std::unique_ptr<run_store>> run_store::open(const std::string& path,
                                                          std::uint64_t fingerprint) {
  std::unique_ptr<run_store> made{new run_store{path}};
  return made->load(fingerprint).map([&] { return std::move(made); });
}

model::result<void> run_store::load(std::uint64_t fingerprint) {
  const auto header = fmt::format("{}{:016x}\n", magic, fingerprint);
  std::string bytes;
  std::error_code none;
  if (std::filesystem::exists(path_, none)) {
    std::ifstream in{path_, std::ios::binary};
    std::ostringstream all;
    all << in.rdbuf();
    if (!in)
      return fail(errc::store_failed, "cannot read " + path_);
    bytes = std::move(all).str();
  }
  auto whole = header.size();
  const bool is_new = bytes.size() < header_size && header.starts_with(bytes);
  if (!is_new) {
    if (!bytes.starts_with(magic))
      return fail(errc::invalid_argument,
                  path_ + " holds no runs of this version of berth-sim: name another file");
    if (!bytes.starts_with(header))
      return fail(errc::invalid_argument,
                  path_ + " holds runs of another study: name another file, or play that one");
    const auto taken = take_records(bytes, header.size());
    if (!taken)
      return tl::unexpected{taken.error()};
    whole = *taken;
    std::error_code failed;
    std::filesystem::resize_file(path_, whole, failed); // what was torn goes
    if (failed)
      return fail(errc::store_failed, "cannot write " + path_ + ": " + failed.message());
  }
  file_.open(path_, std::ios::binary | (is_new ? std::ios::trunc : std::ios::app));
  if (is_new)
    file_ << header;
  file_.flush();
  if (!file_)
    return fail(errc::store_failed, "cannot write " + path_);
  found_ = runs_.size();
  return {};
}

/// Gives where the whole records end.
model::result<std::size_t> run_store::take_records(const std::string& bytes, std::size_t from) {
  while (bytes.size() - from >= frame_size) {
    const auto head = std::string_view{bytes}.substr(from, head_size);
    const auto length = number_at(bytes, from + 16);
    const bool is_head = checksum(head) == number_at(bytes, from + head_size);
    if (is_head && length > bytes.size() - from - frame_size)
      break; // torn
    const auto body = std::string_view{bytes}.substr(from + frame_size, is_head ? length : 0);
    auto run = run_from_bytes(body);
    if (!is_head || !run || checksum(body) != number_at(bytes, from + head_size + 8))
      return fail(errc::store_corrupt, path_ + " is damaged at byte " + std::to_string(from) +
                                           ": remove it, and its runs are played again");
    runs_[{number_at(bytes, from), number_at(bytes, from + 8)}] = std::move(*run);
    from += frame_size + length;
  }
  return from;
}

const run_result* run_store::find(std::size_t variant, std::uint64_t seed) const {
  const auto found = runs_.find({variant, seed});
  return found == runs_.end() ? nullptr : &found->second;
}

model::result<void> run_store::keep(std::size_t variant, std::uint64_t seed,
                                    const run_result& result) {
  const auto body = to_bytes(result);
  const auto head = number_bytes(variant) + number_bytes(seed) + number_bytes(body.size());
  file_ << head << number_bytes(checksum(head)) << number_bytes(checksum(body)) << body;
  file_.flush();
  if (!file_)
    return fail(errc::store_failed, "cannot write " + path_);
  return {};
}

} // namespace berth::sim
