#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "scheduler/outlook.hpp"
#include "scheduler/stay.hpp"
#include "tests/scheduler/world.hpp"

namespace berth::scheduler {
namespace {

using std::chrono::seconds;

model::timestamp at(std::int64_t second) {
  return model::timestamp{seconds{second}};
}

outlook::flavour_room flavour_of(std::int64_t count, std::int64_t cpus, std::int64_t servers = 1) {
  return {count, cpus, 0, servers, 0, 0};
}

TEST(Outlook, RoomIsWhatTheScarcestAmountAllows) {
  const auto two = flavour_of(2, 10);
  EXPECT_EQ(outlook::room_for(two, 8, 100, 0), 4 * outlook::whole_server) << "devices";
  EXPECT_EQ(outlook::room_for(two, 8, 25, 0), 5 * outlook::whole_server / 2) << "CPUs, in parts";
  EXPECT_EQ(outlook::room_for(two, 3, 100, 0), outlook::whole_server) << "devices go in pairs";
  EXPECT_EQ(outlook::room_for(two, 8, 9, 0), 0) << "part of a server alone is nothing";
  EXPECT_EQ(outlook::room_for(flavour_of(1, 0), 3, 0, 0), 3 * outlook::whole_server);
}

TEST(Outlook, WhatFewHostsCanHoldIsDearest) {
  outlook look;
  look.flavours = {flavour_of(1, 4), flavour_of(8, 64)};
  const std::vector<int> eight{8, 8};
  const std::vector<int> four{4, 4};
  look.add_hosts(2, eight, 64, 0); // the only homes of the great ones
  look.add_hosts(50, four, 32, 0);
  look.set_prices();
  EXPECT_GT(look.flavours[1].price, look.flavours[0].price);
  const auto loss = [&look](std::vector<int> before, std::int64_t cpus) {
    std::vector<int> after{before[0] - 1, before[1] - 1};
    return look.worth(before, cpus, 0) - look.worth(after, cpus - 4, 0);
  };
  EXPECT_LT(loss(four, 32), loss(eight, 64));
}

TEST(Outlook, DevicesThatNobodyCanUseCost) {
  outlook look;
  look.flavours = {flavour_of(1, 8, 10)};
  const std::vector<int> four{4};
  look.add_hosts(10, four, 32, 0);
  look.set_prices();
  const std::vector<int> three{3};
  const auto lean = look.worth(four, 32, 0) - look.worth(three, 24, 0);
  const auto hungry = look.worth(four, 32, 0) - look.worth(three, 8, 0);
  EXPECT_LT(lean, hungry) << "two devices lose their CPUs";
}

TEST(Outlook, AWholeHostIsWorthMoreTheFewerThereAre) {
  outlook look;
  const cell_steps large{4, 4};
  const cell_steps small{1, 1};
  look.add_whole(8, large, 2);
  look.add_whole(8, small, 10);
  look.add_whole(8, small, 90);
  look.set_prices();
  EXPECT_EQ(look.wholes.size(), 2U);
  EXPECT_GT(look.price_of_whole(8, large), look.price_of_whole(8, small));
  EXPECT_GT(look.price_of_whole(8, small), 0);
  EXPECT_EQ(look.price_of_whole(4, small), 0);
}

TEST(Outlook, PricesOfHugeFleetsStayInBounds) {
  outlook look;
  look.flavours.assign(outlook::flavours_max, flavour_of(1, 1, 1'000'000));
  look.flavours.back() = {64, 1'000'000, 0, 1, 0, 0};
  const std::vector<int> all(outlook::flavours_max, 128);
  look.add_hosts(1'000'000, all, 1'000'000, 0);
  look.set_prices();
  EXPECT_GT(look.worth(all, 1'000'000, 0), 0);
  EXPECT_LT(look.worth(all, 1'000'000, 0), std::int64_t{1} << 54U);
  for (const auto& each : look.flavours) {
    EXPECT_GT(each.price, 0);
  }
}

TEST(RequestMix, CountsTheLivingAndForgetsNumbersWithoutHolders) {
  request_mix mix;
  const auto one = mix.hold(flavour{{}, 1, 8, 100});
  const auto again = mix.hold(flavour{{}, 1, 8, 100});
  const auto other = mix.hold(flavour{{{"H100", {}, {}, {}}}, 1, 8, 100});
  EXPECT_EQ(one, again);
  EXPECT_NE(one, other);
  EXPECT_TRUE(mix.greatest(10).empty()) << "nobody lives yet";
  mix.count(one, 3);
  mix.count(other, 2);
  ASSERT_EQ(mix.greatest(10).size(), 2U);
  EXPECT_EQ(mix.greatest(10).front()->servers, 3);
  EXPECT_EQ(mix.greatest(1).size(), 1U);
  mix.count(other, -2);
  mix.drop(other);
  EXPECT_EQ(mix.greatest(10).size(), 1U);
  EXPECT_EQ(mix.hold(flavour{{}, 8, 64, 100}), other) << "the number is given again";
}

TEST(RequestMix, TheGreatestHoldMostDevices) {
  request_mix mix;
  mix.count(mix.hold(flavour{{}, 1, 1, 1}), 7);
  mix.count(mix.hold(flavour{{}, 8, 1, 1}), 1);
  mix.count(mix.hold(flavour{{}, 4, 1, 1}), 2);
  std::vector<std::int64_t> counts;
  for (const auto* entry : mix.greatest(10)) {
    counts.push_back(entry->wanted.count);
  }
  EXPECT_THAT(counts, testing::ElementsAre(4, 8, 1)) << "equal ones in the order of flavours";
}

TEST(Stay, EndsAreRoundedUpByAQuarterToAHalfOfTheStay) {
  EXPECT_EQ(rounded_end(at(100), std::nullopt), unknown_end);
  for (std::int64_t length = 1; length < 5'000; length += 7) {
    const auto end = rounded_end(at(12'345), at(12'345 + length)) -
                     at(12'345 + length).time_since_epoch().count();
    EXPECT_GE(end, 0);
    EXPECT_LE(end, std::chrono::nanoseconds{seconds{length}}.count() / 2);
  }
  EXPECT_EQ(rounded_end(at(0), model::timestamp{model::duration{unknown_end - 1}}), unknown_end);
  EXPECT_GE(rounded_end(at(100), at(50)), at(50).time_since_epoch().count()) << "overdue";
}

TEST(Stay, AHostStaysAsLongAsTheLastOfItsServers) {
  EXPECT_EQ(stay_of({}), host_stay{});
  EXPECT_EQ(stay_of({5, 9, 7}), (host_stay{3, 9}));
  EXPECT_EQ(stay_of({5, unknown_end}), (host_stay{2, unknown_end}));
  EXPECT_EQ(stay_of(std::vector<std::int64_t>(20, 4)), (host_stay{host_stay::servers_max, 4}));
}

} // namespace
} // namespace berth::scheduler
