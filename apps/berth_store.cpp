#include <iostream>
#include <string>
#include <vector>

#include "apps/config.hpp"
#include "store/tool.hpp"

int main(int argc, char** argv) {
  const std::vector<std::string> arguments{argv + 1, argv + argc};
  return berth::store::run_tool(arguments, std::string{berth::apps::version()}, std::cout,
                                std::cerr);
}
