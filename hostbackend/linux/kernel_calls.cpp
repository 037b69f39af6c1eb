#include "hostbackend/linux/kernel_calls.hpp"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

namespace berth::hostbackend::host_linux {

using model::errc;
using model::fail;

std::error_code real_sysfs_writer::write(const std::filesystem::path& path,
                                         const std::string& text) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0)
    return {errno, std::generic_category()};
  const auto written = ::write(file, text.data(), text.size());
  const int error = written < 0 ? errno : static_cast<std::size_t>(written) < text.size() ? EIO : 0;
  ::close(file);
  return {error, std::generic_category()};
}

std::error_code put_back_reset_methods(sysfs_writer& kernel, const std::filesystem::path& file,
                                       const std::vector<std::string>& methods) {
  const auto joined = [](const std::vector<std::string>& words) {
    std::string text;
    for (const auto& one : words)
      text += (text.empty() ? "" : " ") + one;
    return text;
  };
  const auto answer = kernel.write(file, joined(methods));
  if (answer != std::errc::invalid_argument)
    return answer;
  std::vector<std::string> accepted;
  for (const auto& one : methods)
    if (!kernel.write(file, one))
      accepted.push_back(one);
  return kernel.write(file, joined(accepted));
}

std::string explain(const std::error_code& answer) {
  const auto text = answer.message();
  switch (answer.value()) {
  case ENOTTY:
    return text + " (ENOTTY: the function does not offer this, or did not come back after it; the "
                  "kernel's log says which: try the next method)";
  case EAGAIN:
    return text + " (EAGAIN: somebody else has the function locked: try again)";
  case EIO:
    return text + " (EIO: the hardware did not answer: try the next method, then power-cycle it)";
  case EBUSY:
    return text + " (EBUSY: it is in use: stop what uses it)";
  case EINVAL:
    return text + " (EINVAL: the kernel does not offer this for the function)";
  case ENODEV:
    return text +
           " (ENODEV: no such function or driver any more, or the driver refused it: see the "
           "kernel's log)";
  case ENOENT:
    return text + " (ENOENT: this kernel has no such file for the function)";
  case EACCES:
  case EPERM:
  case EROFS:
    return text + " (the agent must run as root with /sys writable)";
  default:
    return text;
  }
}

namespace {

/// ` (it is held: process 42 (bash) has /dev/nvidia0 open)`, or nothing.
std::string in_brackets(const std::function<std::string()>& waits_for) {
  const auto text = waits_for ? waits_for() : std::string{};
  return text.empty() ? text : " (" + text + ")";
}

} // namespace

model::result<void> deadline_calls::ledger::enter(const std::string& subject,
                                                  const std::string& what,
                                                  const std::function<std::string()>& waits_for) {
  std::unique_lock hold{guard};
  const auto [entry, fresh] = under_way.emplace(subject, piece{what, waits_for});
  if (fresh)
    return {};
  const auto earlier = entry->second;
  hold.unlock();
  return fail(errc::outcome_unknown,
              subject + ": the kernel has not come back from an earlier `" + earlier.what + "`" +
                  in_brackets(earlier.waits_for) + ", so `" + what +
                  "` was not tried: wait, end what it waits for, or reboot the host");
}

void deadline_calls::ledger::leave(const std::string& subject) {
  const std::scoped_lock hold{guard};
  under_way.erase(subject);
}

tl::unexpected<model::failure>
deadline_calls::overdue(const std::string& subject, const std::string& what, model::duration limit,
                        const std::function<std::string()>& waits_for) {
  const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(limit).count();
  return fail(errc::outcome_unknown, subject + ": the kernel did not come back from `" + what +
                                         "` within " + std::to_string(milliseconds) + " ms" +
                                         in_brackets(waits_for));
}

} // namespace berth::hostbackend::host_linux
