#include "sim/study/runner.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "model/random.hpp"
#include "sim/study/run_store.hpp"
#include "tests/sim/study/study_text.hpp"

namespace berth::sim {
namespace {

using ::testing::HasSubstr;

/// Two policies, hosts that fail, servers that wait.
study small() {
  return good_scenario("inventory: 3xhgx-h100\n"
                       "horizon: 1d\n"
                       "patience: 15m\n"
                       "policy: [best-fit, spread]\n"
                       "failures: {host: {mtbf: 2d, mttr: 2h}}\n"
                       "demand: {plan: {arrivals_per_hour: 6, shapes: [{gpus: 1}, {gpus: 4}], "
                       "lifetimes: [{name: all, mean: 5h}]}}\n");
}
std::vector<variant_plan> plans_of(const study& what) {
  const auto demand = offer(what);
  EXPECT_TRUE(demand) << demand.error().message;
  return variants_of(what, *demand);
}
std::vector<variant> played(const std::vector<variant_plan>& plans, play_options how) {
  auto all = play(plans, how);
  EXPECT_TRUE(all) << all.error().message;
  return std::move(*all);
}
bool equal(const std::vector<variant>& a, const std::vector<variant>& b) {
  return std::ranges::equal(a, b, [](const variant& one, const variant& other) {
    return one.name == other.name &&
           std::ranges::equal(one.runs, other.runs, [](const auto& x, const auto& y) {
             return x.seed == y.seed && x.result == y.result;
           });
  });
}

TEST(Runner, TheResultDoesNotDependOnTheThreads) {
  const auto plans = plans_of(small());
  const auto one = played(plans, {.seeds = 4, .jobs = 1});
  ASSERT_EQ(one.size(), 2U);
  EXPECT_EQ(one[1].name, "spread");
  ASSERT_EQ(one[1].runs.size(), 4U);
  EXPECT_EQ(one[1].runs[3].seed, 4U);
  EXPECT_FALSE(one[1].runs[2].result == one[1].runs[3].result);
  EXPECT_TRUE(equal(one, played(plans, {.seeds = 4, .jobs = 3})));
}

TEST(Runner, BothPoliciesMeetTheSameArrivals) {
  const auto all = played(plans_of(small()), {.seeds = 3, .jobs = 1});
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(all[0].runs[i].result.arrived, all[1].runs[i].result.arrived);
}

/// Stops the playing when so many runs were kept.
class stopper final : public run_keeper {
public:
  stopper(play_progress& progress, int after) : progress_{progress}, left_{after} {}
  const run_result* find(std::size_t, std::uint64_t) const override { return nullptr; }
  model::result<void> keep(std::size_t, std::uint64_t, const run_result&) override {
    if (--left_ == 0)
      progress_.stop();
    return {};
  }

private:
  play_progress& progress_;
  int left_;
};

TEST(Runner, WhatIsStoppedIsPartialAndSaysSo) {
  auto what = small();
  what.seeds = 50;
  play_progress progress;
  stopper after{progress, 5};
  const auto result =
      result_of(what, played(plans_of(what),
                             {.seeds = 50, .jobs = 1, .progress = &progress, .keeper = &after}));
  EXPECT_TRUE(result.partial);
  EXPECT_EQ(result.seeds_wanted, 50U);
  EXPECT_EQ(result.variants[0].runs.size(), 3U) << "all variants of a seed before the next seed";
  EXPECT_EQ(result.variants[1].runs.size(), 2U);
  EXPECT_EQ(progress.runs(), 5);
  EXPECT_EQ(progress.runs_wanted(), 100U);
}

TEST(Runner, ProgressGoesOnOverSeveralPlayings) {
  const auto plans = plans_of(small());
  play_progress progress;
  for (int times = 1; times <= 3; ++times) {
    (void)played(plans, {.seeds = 1, .jobs = 2, .progress = &progress, .keeper = nullptr});
    EXPECT_EQ(progress.runs_wanted(), 2U * static_cast<unsigned>(times));
    EXPECT_EQ(progress.runs(), 2.0 * times);
  }
  progress.stop();
  const auto none =
      played(plans, {.seeds = 1, .jobs = 2, .progress = &progress, .keeper = nullptr});
  EXPECT_TRUE(none[0].runs.empty()) << "who was stopped plays no more";
}

TEST(Runner, OfARunThatIsCutTheBeginningIsShown) {
  auto what = small();
  what.base.horizon = std::chrono::days{30'000}; // longer than anybody waits
  what.policies.resize(1);
  play_progress progress;
  std::vector<variant> all;
  {
    const std::jthread worker{
        [&] { all = played(plans_of(what), {.seeds = 1, .jobs = 1, .progress = &progress}); }};
    while (progress.events() == 0)
      std::this_thread::yield();
    progress.stop();
  }
  ASSERT_EQ(all[0].runs.size(), 1U);
  const auto& run = all[0].runs[0].result;
  EXPECT_TRUE(run.cut);
  EXPECT_GT(run.arrived, 0U);
  EXPECT_LT(run.span, what.base.horizon);
  EXPECT_TRUE(result_of(what, all).partial);
}

// --- Runs that are kept

class RunStore : public ::testing::Test {
protected:
  ~RunStore() override { std::filesystem::remove(path_); }
  std::string bytes() const {
    std::ifstream in{path_, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  void put(const std::string& text) const {
    std::ofstream{path_, std::ios::binary | std::ios::trunc} << text;
  }

  const std::string path_ =
      (std::filesystem::temp_directory_path() / ("berth-runs-" + std::to_string(getpid())))
          .string();
};

TEST_F(RunStore, APlayingGoesOnWhereItWasStopped) {
  const auto what = small();
  const auto plans = plans_of(what);
  const auto fingerprint = fingerprint_of(plans, "1").value();
  const auto whole = played(plans, {.seeds = 6, .jobs = 2});
  {
    const auto store = run_store::open(path_, fingerprint).value();
    EXPECT_EQ(store->found(), 0U);
    (void)played(plans, {.seeds = 3, .jobs = 1, .progress = nullptr, .keeper = store.get()});
  }
  const auto three = bytes();
  put(three.substr(0, three.size() - 10)); // the process died while it wrote the last
  const auto store = run_store::open(path_, fingerprint).value();
  EXPECT_EQ(store->found(), 5U);
  EXPECT_TRUE(equal(
      whole, played(plans, {.seeds = 6, .jobs = 2, .progress = nullptr, .keeper = store.get()})));
  EXPECT_EQ(run_store::open(path_, fingerprint).value()->found(), 12U);
}

TEST_F(RunStore, RunsOfAnotherStudyAreNotTaken) {
  const auto plans = plans_of(small());
  ASSERT_TRUE(run_store::open(path_, fingerprint_of(plans, "1").value()));
  EXPECT_FALSE(run_store::open(path_, fingerprint_of(plans, "2").value())) << "a later version";
  for (const auto change : {0, 1, 2, 3, 4}) {
    auto other = small();
    if (change == 0)
      other.base.patience += std::chrono::minutes{1};
    if (change == 1)
      other.base.hosts[0].count = 4;
    if (change == 2)
      other.policies.pop_back();
    if (change == 4)
      other.base.hosts[0].machine.devices[0].pcie_switch += "x";
    if (change == 3)
      other.demand.plan->arrivals_per_hour = 7;
    const auto opened = run_store::open(path_, fingerprint_of(plans_of(other), "1").value());
    ASSERT_FALSE(opened) << change;
    EXPECT_THAT(opened.error().message, HasSubstr("runs of another study"));
  }
  put("something else\n");
  const auto opened = run_store::open(path_, 1);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("no runs of this version"));
}

TEST_F(RunStore, DamageIsSaid) {
  const auto plans = plans_of(small());
  const auto fingerprint = fingerprint_of(plans, "1").value();
  {
    const auto store = run_store::open(path_, fingerprint).value();
    (void)played(plans, {.seeds = 1, .jobs = 1, .progress = nullptr, .keeper = store.get()});
  }
  const auto whole = bytes();
  const auto header = whole.find('\n') + 1;
  for (const auto at : {header, header + 8, header + 16, header + 22, header + 24, header + 32,
                        whole.size() / 4, whole.size() - 1}) {
    auto damaged = whole;
    damaged[at] ^= 1; // the variant, the seed, the length, a checksum, the run
    put(damaged);
    const auto opened = run_store::open(path_, fingerprint);
    ASSERT_FALSE(opened) << at;
    EXPECT_EQ(opened.error().code, model::errc::store_corrupt);
    EXPECT_THAT(opened.error().message, HasSubstr("is damaged at byte"));
    EXPECT_EQ(bytes(), damaged) << "nothing is thrown away";
  }
}

TEST_F(RunStore, AFileThatCannotBeIsSaid) {
  const auto opened = run_store::open("/nowhere/at/all", 1);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("cannot write /nowhere/at/all"));
}

TEST(RunBytes, ComeBackAsTheyWere) {
  const auto all = played(plans_of(small()), {.seeds = 1, .jobs = 1});
  const auto& run = all[0].runs[0].result;
  const auto bytes = to_bytes(run);
  EXPECT_EQ(run_from_bytes(bytes), run);
  EXPECT_FALSE(run_from_bytes(bytes + "x"));
  for (std::size_t size = 0; size < bytes.size(); size += 97)
    EXPECT_FALSE(run_from_bytes(std::string_view{bytes}.substr(0, size))) << size;
}

TEST(RunBytes, ForeignBytesAreReadWithoutHarm) {
  const auto all = played(plans_of(small()), {.seeds = 1, .jobs = 1});
  const auto good = to_bytes(all[0].runs[0].result);
  model::random dice{11};
  for (int round = 0; round < 300; ++round) {
    auto bytes = good;
    for (int i = 0; i < 4; ++i)
      bytes[dice.below(bytes.size())] = static_cast<char>(dice.below(256));
    (void)run_from_bytes(bytes);
  }
}

} // namespace
} // namespace berth::sim
