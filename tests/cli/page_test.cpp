// Every command line of the feature's page, as printed there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/fake_controller.hpp"

namespace berth::cli::testing {
namespace {

using ::testing::HasSubstr;

TEST(Page, IsolatedDeviceListGpu) {
  shell sh;
  sh.controller.answer("GET /v1/isolated-devices?gpu=true", 200, list_of(page_devices()));
  const auto got = sh("climc", "isolated-device-list", "--gpu");
  EXPECT_EQ(got.status, 0);
  EXPECT_EQ(got.err, "");
  EXPECT_EQ(got.out,
            "+--------------------------------------+----------+---------------------+---------+---"
            "-------"
            "--------+--------------------------------------+\n"
            "|                  ID                  | Dev_type |        Model        |  Addr   | "
            "Vendor_device_id |               Host_id                |\n"
            "+--------------------------------------+----------+---------------------+---------+---"
            "-------"
            "--------+--------------------------------------+\n"
            "| 273f4f72-06b6-49aa-8456-4beceec44997 | GPU-HPC  | GeForce GTX 1050 Ti | 41:00.0 | "
            "10de:1c82        | 3bce9607-2597-469f-8d9b-977345456739 |\n"
            "| a77333e9-08d9-45c6-87eb-a7d8d902c5f5 | GPU-HPC  | Quadro FX 580       | 05:00.0 | "
            "10de:0659        | 3bce9607-2597-469f-8d9b-977345456739 |\n"
            "+--------------------------------------+----------+---------------------+---------+---"
            "-------"
            "--------+--------------------------------------+\n");
}

TEST(Page, ServerCreateWithTheLiteralDots) {
  shell sh;
  sh.controller.answer("POST /v1/servers", 201, server("server-1", "deploying").dump());
  const auto got =
      sh("climc", "server-create", "--hypervisor", "kvm", "--isolated-device", page_gpu, "...");
  EXPECT_EQ(got.status, 0);
  EXPECT_EQ(got.err, "climc: \"...\" stands for the other creation parameters: defaults are taken "
                     "for those not given\n");
  EXPECT_THAT(got.out, HasSubstr("| name       | server-1 "));
  EXPECT_EQ(sh.controller.body_of("POST /v1/servers"),
            (json{{"hypervisor", "kvm"}, {"devices", json::array({{{"id", page_gpu}}})}}));
}

TEST(Page, IsolatedDeviceUpdateWithoutArgumentsPrintsItsUsage) {
  shell sh;
  const auto got = sh("/usr/bin/climc", "isolated-device-update");
  EXPECT_EQ(got.status, 2);
  EXPECT_EQ(got.err, "");
  EXPECT_EQ(got.out,
            "Usage: climc isolated-device-update [--reserved-mem RESERVED_MEM] [--reserved-storage "
            "RESERVED_STORAGE] [--dev-type {GPU-HPC,GPU-VGA}] [--help] [--reserved-cpu "
            "RESERVED_CPU] <ID> ...\n");
}

TEST(Page, IsolatedDeviceUpdateSetsTheType) {
  shell sh;
  auto device = page_devices()[0];
  device["dev_type"] = "GPU-VGA";
  sh.controller.answer("PATCH /v1/isolated-devices", 200,
                       json{{"items", json::array({{{"device", device}}})}}.dump());
  const auto got = sh("climc", "isolated-device-update", "--dev-type", "GPU-VGA",
                      "b46a7374-6da2-46a4-8eda-abd16c502e0b");
  EXPECT_EQ(got.status, 0) << got.err;
  EXPECT_THAT(got.out, HasSubstr("| dev_type         | GPU-VGA"));
  EXPECT_EQ(sh.controller.body_of("PATCH /v1/isolated-devices"),
            (json{{"dev_type", "GPU-VGA"},
                  {"ids", json::array({"b46a7374-6da2-46a4-8eda-abd16c502e0b"})}}));
}

TEST(Page, ServerListGpu) {
  shell sh;
  sh.controller.answer("GET /v1/servers?gpu=true", 200,
                       list_of(json::array({server("web", "running")})));
  const auto got = sh("climc", "server-list", "--gpu");
  EXPECT_EQ(got.status, 0);
  EXPECT_EQ(got.err, "");
  expect_golden("server-list.txt", got.out);
}

TEST(Page, AttachAndDetach) {
  shell sh;
  sh.controller.answer("POST /v1/servers/web/devices", 200, server("web", "ready").dump());
  sh.controller.answer(std::string{"DELETE /v1/servers/web/devices/"} + page_gpu, 200,
                       server("web", "ready").dump());
  const auto attached = sh("climc", "server-attach-isolated-device", "web", page_gpu);
  EXPECT_EQ(attached.status, 0) << attached.err;
  EXPECT_EQ(sh.controller.body_of("POST /v1/servers/web/devices"), (json{{"device", page_gpu}}));
  const auto detached = sh("climc", "server-detach-isolated-device", "web", page_gpu);
  EXPECT_EQ(detached.status, 0) << detached.err;
}

} // namespace
} // namespace berth::cli::testing
