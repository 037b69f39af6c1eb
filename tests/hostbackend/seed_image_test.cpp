#include "hostbackend/linux/seed_image.hpp"

#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <sys/stat.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/random.hpp"
#include "tests/hostbackend/iso_reader.hpp"

namespace berth::hostbackend::host_linux {
namespace {

using model::errc;
using ::testing::HasSubstr;
using testing::iso_names;
using ::testing::Not;
using testing::read_iso;

model::desired_server server_with(const std::string& user_data, const std::string& name = "web-1") {
  model::desired_server server;
  server.id = {model::uuid::derive({}, "server")};
  server.spec.edit([&](auto& spec) {
    spec.name = name;
    spec.user_data = user_data;
  });
  return server;
}

std::string image_of(const model::desired_server& server) {
  const auto image = seed_image(server);
  EXPECT_TRUE(image.has_value()) << image.error().message;
  return image.value_or("");
}

/// Bytes that a text tool, a parser or a line-wise writer would stumble over.
std::vector<std::string> hostile_contents() {
  using namespace std::string_literals;
  std::vector<std::string> contents{""s,
                                    "\0"s,
                                    "#cloud-config\n\0\0after"s,
                                    "\r\n\t\x1a\x7f\xff\xfe"s,
                                    "instance-id: evil\n"s,
                                    "CD001 ]]>&< $(id) ../../ --- !!x"s,
                                    std::string(2047, 'a'),
                                    std::string(2048, 'b'),
                                    std::string(2049, '\0')};
  model::random dice{7};
  std::string noise(16 * 1024, '\0');
  for (auto& byte : noise)
    byte = static_cast<char>(dice.below(256));
  contents.push_back(std::move(noise));
  return contents;
}

TEST(SeedImage, HoldsWhatCloudInitLooksFor) {
  for (const auto names : {iso_names::rock_ridge, iso_names::joliet}) {
    const auto volume = read_iso(image_of(server_with("#cloud-config\n")), names);
    EXPECT_EQ(volume.label, names == iso_names::joliet ? "cidata" : "CIDATA");
    ASSERT_EQ(volume.files.size(), 2U);
    EXPECT_EQ(volume.files.at("user-data").content, "#cloud-config\n");
    EXPECT_EQ(volume.files.at("meta-data").content,
              "instance-id: \"35edbf94-31d2-84fd-a460-e9233ea81812\"\n"
              "local-hostname: \"web-1\"\n");
  }
}

TEST(SeedImage, GivesUserDataAsItIs) {
  for (const auto& content : hostile_contents())
    for (const auto names : {iso_names::rock_ridge, iso_names::joliet}) {
      const auto volume = read_iso(image_of(server_with(content)), names);
      EXPECT_EQ(volume.files.at("user-data").content, content) << content.size() << " bytes";
      EXPECT_THAT(volume.files.at("meta-data").content, Not(HasSubstr("evil")));
    }
}

TEST(SeedImage, IsForTheGuestsRootOnly) {
  const auto volume = read_iso(image_of(server_with("secret")));
  for (const auto& [name, file] : volume.files)
    EXPECT_EQ(file.mode, S_IFREG | 0400U) << name;
}

TEST(SeedImage, AHostNameIsOneLabelOfDns) {
  const auto host_name = [](const std::string& name) {
    return guest_host_name(server_with("", name));
  };
  EXPECT_EQ(host_name("web-1"), "web-1");
  EXPECT_EQ(host_name("Team_A.llama3.1"), "Team-A-llama3-1");
  EXPECT_EQ(host_name("_a_"), "a");
  EXPECT_EQ(host_name(std::string(63, 'n')), std::string(63, 'n'));
  EXPECT_EQ(host_name(std::string(128, 'n')), std::string(63, 'n'));
  EXPECT_EQ(host_name(std::string(62, 'n') + "_end"), std::string(62, 'n')) << "no dash at its end";
  EXPECT_EQ(host_name("__"), to_string(server_with("").id));
}

TEST(SeedImage, NamesAreTextsInYaml) {
  EXPECT_THAT(read_iso(image_of(server_with("x", "a_b.c"))).files.at("meta-data").content,
              HasSubstr("local-hostname: \"a-b-c\"\n"));
  for (const auto& name : std::vector<std::string>{"no", "15", "null", "0x10"})
    EXPECT_THAT(read_iso(image_of(server_with("x", name))).files.at("meta-data").content,
                HasSubstr("local-hostname: \"" + name + "\"\n"));
  for (const auto& name :
       std::vector<std::string>{"", "a\nuser: root", "a\"b", "a\\b", "-a", std::string(129, 'n')}) {
    const auto refused = seed_image(server_with("secret", name));
    ASSERT_FALSE(refused.has_value()) << name;
    EXPECT_EQ(refused.error().code, errc::invalid_argument);
    EXPECT_THAT(refused.error().message, Not(HasSubstr("secret")));
  }
}

TEST(SeedImage, TheSameServerGivesTheSameBytesAtAnyTime) {
  const auto server = server_with("#cloud-config\n");
  const auto image = image_of(server);
  ASSERT_EQ(::setenv("TZ", "America/New_York", 1), 0);
  const auto elsewhere = image_of(server);
  ::unsetenv("TZ");
  EXPECT_TRUE(image == elsewhere);
  EXPECT_FALSE(image == image_of(server_with("#cloud-config\n ")));
}

TEST(SeedImage, SeveralAreMadeAtOnce) {
  std::vector<std::string> images(8);
  std::vector<std::jthread> makers;
  for (auto& image : images)
    makers.emplace_back([&image, &images] {
      image = image_of(server_with(std::to_string(&image - images.data())));
    });
  makers.clear(); // waits for them
  for (std::size_t i = 0; i < images.size(); ++i)
    EXPECT_EQ(read_iso(images[i]).files.at("user-data").content, std::to_string(i));
}

} // namespace
} // namespace berth::hostbackend::host_linux
