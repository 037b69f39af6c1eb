// The storage pools that servers' disks and their images are in.

#include "hostbackend/linux/doctor_checks.hpp"

namespace berth::hostbackend::host_linux {

namespace {

std::vector<std::string> make_pool(const std::string& name, const std::string& directory) {
  const auto pool = "virsh pool-";
  return {pool + ("define-as " + name) + " dir --target " + directory, pool + ("build " + name),
          pool + ("autostart " + name), pool + ("start " + name)};
}

/// What is wrong with a pool that libvirt knows.
void judge_pool(const doctor_facts& facts, const pool_facts& pool, finding& result) {
  const auto& name = result.subject;
  const auto& settings = facts.settings;
  result.verdict = check_verdict::problem;
  if (!pool.active) {
    result.seen = "not active: servers' disks cannot be used";
    result.remedy = {"virsh pool-start " + name};
    if (!pool.autostart)
      result.remedy.push_back("virsh pool-autostart " + name);
  } else if (pool.directory.empty()) {
    result.seen = "has no directory: berth makes files";
    result.remedy = make_pool("ANOTHER", settings.disk_directory);
  } else if (name == settings.disk_pool && pool.directory != settings.disk_directory) {
    result.seen = "lies in " + pool.directory + ", but the free space is taken from " +
                  settings.disk_directory;
    result.remedy = {"in " + settings.file + ":  servers: {disk_directory: " + pool.directory +
                     "}"};
  } else if (!pool.closed_at) {
    result.verdict = check_verdict::unknown;
    result.seen = pool.directory + " cannot be looked at";
    result.remedy = {"run the doctor as root"};
  } else if (!pool.closed_at->empty()) {
    result.seen = "QEMU, which libvirt runs as a user of its own, cannot enter " + *pool.closed_at;
    result.remedy = {"chmod o+x " + *pool.closed_at};
  } else if (!pool.autostart) {
    result.verdict = check_verdict::warning;
    result.seen = "active, but not after the next boot";
    result.remedy = {"virsh pool-autostart " + name};
  } else {
    result.verdict = check_verdict::ok;
    result.seen = "active, starts with libvirt, in " + pool.directory;
  }
}

finding check_pool(const doctor_facts& facts, const std::string& name,
                   const std::string& directory) {
  finding result{.check = "storage_pool", .subject = name};
  if (!facts.hypervisor) {
    result.needed = false;
    result.seen = "not looked at: libvirt is asked on the host itself only, without --root";
    return result;
  }
  if (!facts.settings.problem.empty()) {
    result.seen = "the settings cannot be used, see there";
    return result;
  }
  if (!facts.hypervisor->problem.empty()) {
    result.seen = "cannot be looked at, see libvirt";
    return result;
  }
  const auto found = facts.hypervisor->pools.find(name);
  if (found == facts.hypervisor->pools.end()) {
    result.verdict = check_verdict::problem;
    result.seen = "libvirt has no such storage pool";
    result.remedy = make_pool(name, directory);
    return result;
  }
  judge_pool(facts, found->second, result);
  return result;
}

} // namespace

std::vector<finding> check_storage_pools(const doctor_facts& facts) {
  const auto& settings = facts.settings;
  std::vector<finding> findings{check_pool(facts, settings.disk_pool, settings.disk_directory)};
  if (settings.image_pool != settings.disk_pool)
    findings.push_back(
        check_pool(facts, settings.image_pool, "/var/lib/libvirt/" + settings.image_pool));
  return findings;
}

} // namespace berth::hostbackend::host_linux
