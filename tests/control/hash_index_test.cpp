#include "control/hash_index.hpp"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "model/ids.hpp"
#include "model/random.hpp"

namespace berth::control {
namespace {

struct thing {
  model::server_id id;
  std::string name;
};
struct id_of {
  const model::server_id& operator()(const thing& it) const { return it.id; }
};
struct name_of {
  std::string_view operator()(const thing& it) const { return it.name; }
};
using owning_index = hash_index<std::unique_ptr<thing>, id_of>;
using name_index = hash_index<thing*, name_of>;

model::server_id numbered(std::uint64_t number) {
  return {{0, number}};
}

TEST(HashIndex, KeepsTheFirstOfEqualKeys) {
  owning_index index;
  const auto [first, fresh] = index.insert(std::make_unique<thing>(thing{numbered(1), "a"}));
  EXPECT_TRUE(fresh);
  const auto [again, second_fresh] = index.insert(std::make_unique<thing>(thing{numbered(1), "b"}));
  EXPECT_FALSE(second_fresh);
  EXPECT_EQ(again, first);
  EXPECT_EQ(index.find(numbered(1))->name, "a");
  EXPECT_EQ(index.size(), 1U);
}

TEST(HashIndex, AnEmptyOneFindsAndTakesNothing) {
  owning_index index;
  EXPECT_EQ(index.find(numbered(1)), nullptr);
  EXPECT_EQ(index.take(numbered(1)), nullptr);
  EXPECT_EQ(index.size(), 0U);
}

TEST(HashIndex, EntriesStayWhereTheyAre) {
  owning_index index;
  std::vector<thing*> places;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    places.push_back(index.insert(std::make_unique<thing>(thing{numbered(i), ""})).first);
  }
  for (std::uint64_t i = 0; i < 1000; ++i) {
    EXPECT_EQ(index.find(numbered(i)), places[i]);
  }
}

/// The same random insertions, look-ups and removals as on a std::map; few keys, so that removals
/// happen within long runs of taken slots.
template <class Index, class Key, class KeyAt, class Make>
void behave_like_a_map(std::uint64_t seed, KeyAt key_at, Make make) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  model::random dice{seed};
  Index index;
  std::map<Key, thing*> reference;
  const auto keys = 1 + dice.below(400);
  for (int step = 0; step < 4000; ++step) {
    const auto number = dice.below(keys);
    const Key key = key_at(number);
    const auto known = reference.find(key);
    if (dice.chance(step % 1000 < 500 ? 0.7 : 0.3)) {
      const auto [entry, fresh] = index.insert(make(number));
      EXPECT_EQ(fresh, known == reference.end());
      reference.emplace(key, entry);
    } else {
      const auto taken = index.take(key);
      ASSERT_EQ(taken != nullptr, known != reference.end());
      if (taken != nullptr) {
        EXPECT_EQ(&*taken, known->second);
        reference.erase(known);
      }
    }
    ASSERT_EQ(index.size(), reference.size());
  }
  for (std::uint64_t number = 0; number < keys; ++number) {
    const auto known = reference.find(key_at(number));
    EXPECT_EQ(index.find(key_at(number)), known == reference.end() ? nullptr : known->second);
  }
}

TEST(HashIndex, BehavesLikeAMapOfIds) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto id = [seed](std::uint64_t number) {
      return seed % 2 == 0 ? numbered(number) : model::server_id{{number << 56U, 0}};
    };
    behave_like_a_map<owning_index, model::server_id>(seed, id, [&](std::uint64_t number) {
      return std::make_unique<thing>(thing{id(number), ""});
    });
  }
}

TEST(HashIndex, BehavesLikeAMapOfNames) {
  std::vector<thing> things;
  for (std::uint64_t i = 0; i < 400; ++i) {
    things.push_back({numbered(i), "name-" + std::to_string(i)});
  }
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    behave_like_a_map<name_index, std::string_view>(
        seed, [&](std::uint64_t number) { return std::string_view{things[number].name}; },
        [&](std::uint64_t number) { return &things[number]; });
  }
}

} // namespace
} // namespace berth::control
