#include <gtest/gtest.h>

#include "actors/websocket_link.hpp"

namespace berth::actors {
namespace {

net::request upgrade(std::vector<std::string> uris, const std::string& header) {
  auto from = std::make_shared<net::connection_info>();
  from->tls = true;
  from->certificate = net::peer_certificate{"CN=test", {}, std::move(uris)};
  net::request asked;
  asked.path = host_link_path;
  if (!header.empty())
    asked.headers.add(host_name_header, header);
  asked.connection = std::move(from);
  return asked;
}

constexpr host_link_policy strict{};
constexpr host_link_policy fleets{true};

TEST(AuthenticatedHostTest, TakesTheNameOfTheCertificate) {
  EXPECT_EQ(authenticated_host(upgrade({"berth-host:gpu-1"}, ""), strict), "gpu-1");
  EXPECT_EQ(authenticated_host(upgrade({"berth-host:gpu-1"}, "gpu-1"), strict), "gpu-1");
  EXPECT_EQ(authenticated_host(upgrade({"https://x", "berth-host:gpu-1"}, ""), strict), "gpu-1");
}

TEST(AuthenticatedHostTest, RefusesAnotherHostsName) {
  const auto refused = authenticated_host(upgrade({"berth-host:gpu-1"}, "gpu-2"), strict);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, model::errc::not_permitted);
  EXPECT_NE(refused.error().message.find("gpu-2"), std::string::npos);
}

TEST(AuthenticatedHostTest, RefusesWhoHasNoCertificate) {
  auto asked = upgrade({}, "gpu-1");
  asked.connection = std::make_shared<net::connection_info>();
  const auto refused = authenticated_host(asked, fleets);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, model::errc::not_authenticated);
}

TEST(AuthenticatedHostTest, WantsANameWhereTheCertificateHasSeveral) {
  const auto several = std::vector<std::string>{"berth-host:a", "berth-host:b"};
  EXPECT_FALSE(authenticated_host(upgrade(several, ""), strict));
  EXPECT_EQ(authenticated_host(upgrade(several, "b"), strict), "b");
  EXPECT_FALSE(authenticated_host(upgrade(several, "c"), strict));
}

TEST(AuthenticatedHostTest, FleetCertificatesSpeakForAnyHostOnlyWhereAllowed) {
  const std::vector<std::string> fleet{"berth-host:*"};
  EXPECT_EQ(authenticated_host(upgrade(fleet, "sim-7"), fleets), "sim-7");
  EXPECT_FALSE(authenticated_host(upgrade(fleet, "sim-7"), strict));
  EXPECT_FALSE(authenticated_host(upgrade(fleet, ""), fleets));
  EXPECT_FALSE(authenticated_host(upgrade(fleet, "*"), fleets));
}

TEST(AuthenticatedHostTest, ACertificateForNoHostSpeaksForNone) {
  EXPECT_FALSE(authenticated_host(upgrade({}, "gpu-1"), fleets));
  EXPECT_FALSE(authenticated_host(upgrade({}, ""), fleets));
}

} // namespace
} // namespace berth::actors
