#include "store/tool.hpp"

#include <charconv>
#include <optional>
#include <ostream>

#include "proto/log_json.hpp"
#include "store/repair.hpp"
#include "store/sqlite_store.hpp"

namespace berth::store {

namespace {

constexpr int done = 0;
constexpr int refused = 1;
constexpr int wrong_usage = 2;

constexpr const char* usage = R"(usage: berth-store COMMAND STORE ...
  inspect STORE           say what is in a store and whether it is sound
  dump STORE [--from N]   print its events as lines of JSON
  copy STORE TO           copy it, also while a controller writes it
  cut STORE --after N     end its log after record N; the old store is kept
)";

struct surroundings {
  const std::string& version;
  std::ostream& out;
  std::ostream& err;
};

int refuse(const surroundings& world, const model::failure& why) {
  world.err << "berth-store: " << why.message << "\n";
  return refused;
}

std::optional<model::sequence_number> number_of(const std::string& text) {
  model::sequence_number number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && stop == end ? std::optional{number} : std::nullopt;
}

int inspect_store(const std::string& path, const surroundings& world) {
  const auto report = inspect(path, world.version);
  if (!report)
    return refuse(world, report.error());
  if (report->snapshot_at > 0)
    world.out << "snapshot: stands at " << report->snapshot_at
              << (report->snapshot_damage ? ", damaged" : ", sound") << "\n";
  else
    world.out << "snapshot: none\n";
  if (report->first <= report->last)
    world.out << "records: " << report->first << ".." << report->last << " are sound\n";
  else
    world.out << "records: none are sound\n";
  if (report->damage)
    world.out << "damage: " << report->damage->message << "\n";
  if (report->snapshot_damage)
    world.out << "damage: " << report->snapshot_damage->message << "\n";
  return report->damage || report->snapshot_damage ? refused : done;
}

int dump_store(const std::string& path, model::sequence_number from, const surroundings& world) {
  const auto reader = open_reader(path, world.version);
  if (!reader)
    return refuse(world, reader.error());
  if (from == 0)
    from = (*reader)->first_sequence();
  const auto read = (*reader)->read(from, [&](const model::log_record& record) {
    world.out << proto::to_json(record) << "\n";
    return world.out.good();
  });
  return read ? done : refuse(world, read.error());
}

int copy_to(const std::string& from, const std::string& to, const surroundings& world) {
  const auto copied = copy_store(from, to, world.version);
  return copied ? done : refuse(world, copied.error());
}

int cut_store(const std::string& path, model::sequence_number last, const surroundings& world) {
  const auto cut = cut_after(path, last, world.version);
  if (!cut)
    return refuse(world, cut.error());
  world.out << "the log of " << path << " ends after record " << cut->last
            << " now; the store as it was is " << cut->original.string() << "\n";
  return done;
}

} // namespace

int run_tool(std::span<const std::string> arguments, const std::string& version, std::ostream& out,
             std::ostream& err) {
  const surroundings world{version, out, err};
  const auto is = [&](const char* command, std::size_t count, const char* option = nullptr) {
    return arguments.size() == count && arguments[0] == command &&
           (option == nullptr || arguments[2] == option);
  };
  if (is("--version", 1)) {
    out << "berth-store " << version << "\n";
    return done;
  }
  if (is("--help", 1)) {
    out << usage;
    return done;
  }
  if (is("inspect", 2))
    return inspect_store(arguments[1], world);
  if (is("dump", 2))
    return dump_store(arguments[1], 0, world);
  if (is("copy", 3))
    return copy_to(arguments[1], arguments[2], world);
  if (is("dump", 4, "--from") || is("cut", 4, "--after")) {
    const auto number = number_of(arguments[3]);
    if (number)
      return arguments[0] == "cut" ? cut_store(arguments[1], *number, world)
                                   : dump_store(arguments[1], *number, world);
    err << "berth-store: '" << arguments[3] << "' is no sequence number\n";
  }
  err << usage;
  return wrong_usage;
}

} // namespace berth::store
