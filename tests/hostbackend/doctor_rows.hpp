#pragma once

#include <functional>
#include <string>
#include <vector>

#include "hostbackend/linux/doctor.hpp"
#include "tests/hostbackend/doctor_hosts.hpp"

// The table of the doctor's checks: what is changed of the healthy host, and what is said then.

namespace berth::hostbackend::testing {

using host_linux::check_verdict;

struct row {
  const char* name;
  std::function<void(doctor_facts&)> change;
  const char* check;
  check_verdict verdict;
  const char* seen = "";          ///< is a part of it
  const char* remedy = "";        ///< is a part of it
  std::vector<std::string> add{}; ///< kernel arguments, all of them
  std::vector<std::string> remove{};
  const char* subject = ""; ///< of a check that is made more than once
};

[[nodiscard]] std::vector<row> kernel_rows();
[[nodiscard]] std::vector<row> service_rows();
[[nodiscard]] std::vector<row> subject_rows(); ///< about one pool or one GPU

} // namespace berth::hostbackend::testing
