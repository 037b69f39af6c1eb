#include <map>

#include <gtest/gtest.h>

#include "model/random.hpp"
#include "scheduler/host_set.hpp"
#include "tests/scheduler/world.hpp"

namespace berth::scheduler {
namespace {

/// The set beside an ordered map of the same hosts.
class beside_a_map {
public:
  beside_a_map(std::uint64_t seed, std::uint64_t hosts) : dice_(seed), hosts_(hosts) {}

  void step() {
    const auto number = dice_.below(hosts_);
    const auto id = numbered<model::host_id>(number);
    const listed_host host{id, static_cast<host_slot_id>(number), amount()};
    const bool known = plain_.count(id) > 0;
    if (known && dice_.below(2) == 0) {
      set_.erase(id);
      plain_.erase(id);
      return;
    }
    known ? set_.update(host) : set_.insert(host);
    plain_[id] = host;
  }

  void compare() {
    ASSERT_EQ(set_.size(), plain_.size());
    ASSERT_EQ(set_.empty(), plain_.empty());
    if (plain_.empty()) {
      EXPECT_EQ(set_.first({}, [](const listed_host&) { return true; }), nullptr);
      return;
    }
    EXPECT_EQ(set_.front().id, plain_.begin()->first);
    amount_bounds bounds{plain_.begin()->second.free, plain_.begin()->second.free};
    for (const auto& [id, host] : plain_) {
      bounds = {model::max(bounds.most, host.free), model::min(bounds.least, host.free)};
    }
    EXPECT_EQ(set_.bounds().most, bounds.most);
    EXPECT_EQ(set_.bounds().least, bounds.least);
    const auto wanted = amount();
    const auto odd = [](const listed_host& host) { return host.slot % 2 == 1; };
    const auto expected = std::find_if(plain_.begin(), plain_.end(), [&](const auto& each) {
      return has_room(wanted, each.second.free) && odd(each.second);
    });
    const auto* found = set_.first(wanted, odd);
    ASSERT_EQ(found == nullptr, expected == plain_.end());
    if (found != nullptr) {
      EXPECT_EQ(found->id, expected->first);
    }
  }

private:
  model::resources amount() {
    const auto draw = [this] { return static_cast<std::int64_t>(dice_.below(40)) - 5; };
    const auto cpus = draw();
    const auto memory = draw();
    return {cpus, memory, draw()};
  }

  model::random dice_;
  std::uint64_t hosts_;
  host_set set_;
  std::map<model::host_id, listed_host> plain_;
};

TEST(HostSet, AnswersLikeAnOrderedMap) {
  for (const std::uint64_t hosts : {400, 3}) { // of three it is often empty in between
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
      beside_a_map both{seed, hosts};
      for (int i = 0; i < 1'000; ++i) {
        both.step();
        both.compare();
        ASSERT_FALSE(HasFailure()) << "SEED=" << seed << " hosts " << hosts << " step " << i;
      }
    }
  }
}

TEST(HostSet, VisitsEveryHostOnceInOrder) {
  host_set set;
  for (std::uint64_t number = 500; number > 0; --number) {
    set.insert({numbered<model::host_id>(number), static_cast<host_slot_id>(number), {}});
  }
  std::vector<host_slot_id> seen;
  set.for_each_block([](const auto&, const auto&) { return false; },
                     [&](const listed_host& host) { seen.push_back(host.slot); });
  ASSERT_EQ(seen.size(), 500U);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

} // namespace
} // namespace berth::scheduler
