#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

#include "apps/config.hpp"

namespace berth::apps {
namespace {

std::string read(const std::string& path) {
  std::ifstream in{path, std::ios::binary};
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>{in}, {}};
}

const std::string root = BERTH_SOURCE_DIR;

/// The sample with its commented settings switched on as well: they must not rot.
std::string uncommented(std::string text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    auto end = text.find('\n', at);
    auto line = text.substr(at, end - at);
    at = end + 1;
    // `#key: value` is a setting, `# words` is a remark.
    if (line.size() > 1 && line[0] == '#' && (line[1] != ' ' || line.substr(0, 3) == "#  "))
      line.erase(0, 1);
    if (line != "listen: 127.0.0.1:8750")
      out += line + "\n";
  }
  return out;
}

TEST(SampleFiles, ControllerLoads) {
  const auto text = read(root + "/packaging/controller.yaml");
  const auto config = parse_controller_config(text, "controller.yaml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(*config, controller_config{}) << "the sample shows the defaults";
  const auto all = parse_controller_config(uncommented(text), "controller.yaml");
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->listen, "0.0.0.0:8750");
  EXPECT_EQ(all->tls_client_ca, "/etc/berth/pki/ca.crt");
}

TEST(SampleFiles, HostLoads) {
  const auto text = read(root + "/packaging/host.yaml");
  auto config = parse_host_config(text, "host.yaml");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_FALSE(config->name.empty());
  config->name.clear();
  EXPECT_EQ(*config, host_config{}) << "the sample shows the defaults";
  const auto all = parse_host_config(uncommented(text), "host.yaml");
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(all->name, "gpu-1");
  EXPECT_EQ(for_host(all->tls_key, all->name), "/etc/berth/pki/gpu-1.key");
}

/// UPDATE_GOLDEN=1 rewrites the file.
TEST(SampleFiles, DocumentationIsCurrent) {
  const auto path = root + "/docs/configuration.md";
  if (std::getenv("UPDATE_GOLDEN") != nullptr)
    std::ofstream{path, std::ios::binary} << configuration_markdown();
  EXPECT_EQ(read(path), configuration_markdown());
}

} // namespace
} // namespace berth::apps
