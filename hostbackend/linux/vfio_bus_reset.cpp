#include "hostbackend/linux/vfio_bus_reset.hpp"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <list>
#include <map>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/vfio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "hostbackend/linux/kernel_calls.hpp"
#include "hostbackend/linux/pci_function_files.hpp"

namespace berth::hostbackend::host_linux {

namespace fs = std::filesystem;
using model::errc;
using model::fail;
using model::pci_address;
using model::result;

namespace {

/// An open file, closed with the object.
class open_file {
public:
  explicit open_file(int number) : number_{number} {}
  ~open_file() {
    if (number_ >= 0)
      ::close(number_);
  }
  open_file(const open_file&) = delete;
  open_file& operator=(const open_file&) = delete;

  [[nodiscard]] int number() const { return number_; }

private:
  int number_;
};

tl::unexpected<model::failure> refused(const pci_address& where, const std::string& step) {
  return fail(errc::reset_failed, to_string(where) + ": bus reset through vfio: " + step + ": " +
                                      explain({errno, std::generic_category()}));
}

/// The groups of some functions, open and in one container: what vfio wants before it gives out a
/// device. The files close in the reverse order.
class held_groups {
public:
  held_groups(const fs::path& vfio, const pci_address& first)
      : vfio_{vfio}, first_{first}, container_{
                                        ::open((vfio / "vfio").c_str(), O_RDWR | O_CLOEXEC)} {}

  result<void> take(int number) {
    if (container_.number() < 0)
      return refused(first_, "opening " + (vfio_ / "vfio").string());
    const auto file = vfio_ / std::to_string(number);
    groups_.emplace_back(::open(file.c_str(), O_RDWR | O_CLOEXEC));
    const int group = groups_.back().number();
    if (group < 0)
      return refused(first_, "opening " + file.string());
    int container = container_.number();
    if (::ioctl(group, VFIO_GROUP_SET_CONTAINER, &container) != 0)
      return refused(first_, "taking " + file.string() +
                                 " (a member that the host drives makes it not viable)");
    if (groups_.size() == 1 && ::ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU) != 0)
      return refused(first_, "setting up the IOMMU");
    return {};
  }
  /// A new descriptor of the device; < 0 and errno.
  [[nodiscard]] int device(const pci_address& address) const {
    const auto name = to_string(address);
    return ::ioctl(groups_.front().number(), VFIO_GROUP_GET_DEVICE_FD, name.c_str());
  }
  [[nodiscard]] std::vector<std::int32_t> numbers() const {
    std::vector<std::int32_t> all;
    for (const auto& one : groups_)
      all.push_back(one.number());
    return all;
  }

private:
  fs::path vfio_;
  pci_address first_;
  open_file container_;
  std::list<open_file> groups_;
};

/// The groups' numbers, that of the first function first.
result<std::vector<int>> groups_of(const fs::path& sysfs, const std::set<pci_address>& functions) {
  std::vector<int> groups;
  std::set<int> seen;
  for (const auto& one : functions) {
    const auto group = pci_function_files{sysfs, one}.iommu_group();
    if (!group)
      return fail(errc::reset_failed, to_string(one) + " is in no IOMMU group");
    if (seen.insert(*group).second)
      groups.push_back(*group);
  }
  return groups;
}

/// What the kernel says the reset would concern. A bus has at most 256 functions.
result<std::set<pci_address>> concerned(int device, const pci_address& where) {
  constexpr std::size_t header = sizeof(vfio_pci_hot_reset_info);
  constexpr std::size_t functions_max = 256;
  std::vector<std::uint32_t> words((header + functions_max * sizeof(vfio_pci_dependent_device)) /
                                   sizeof(std::uint32_t));
  words[0] = static_cast<std::uint32_t>(words.size() * sizeof(std::uint32_t));
  if (::ioctl(device, VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, words.data()) != 0)
    return refused(where, "asking what it would concern");
  std::set<pci_address> found;
  for (std::size_t i = 0; i < words[2] && i < functions_max; ++i) {
    vfio_pci_dependent_device one{};
    std::memcpy(&one, reinterpret_cast<const char*>(words.data()) + header + i * sizeof one,
                sizeof one);
    found.insert({one.segment, one.bus, static_cast<std::uint8_t>(one.devfn >> 3U),
                  static_cast<std::uint8_t>(one.devfn & 7U)});
  }
  return found;
}

result<void> hot_reset(int device, const pci_address& where,
                       const std::vector<std::int32_t>& groups) {
  constexpr std::size_t header = sizeof(vfio_pci_hot_reset);
  std::vector<std::uint32_t> words(header / sizeof(std::uint32_t) + groups.size());
  words[0] = static_cast<std::uint32_t>(words.size() * sizeof(std::uint32_t));
  words[2] = static_cast<std::uint32_t>(groups.size());
  std::memcpy(reinterpret_cast<char*>(words.data()) + header, groups.data(),
              groups.size() * sizeof(std::int32_t));
  if (::ioctl(device, VFIO_DEVICE_PCI_HOT_RESET, words.data()) != 0)
    return refused(where, "resetting");
  return {};
}

} // namespace

vfio_bus_resetter::vfio_bus_resetter(fs::path sysfs, fs::path vfio)
    : sysfs_{std::move(sysfs)}, vfio_{std::move(vfio)} {}

result<void> vfio_bus_resetter::reset_bus_of(const std::set<pci_address>& functions) {
  const auto& first = *functions.begin();
  const auto groups = groups_of(sysfs_, functions);
  if (!groups)
    return tl::unexpected<model::failure>{groups.error()};
  held_groups held{vfio_, first};
  for (const auto one : *groups)
    if (auto taken = held.take(one); !taken)
      return taken;
  const open_file device{held.device(first)};
  if (device.number() < 0)
    return refused(first, "opening the device");
  const auto all = concerned(device.number(), first);
  if (!all)
    return tl::unexpected<model::failure>{all.error()};
  for (const auto& one : *all)
    if (!functions.contains(one))
      return fail(errc::reset_failed, to_string(first) + ": a bus reset would also reset " +
                                          to_string(one) + ", which is not the device's");
  return hot_reset(device.number(), first, held.numbers());
}

} // namespace berth::hostbackend::host_linux
