// Feeds requests to the router: the first byte chooses the route, the rest is the body (or, for
// routes without one, the query). Whatever comes, the answer is one status and JSON.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "api/json_syntax.hpp"
#include "tests/api/fake_cluster.hpp"

namespace {

std::string concrete(std::string_view pattern) {
  std::string path;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '{') {
      path += "a77333e9-08d9-45c6-87eb-a7d8d902c5f5";
      i = pattern.find('}', i);
    } else {
      path += pattern[i];
    }
  }
  return path;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace berth::api;
  if (size == 0) {
    return 0;
  }
  static berth::api::testing::bench bench;
  bench.cluster.commands.clear();
  bench.cluster.queries.clear();
  const auto& route = routes()[data[0] % routes().size()];
  const std::string_view rest{reinterpret_cast<const char*>(data + 1), size - 1};
  auto target = concrete(route.pattern);
  if (route.method == "GET") {
    target += "?" + std::string{rest};
  }
  const auto answer = bench.call(std::string{route.method}, target,
                                 route.method == "GET" ? std::string{} : std::string{rest});
  if (answer.status < 200 || answer.status > 599) {
    std::abort();
  }
  if (answer.content_type == "application/json" && find_json_fault(answer.body)) {
    std::abort();
  }
  return 0;
}
