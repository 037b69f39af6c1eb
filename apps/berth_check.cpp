// berth-check: proves, from outside, that a cluster's books are right.

#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/value_semantic.hpp>
#include <boost/program_options/variables_map.hpp>
#include <nlohmann/json.hpp>

#include "apps/api_access.hpp"
#include "apps/check_api.hpp"
#include "apps/check_store.hpp"
#include "apps/checker.hpp"
#include "store/sqlite_store.hpp"

namespace {

namespace po = boost::program_options;
using namespace berth;

constexpr int exit_violations = 1;
constexpr int exit_unchecked = 2;

constexpr const char* usage =
    "usage: berth-check [--controller URL] [--token-file FILE] [--ca-file FILE] [--no-api]\n"
    "                   [--store FILE] [--json]\n"
    "\n"
    "Reads every host, device and server through the API, and with --store also the controller's\n"
    "log, and checks: no device has two owners, a server's devices are on its host, no host is\n"
    "over its capacity, and API and store agree. --no-api checks the store alone.\n"
    "Ends with 0 if all holds, 1 if something does not, 2 if it could not be checked.\n";

struct outcome {
  std::vector<apps::cluster_facts> views;
  std::vector<apps::violation> violations;

  void add(std::vector<apps::violation> more) {
    violations.insert(violations.end(), more.begin(), more.end());
  }
};

model::result<outcome> check(const po::variables_map& given) {
  const auto text_of = [&given](const char* key) {
    return given.count(key) > 0 ? given[key].as<std::string>() : std::string{};
  };
  outcome result;
  model::sequence_number until = 0;
  if (given.count("no-api") == 0) {
    const auto options = apps::client_options(
        {given["controller"].as<std::string>(), text_of("token-file"), text_of("ca-file")});
    if (!options) {
      return tl::unexpected{options.error()};
    }
    net::http_client client{*options};
    auto seen = apps::read_api(apps::body_getter(client));
    if (!seen) {
      return tl::unexpected{seen.error()};
    }
    until = seen->sequence;
    result.add(apps::find_violations(*seen));
    result.views.push_back(*std::move(seen));
  }
  if (given.count("store") > 0) {
    const auto reader = store::open_reader(text_of("store"), "berth-check");
    if (!reader) {
      return tl::unexpected{reader.error()};
    }
    const auto fold = apps::fold_store(**reader, until);
    if (!fold) {
      return tl::unexpected{fold.error()};
    }
    result.add(fold->violations());
    result.add(apps::find_violations(fold->facts()));
    result.views.push_back(fold->facts());
  }
  if (result.views.size() == 2) {
    if (result.views[0].sequence != result.views[1].sequence) {
      return model::fail(model::errc::busy,
                         "the API stands at event " + std::to_string(result.views[0].sequence) +
                             ", the store at " + std::to_string(result.views[1].sequence) +
                             ": is it this controller's store? else check again");
    }
    result.add(apps::find_differences(result.views[0], result.views[1]));
  }
  return result;
}

std::size_t owned(const apps::cluster_facts& view) {
  std::size_t count = 0;
  for (const auto& device : view.devices) {
    count += device.owner ? 1U : 0U;
  }
  return count;
}

void print_text(const outcome& result) {
  for (const auto& view : result.views) {
    std::cout << view.source << ": " << view.hosts.size() << " hosts, " << view.devices.size()
              << " devices (" << owned(view) << " owned), " << view.servers.size()
              << " servers, at event " << view.sequence << "\n";
  }
  for (const auto& found : result.violations) {
    std::cout << found.rule << ": " << found.text << "\n";
  }
  std::cout << (result.violations.empty()
                    ? std::string{"all holds"}
                    : std::to_string(result.violations.size()) + " violations")
            << "\n";
}

void print_json(const outcome& result) {
  nlohmann::json body{{"views", nlohmann::json::array()}, {"violations", nlohmann::json::array()}};
  for (const auto& view : result.views) {
    body["views"].push_back({{"source", view.source},
                             {"sequence", view.sequence},
                             {"hosts", view.hosts.size()},
                             {"devices", view.devices.size()},
                             {"devices_owned", owned(view)},
                             {"servers", view.servers.size()}});
  }
  for (const auto& found : result.violations) {
    body["violations"].push_back({{"rule", found.rule}, {"text", found.text}});
  }
  body["ok"] = result.violations.empty();
  std::cout << body.dump(2) << "\n";
}

std::optional<po::variables_map> parse(int argc, char** argv) {
  po::options_description flags;
  flags.add_options()("help", "");
  flags.add_options()("controller",
                      po::value<std::string>()->default_value(apps::api_access{}.controller));
  flags.add_options()("token-file", po::value<std::string>());
  flags.add_options()("ca-file", po::value<std::string>());
  flags.add_options()("no-api", "");
  flags.add_options()("store", po::value<std::string>());
  flags.add_options()("json", "");
  po::variables_map given;
  try {
    po::store(
        po::command_line_parser(argc, argv)
            .options(flags)
            .positional({})
            .style(po::command_line_style::default_style & ~po::command_line_style::allow_guessing)
            .run(),
        given);
  } catch (const po::error& bad) {
    std::cerr << "berth-check: " << bad.what() << "\n" << usage;
    return std::nullopt;
  }
  if (given.count("no-api") > 0 && given.count("store") == 0) {
    std::cerr << "berth-check: --no-api needs --store\n" << usage;
    return std::nullopt;
  }
  return given;
}

} // namespace

int main(int argc, char** argv) {
  const auto given = parse(argc, argv);
  if (!given) {
    return exit_unchecked;
  }
  if (given->count("help") > 0) {
    std::cout << usage;
    return 0;
  }
  const auto result = check(*given);
  if (!result) {
    std::cerr << "berth-check: " << result.error().message << "\n";
    return exit_unchecked;
  }
  if (given->count("json") > 0) {
    print_json(*result);
  } else {
    print_text(*result);
  }
  return result->violations.empty() ? 0 : exit_violations;
}
