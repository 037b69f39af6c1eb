#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "hostbackend/linux/doctor.hpp"

namespace berth::apps {

/// `berth-host doctor`: says whether this host can pass GPUs through, and what is to be done.
/// `arguments` are those after the word `doctor`. Returns the exit status: 0 ready, 1 not ready,
/// 2 wrong command line, 3 could not tell. With --print-grub: 0 printed, 3 could not tell.
[[nodiscard]] int run_host_doctor(const std::vector<std::string>& arguments, std::ostream& out,
                                  std::ostream& err);

/// The findings as a page for a person; control characters of what was read do not reach it.
[[nodiscard]] std::string
doctor_text(const std::vector<hostbackend::host_linux::finding>& findings);
/// The findings as JSON, schema 1 of docs/host-setup.md.
[[nodiscard]] std::string
doctor_json(const std::vector<hostbackend::host_linux::finding>& findings);
/// The missing words of the kernel's command line in the first line, then how to put them there.
[[nodiscard]] std::string doctor_grub(const hostbackend::host_linux::kernel_arguments& wanted);

} // namespace berth::apps
