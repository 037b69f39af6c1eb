#include "hostbackend/linux/machine_facts.hpp"

#include <cerrno>
#include <cstdint>
#include <optional>
#include <sstream>
#include <system_error>

#include <sys/statvfs.h>

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;
using model::errc;
using model::fail;

namespace {

std::string product_of(const fs::path& sysfs) {
  const auto vendor = read_text(sysfs / "class/dmi/id/sys_vendor");
  const auto product = read_text(sysfs / "class/dmi/id/product_name");
  if (vendor.empty() || product.starts_with(vendor))
    return product;
  return product.empty() ? vendor : vendor + " " + product;
}

/// `MemTotal:       32836008 kB`, in MiB.
std::optional<std::int64_t> memory_mib(const fs::path& procfs) {
  std::istringstream lines{read_text(procfs / "meminfo")};
  std::string key;
  std::string amount;
  for (std::string rest; lines >> key >> amount; std::getline(lines, rest))
    if (key == "MemTotal:")
      if (const auto kib = parse_number<std::int64_t>(amount, 10); kib && *kib > 0)
        return *kib / 1024;
  return std::nullopt;
}

model::result<std::int64_t> storage_mib(const fs::path& pool) {
  if (pool.empty())
    return 0;
  struct statvfs what {};
  if (::statvfs(pool.c_str(), &what) != 0)
    return fail(errc::not_found, "cannot read the size of the pool " + pool.string() + ": " +
                                     std::generic_category().message(errno));
  constexpr std::uint64_t mib = 1U << 20U;
  return static_cast<std::int64_t>(what.f_blocks / mib * what.f_frsize +
                                   what.f_blocks % mib * what.f_frsize / mib);
}

} // namespace

model::result<machine_facts> read_machine(const host_roots& roots, const fs::path& pool) {
  const auto system = roots.sysfs / "devices/system";
  const auto cpus = count_of_list(read_text(system / "cpu/online"));
  if (!cpus)
    return fail(errc::not_found,
                "cannot read how many CPUs are online from " + (system / "cpu/online").string());
  const auto memory = memory_mib(roots.procfs);
  if (!memory)
    return fail(errc::not_found,
                "cannot read MemTotal from " + (roots.procfs / "meminfo").string());
  const auto storage = storage_mib(pool);
  if (!storage)
    return tl::unexpected<model::failure>{storage.error()};
  machine_facts facts;
  facts.product = product_of(roots.sysfs);
  facts.capacity = {*cpus, *memory, *storage};
  facts.numa_nodes = count_of_list(read_text(system / "node/online")).value_or(1);
  return facts;
}

} // namespace berth::hostbackend::host_linux
