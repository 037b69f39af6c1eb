#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libvirt/virterror.h>

#include "hostbackend/linux/exit_tracker.hpp"
#include "hostbackend/linux/libvirt_errors.hpp"

namespace berth::hostbackend::host_linux {
namespace {

using model::errc;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct known_case {
  int code;
  int domain;
  const char* text; ///< as libvirt 9.0 with QEMU 7.2 says it
  errc expected;
};

class LibvirtErrors : public ::testing::TestWithParam<known_case> {};

TEST_P(LibvirtErrors, AreOfTheCatalogue) {
  const auto& [code, domain, text, expected] = GetParam();
  const auto failure = from_libvirt({code, domain, text}, "start of server 7");
  EXPECT_EQ(failure.code, expected) << to_string(failure.code);
  EXPECT_EQ(failure.details.at("libvirt"), text);
  EXPECT_EQ(failure.details.at("libvirt_code"), std::to_string(code));
  EXPECT_EQ(failure.details.at("libvirt_domain"), std::to_string(domain));
  EXPECT_THAT(failure.message, HasSubstr("start of server 7: "));
}

INSTANTIATE_TEST_SUITE_P(
    Known, LibvirtErrors,
    ::testing::Values(
        known_case{VIR_ERR_CONFIG_UNSUPPORTED, VIR_FROM_QEMU,
                   "unsupported configuration: host doesn't support VFIO PCI passthrough",
                   errc::hypervisor_failed},
        known_case{VIR_ERR_INTERNAL_ERROR, VIR_FROM_QEMU,
                   "internal error: qemu unexpectedly closed the monitor: -device {}: vfio "
                   "0000:65:00.0: group 11 is not viable\nPlease ensure all devices within the "
                   "iommu_group are bound to their vfio bus driver.",
                   errc::group_not_viable},
        known_case{VIR_ERR_INTERNAL_ERROR, VIR_FROM_QEMU,
                   "internal error: unable to execute QEMU command 'device_add': vfio "
                   "0000:65:00.0: group 11 is not viable",
                   errc::group_not_viable},
        known_case{VIR_ERR_OPERATION_INVALID, VIR_FROM_NONE,
                   "Requested operation is not valid: Unmanaged PCI device 0000:23:00.0 must be "
                   "manually detached from the host",
                   errc::bind_failed},
        known_case{VIR_ERR_OPERATION_INVALID, VIR_FROM_NONE,
                   "Requested operation is not valid: PCI device 0000:23:00.0 is in use by driver "
                   "QEMU, domain c1",
                   errc::device_in_use},
        known_case{VIR_ERR_INTERNAL_ERROR, VIR_FROM_NONE,
                   "internal error: Not resetting active device 0000:23:00.0", errc::device_in_use},
        known_case{VIR_ERR_SYSTEM_ERROR, VIR_FROM_NONE,
                   "Device 0000:ee:00.0 not found: could not access "
                   "/sys/bus/pci/devices/0000:ee:00.0/config: No such file or directory",
                   errc::device_lost},
        known_case{VIR_ERR_INTERNAL_ERROR, VIR_FROM_NONE,
                   "internal error: Unknown PCI header type '127' for device '0000:24:00.0'",
                   errc::device_lost},
        known_case{VIR_ERR_OPERATION_TIMEOUT, VIR_FROM_QEMU,
                   "Timed out during operation: cannot acquire state change lock (held by "
                   "monitor=remoteDispatchDomainDestroy)",
                   errc::busy},
        known_case{VIR_ERR_INTERNAL_ERROR, VIR_FROM_STORAGE,
                   "internal error: pool 'images' has asynchronous jobs running.", errc::busy},
        known_case{VIR_ERR_OPERATION_INVALID, VIR_FROM_STORAGE,
                   "Requested operation is not valid: volume 'a' is still being allocated.",
                   errc::busy},
        known_case{VIR_ERR_OPERATION_TIMEOUT, VIR_FROM_QEMU, "Timed out during operation",
                   errc::outcome_unknown},
        known_case{VIR_ERR_INTERNAL_ERROR, VIR_FROM_RPC, "internal error: client socket is closed",
                   errc::outcome_unknown},
        known_case{VIR_ERR_SYSTEM_ERROR, VIR_FROM_RPC,
                   "End of file while reading data: Input/output error", errc::outcome_unknown},
        known_case{VIR_ERR_XML_ERROR, VIR_FROM_DOMAIN, "XML error: nonsense", errc::internal},
        known_case{VIR_ERR_NO_STORAGE_VOL, VIR_FROM_STORAGE,
                   "Storage volume not found: no storage vol with matching name 'x'",
                   errc::not_found},
        known_case{9999, 9999, "something new", errc::hypervisor_failed}));

TEST(LibvirtErrors, AnErrorWithoutTextSaysSo) {
  EXPECT_THAT(from_libvirt({}, "list").message, HasSubstr("no reason given"));
}

const model::server_id a{model::uuid::derive({}, "a")};
const model::server_id b{model::uuid::derive({}, "b")};

TEST(ExitTracker, TellsAnEndThatNobodyAskedFor) {
  exit_tracker tracker;
  tracker.ours(a);
  tracker.started(a);
  EXPECT_TRUE(tracker.stopped(a));
  EXPECT_FALSE(tracker.stopped(a)) << "once";
}

TEST(ExitTracker, AForcedStopIsAskedForUntilTheNextStart) {
  exit_tracker tracker;
  tracker.ours(a);
  tracker.started(a);
  tracker.stopping(a);
  EXPECT_FALSE(tracker.stopped(a));
  tracker.started(a);
  EXPECT_TRUE(tracker.stopped(a));
  tracker.started(a);
  tracker.stopping(a);
  tracker.not_stopping(a);
  EXPECT_TRUE(tracker.stopped(a)) << "the stop was refused, the end came by itself";
}

TEST(ExitTracker, OtherDomainsAreNobodysBusiness) {
  exit_tracker tracker;
  tracker.started(b);
  EXPECT_FALSE(tracker.stopped(b));
}

TEST(ExitTracker, FindsWhatEndedWithoutAnEvent) {
  exit_tracker tracker;
  EXPECT_THAT(tracker.observed({a, b}), IsEmpty());
  tracker.stopping(b);
  EXPECT_THAT(tracker.observed({}), ElementsAre(a));
  EXPECT_THAT(tracker.observed({}), IsEmpty()) << "once";
}

} // namespace
} // namespace berth::hostbackend::host_linux
