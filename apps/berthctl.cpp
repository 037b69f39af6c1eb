#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

#include <unistd.h>

#include "apps/config.hpp"
#include "cli/run.hpp"

namespace {

class real_pacer final : public berth::cli::pacer {
public:
  duration now() override {
    return std::chrono::duration_cast<duration>(
        std::chrono::steady_clock::now().time_since_epoch());
  }
  void pause(duration how_long) override { std::this_thread::sleep_for(how_long); }
};

} // namespace

int main(int argc, char** argv) {
  real_pacer time;
  const berth::cli::surroundings world{
      .version = std::string{berth::apps::version()},
      .out = std::cout,
      .err = std::cerr,
      .live = ::isatty(STDERR_FILENO) == 1,
      .time = time,
      .variable = [](const std::string& name) -> std::optional<std::string> {
        const char* value = std::getenv(name.c_str());
        return value == nullptr ? std::nullopt : std::optional<std::string>{value};
      },
      .connect = berth::cli::make_transport,
  };
  return berth::cli::run({argv, argv + argc}, world);
}
