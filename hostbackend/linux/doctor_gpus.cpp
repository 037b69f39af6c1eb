// The GPUs, one by one.

#include <algorithm>
#include <array>
#include <utility>

#include "hostbackend/allocation_units.hpp"
#include "hostbackend/linux/doctor_checks.hpp"

namespace berth::hostbackend::host_linux {

namespace {

using model::pci_address;

const function_facts* find(const std::vector<function_facts>& functions,
                           const pci_address& address) {
  const auto found = std::find_if(functions.begin(), functions.end(),
                                  [&](const auto& one) { return one.address == address; });
  return found == functions.end() ? nullptr : &*found;
}

bool same_card(const pci_address& a, const pci_address& b) {
  return a.domain == b.domain && a.bus == b.bus && a.device == b.device;
}

bool is_free(const std::string& driver) {
  return driver.empty() || driver == "vfio-pci" || driver == "pci-stub";
}

/// Drivers of displays: the console or a desktop holds the card, and taking it away hangs.
bool drives_displays(const std::string& driver) {
  static constexpr std::array<std::string_view, 5> names{"nouveau", "amdgpu", "radeon", "i915",
                                                         "xe"};
  return std::find(names.begin(), names.end(), driver) != names.end();
}

std::string describe(const function_facts& one) {
  return to_string(one.address) + " (" + class_name(one.class_code) + ", " +
         (one.driver.empty() ? "no driver" : "driver " + one.driver) + ")";
}

/// The other members of the GPU's group, bridges excepted: they stay with the host.
std::vector<const function_facts*> members(const std::vector<function_facts>& functions,
                                           const function_facts& gpu) {
  std::vector<const function_facts*> found;
  for (const auto& one : functions)
    if (gpu.iommu_group >= 0 && one.iommu_group == gpu.iommu_group && one.address != gpu.address &&
        !is_bridge(one))
      found.push_back(&one);
  return found;
}

std::vector<std::string> ways_out_of_the_group(const std::vector<function_facts>& functions,
                                               const function_facts& gpu) {
  std::vector<std::string> remedy{
      "in the firmware's setup switch on ACS (Access Control Services), or move one of the cards "
      "to another slot"};
  for (const auto* one : members(functions, gpu))
    if (!same_card(one->address, gpu.address) && !is_free(one->driver) && one->in_use.empty())
      remedy.push_back("or, if the host does not need it: echo " + to_string(one->address) +
                       " > /sys/bus/pci/devices/" + to_string(one->address) + "/driver/unbind");
  return remedy;
}

std::vector<std::string> keep_out(const std::string& driver) {
  return {"echo 'blacklist " + driver + "' > /etc/modprobe.d/berth-" + driver +
              ".conf && update-initramfs -u   (RHEL: dracut --force)",
          "reboot"};
}

/// What the driver means for passing the GPU through.
void judge_driver(const function_facts& gpu, finding& result) {
  result.verdict = check_verdict::ok;
  if (is_free(gpu.driver))
    return;
  if (drives_displays(gpu.driver)) {
    result.verdict = check_verdict::problem;
    result.seen += "; " + gpu.driver +
                   " drives displays: taking the GPU from it while it runs can hang the machine";
    result.remedy = keep_out(gpu.driver);
    return;
  }
  result.verdict = check_verdict::warning;
  result.seen += "; berth-host takes it from " + gpu.driver +
                 ", which waits for as long as a program of the host uses the GPU";
  result.remedy = {
      "stop what uses it (nvidia-persistenced, nvidia-fabricmanager, dcgm, X); or keep "
      "the driver out:"};
  for (auto& line : keep_out(gpu.driver))
    result.remedy.push_back(std::move(line));
}

finding check_gpu(const doctor_facts& facts, const model::device_info& device) {
  const auto& functions = *facts.functions;
  const auto& gpu = *find(functions, device.address);
  finding result{.check = "gpu", .subject = to_string(device.address)};
  const auto name = facts.names.find(device.address);
  result.seen = name == facts.names.end() ? to_string(gpu.id) : name->second;
  result.seen += gpu.driver.empty() ? ", no driver" : ", driver " + gpu.driver;
  if (gpu.iommu_group >= 0)
    result.seen += ", group " + std::to_string(gpu.iommu_group);
  const auto others = members(functions, gpu);
  for (const auto* one : others)
    result.seen += (one == others.front() ? " with " : ", ") + describe(*one);

  if (device.boot_vga && !facts.settings.use_boot_vga) {
    result.verdict = check_verdict::not_applicable;
    result.seen += "; it is the machine's own display, which is not offered";
    result.remedy = {"to offer it all the same, in " + facts.settings.file +
                     ":  use_boot_vga: true"};
  } else if (!device.unusable_reason.empty()) {
    result.verdict = check_verdict::problem;
    result.seen += "; " + device.unusable_reason;
    result.remedy = gpu.iommu_group < 0 ? std::vector<std::string>{"see iommu_groups"}
                                        : ways_out_of_the_group(functions, gpu);
  } else {
    judge_driver(gpu, result);
    if (result.verdict == check_verdict::ok && device.reset_methods.empty()) {
      result.verdict = check_verdict::warning;
      result.seen += "; the kernel names no way to reset it, so it cannot be made clean between "
                     "two servers";
      result.remedy = {"cat /sys/bus/pci/devices/" + result.subject + "/reset_method"};
    }
  }
  return result;
}

finding check_all(const doctor_facts& facts, const std::vector<finding>& each) {
  finding result{.check = "gpus"};
  if (!facts.functions) {
    result.seen = "/sys/bus/pci/devices cannot be read";
    return result;
  }
  const auto good = std::count_if(each.begin(), each.end(), [](const auto& one) {
    return one.verdict == check_verdict::ok || one.verdict == check_verdict::warning;
  });
  result.verdict = good > 0 ? check_verdict::ok : check_verdict::problem;
  result.seen = each.empty() ? "no GPU of NVIDIA, AMD or Intel in this machine"
                             : std::to_string(good) + " of " + std::to_string(each.size()) +
                                   " can be passed through";
  if (each.empty())
    result.remedy = {"lspci -nn | grep -e 030 -e 1200   what the machine shows"};
  else if (good == 0)
    result.remedy = {"see below"};
  return result;
}

} // namespace

bool has_nvidia_gpu(const doctor_facts& facts) {
  const auto is_nvidia = [](const function_facts& one) {
    return is_gpu(one) && one.id.vendor == 0x10de;
  };
  return facts.functions &&
         std::any_of(facts.functions->begin(), facts.functions->end(), is_nvidia);
}

std::vector<finding> check_gpus(const doctor_facts& facts) {
  std::vector<finding> each;
  if (facts.functions)
    for (const auto& device :
         survey(*facts.functions, {.use_boot_vga = facts.settings.use_boot_vga},
                [](const function_facts&) { return device_names{}; }))
      each.push_back(check_gpu(facts, device));
  std::vector<finding> findings{check_all(facts, each)};
  findings.insert(findings.end(), std::make_move_iterator(each.begin()),
                  std::make_move_iterator(each.end()));
  return findings;
}

} // namespace berth::hostbackend::host_linux
