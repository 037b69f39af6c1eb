#include <cstdio>
#include <optional>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/store/crash_protocol.hpp"

namespace berth::store_test {
namespace {

/// One run of the child: started, listened to, killed.
class child {
public:
  child(const std::string& store, std::uint64_t seed) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::string program = BERTH_CRASH_CHILD;
    std::string path = store;
    std::string number = std::to_string(seed);
    char* arguments[] = {program.data(), path.data(), number.data(), nullptr};
    EXPECT_EQ(::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    acknowledgements_ = ::fdopen(ends[0], "r");
  }
  ~child() { std::fclose(acknowledgements_); }
  child(const child&) = delete;
  child& operator=(const child&) = delete;

  /// The next acknowledged sequence number; empty when the child is dead and all were read.
  std::optional<model::sequence_number> next() {
    unsigned long long number = 0;
    if (std::fscanf(acknowledgements_, "%llu\n", &number) != 1)
      return std::nullopt;
    return number;
  }

  void kill() {
    ::kill(pid_, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(pid_, &status, 0), pid_);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself with status " << status;
  }

private:
  pid_t pid_ = -1;
  std::FILE* acknowledgements_ = nullptr;
};

void expect_sound(store::event_store& store, model::sequence_number acknowledged) {
  EXPECT_GE(store.last_sequence(), acknowledged) << "an acknowledged record is lost";
  EXPECT_LE(store.last_sequence(), acknowledged + crash_batch_max) << "records were invented";
  const auto found = read_all(store, store.first_sequence());
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_EQ(*found, records_between(store.first_sequence(), store.last_sequence()));
  const auto snapshot = load_all(store);
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_GE(snapshot->at + 1, store.first_sequence());
  for (const auto& chunk : snapshot->chunks)
    EXPECT_EQ(chunk, crash_chunk(snapshot->at));
  if (snapshot->at > 0) {
    EXPECT_EQ(snapshot->chunks.size(), 5U);
  }
}

TEST(StoreCrash, KilledAtAnyMomentItKeepsEveryAcknowledgedRecordAndInventsNone) {
  const std::uint64_t seed = 20261122;
  const temp_folder folder;
  const std::string path = (folder.path() / "store.db").string();
  model::random dice{seed};
  model::sequence_number acknowledged = 0;
  int snapshots = 0;
  for (int round = 0; round < 60; ++round) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", round " + std::to_string(round));
    child writer{path, dice.next()};
    for (std::uint64_t left = dice.below(60); left > 0; --left) {
      const auto sequence = writer.next();
      ASSERT_TRUE(sequence) << "the child gave up";
      acknowledged = *sequence;
    }
    writer.kill();
    while (const auto sequence = writer.next())
      acknowledged = *sequence;

    auto store = open_crash_store(path);
    ASSERT_TRUE(store) << store.error().message;
    expect_sound(**store, acknowledged);
    if (testing::Test::HasFailure())
      return;
    acknowledged = (*store)->last_sequence();
    snapshots += load_all(**store)->at > 0 ? 1 : 0;
  }
  EXPECT_GT(acknowledged, 5000U);
  EXPECT_GT(snapshots, 30);
}

} // namespace
} // namespace berth::store_test
