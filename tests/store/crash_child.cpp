// The process that crash_test kills: appends batches to a store and writes the last sequence number
// of each acknowledged one to standard output. usage: store_crash_child <store> <seed>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include "tests/store/crash_protocol.hpp"

namespace {

using namespace berth;

[[noreturn]] void give_up(const model::failure& why) {
  std::fprintf(stderr, "%s\n", why.message.c_str());
  std::_Exit(3);
}

void acknowledge(model::sequence_number sequence) {
  const std::string line = std::to_string(sequence) + "\n";
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    std::_Exit(4);
}

void take_snapshot(store::event_store& store) {
  const auto at = store.last_sequence();
  int left = 5;
  auto written = store.write_snapshot(at, [&]() -> store::snapshot_chunk {
    return left-- > 0 ? store_test::crash_chunk(at) : store::snapshot_chunk{};
  });
  if (!written)
    give_up(written.error());
}

} // namespace

int main(int argc, char** argv) {
  if (argc != 3)
    return 2;
  model::random dice{std::strtoull(argv[2], nullptr, 10)};
  auto store = store_test::open_crash_store(argv[1]);
  if (!store)
    give_up(store.error());
  for (;;) {
    const auto first = (*store)->last_sequence() + 1;
    const auto last = first + dice.below(store_test::crash_batch_max);
    if (auto appended = (*store)->append(store_test::records_between(first, last)); !appended)
      give_up(appended.error());
    acknowledge(last);
    if (dice.chance(0.05))
      take_snapshot(**store);
  }
}
