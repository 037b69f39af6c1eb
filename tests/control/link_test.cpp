#include <gtest/gtest.h>

#include "control/agent_link.hpp"
#include "control/host_link.hpp"
#include "tests/control/cluster_world.hpp"

namespace berth::control {
namespace {

using model::errc;
using namespace std::chrono_literals;

/// The two ends of one link with a wire between them that the test holds in its hands.
class Links : public ::testing::Test {
protected:
  using up_frame = model::link_frame<model::from_host>;
  using down_frame = model::link_frame<model::to_host>;

  Links() { reset_host_end(); }

  void reset_host_end(const std::string& certificate = "gpu-1") {
    host_end.emplace(host_link::config{leader, 15s, 10s, 4}, certificate, now);
  }
  void open() {
    ASSERT_TRUE(std::holds_alternative<agent_link::connect>(agent_end.on_timer(now).at(0)));
    agent_end.connected(now);
    ASSERT_TRUE(agent_end.send(model::link_hello{info}));
  }
  /// Up to the welcome.
  void establish() {
    open();
    const auto opened = up();
    ASSERT_TRUE(std::holds_alternative<host_link::opened>(opened.at(0)));
    host_end->accept(now, {leader, 5s, 15s});
    ASSERT_TRUE(std::holds_alternative<agent_link::welcomed>(down().at(0)));
  }
  std::vector<host_link::action> up() {
    return host_end->received(now, *agent_end.next_frame(now));
  }
  std::vector<agent_link::action> down() {
    return agent_end.received(now, *host_end->next_frame());
  }
  std::optional<frame_fault> fault(const std::vector<host_link::action>& actions) {
    const auto* found = actions.empty() ? nullptr : std::get_if<host_link::dropped>(&actions[0]);
    return found != nullptr ? std::optional{found->fault} : std::nullopt;
  }
  std::optional<errc> closed(const std::vector<host_link::action>& actions) {
    const auto* found = actions.empty() ? nullptr : std::get_if<host_link::close>(&actions[0]);
    return found != nullptr ? std::optional{found->why.code} : std::nullopt;
  }
  up_frame frame(std::uint64_t sequence, model::from_host message = model::link_heartbeat{}) {
    return {{life, leader, sequence}, std::move(message)};
  }

  model::timestamp now{480'000h};
  model::leader_epoch leader = 3;
  model::host_info info = testing::make_host("gpu-1", 1);
  model::incarnation_id life{model::uuid::derive({}, "life")};
  agent_link agent_end{{}, life, 2, model::random{5}, now};
  std::optional<host_link> host_end;
};

TEST_F(Links, HelloThenWelcomeThenMessages) {
  establish();
  EXPECT_EQ(agent_end.leader(), 3U);
  ASSERT_TRUE(agent_end.send(model::observed_state{}));
  const auto said = up();
  ASSERT_TRUE(std::holds_alternative<host_link::said>(said.at(0)));
  ASSERT_TRUE(host_end->send(model::report_acknowledged{1}));
  EXPECT_TRUE(std::holds_alternative<agent_link::told>(down().at(0)));
}

TEST_F(Links, TheFirstMessageMustBeAProperHello) {
  EXPECT_EQ(closed(host_end->received(now, frame(1))), errc::invalid_argument);
  reset_host_end("gpu-2");
  EXPECT_EQ(closed(host_end->received(now, frame(1, model::link_hello{info}))),
            errc::not_permitted);
  reset_host_end();
  EXPECT_EQ(closed(host_end->received(now, frame(1, model::link_hello{info, "berth-link/9"}))),
            errc::invalid_argument);
  reset_host_end();
  auto newer = frame(1, model::link_hello{info});
  newer.header.leader = 4;
  EXPECT_EQ(closed(host_end->received(now, newer)), errc::stale_epoch);
  EXPECT_TRUE(host_end->received(now, frame(2, model::link_hello{info})).empty()) << "closed";
}

TEST_F(Links, DuplicatedReorderedAndForeignFramesAreDroppedAndCounted) {
  establish();
  EXPECT_EQ(fault(host_end->received(now, frame(2))), std::nullopt);
  EXPECT_EQ(fault(host_end->received(now, frame(2))), frame_fault::duplicate);
  EXPECT_EQ(fault(host_end->received(now, frame(1))), frame_fault::late);
  auto foreign = frame(3);
  foreign.header.incarnation = {model::uuid::derive({}, "another life")};
  EXPECT_EQ(fault(host_end->received(now, foreign)), frame_fault::other_incarnation);
  auto old = frame(3);
  old.header.leader = 2;
  EXPECT_EQ(fault(host_end->received(now, old)), frame_fault::old_leader);
  EXPECT_EQ(host_end->faults(), (std::array<std::uint64_t, frame_faults>{1, 1, 1, 1, 0}));
  EXPECT_EQ(closed(host_end->received(now, frame(3, model::link_hello{info}))),
            errc::invalid_argument)
      << "hello twice";
}

TEST_F(Links, MissedFramesCostAFullReport) {
  establish();
  EXPECT_TRUE(host_end->received(now, frame(5)).empty());
  EXPECT_EQ(host_end->frames_missed(), 3U);
  const auto asked = host_end->next_frame();
  ASSERT_TRUE(asked);
  EXPECT_TRUE(std::holds_alternative<model::full_report_request>(asked->message));
  (void)host_end->received(now, frame(6));
  EXPECT_FALSE(host_end->next_frame()) << "it was just asked";
  (void)host_end->received(now += 5s, frame(7)); // the request or the report was lost
  EXPECT_TRUE(host_end->next_frame());
  auto everything = frame(8);
  model::observed_state report;
  report.full = true;
  everything.message = report;
  (void)host_end->received(now += 5s, std::move(everything));
  EXPECT_FALSE(host_end->next_frame()) << "that was it";
  (void)host_end->received(now += 5s, frame(9));
  EXPECT_FALSE(host_end->next_frame());
}

TEST_F(Links, OfHeartbeatsOneInThirtySecondsReachesTheCluster) {
  establish();
  std::uint64_t sequence = 1;
  std::vector<model::duration> told;
  const auto begin = now;
  for (int beat = 0; beat < 13; ++beat) {
    const auto actions = host_end->received(now += 5s, frame(++sequence));
    if (!actions.empty() && std::holds_alternative<host_link::said>(actions[0]))
      told.push_back(now - begin);
    EXPECT_EQ(host_end->last_heard(), now);
    EXPECT_EQ(host_end->deadline(), now + 15s) << "the lease is renewed all the same";
  }
  EXPECT_EQ(told, (std::vector<model::duration>{30s, 60s}));
  const auto report = host_end->received(now += 5s, frame(++sequence, model::observed_state{}));
  EXPECT_TRUE(std::holds_alternative<host_link::said>(report.at(0))) << "all else goes on at once";
  EXPECT_TRUE(host_end->received(now += 10s, frame(++sequence)).empty())
      << "it was heard of just now";
}

TEST_F(Links, AHeartbeatThatIsReadLateCountsFromWhenItCame) {
  establish();
  const auto came = now + 10s;
  now += 15s; // the lease would be over
  EXPECT_TRUE(host_end->received(came, frame(2)).empty());
  EXPECT_EQ(host_end->last_heard(), came);
  EXPECT_TRUE(host_end->on_timer(now).empty());
  EXPECT_EQ(host_end->deadline(), came + 15s);
  const auto told = host_end->received(came + 30s, frame(3));
  EXPECT_EQ(std::get<host_link::said>(told.at(0)).at, came + 30s);
}

TEST_F(Links, AskedForAFullReportAgainWithoutHearingAnything) {
  establish();
  EXPECT_TRUE(host_end->received(now, frame(5)).empty());
  EXPECT_TRUE(host_end->next_frame());
  EXPECT_EQ(host_end->deadline(), now + 5s);
  EXPECT_TRUE(host_end->on_timer(now += 5s).empty());
  const auto asked = host_end->next_frame();
  ASSERT_TRUE(asked);
  EXPECT_TRUE(std::holds_alternative<model::full_report_request>(asked->message));
}

TEST_F(Links, NothingIsTakenBeforeTheLinkIsAccepted) {
  open();
  up();
  EXPECT_EQ(fault(host_end->received(now, frame(2))), frame_fault::early);
  ASSERT_TRUE(host_end->send(model::probe_request{}));
  EXPECT_FALSE(host_end->next_frame());
  host_end->accept(now, {leader, 5s, 15s});
  EXPECT_TRUE(std::holds_alternative<model::link_welcome>(host_end->next_frame()->message));
}

TEST_F(Links, TheLatestDesiredStateReplacesOneThatWaits) {
  establish();
  for (model::generation_number generation = 1; generation <= 9; ++generation) {
    model::desired_state wanted;
    wanted.generation = generation;
    ASSERT_TRUE(host_end->send(std::move(wanted)));
    ASSERT_TRUE(host_end->send(model::report_acknowledged{10 - generation}));
  }
  const auto first = host_end->next_frame();
  EXPECT_EQ(std::get<model::desired_state>(first->message).generation, 9U);
  EXPECT_EQ(std::get<model::report_acknowledged>(host_end->next_frame()->message).report, 9U);
  EXPECT_FALSE(host_end->next_frame());
}

TEST_F(Links, SilenceForALeaseExpiresTheLink) {
  EXPECT_EQ(host_end->deadline(), now + 10s);
  establish();
  now += 14s;
  (void)host_end->received(now, frame(2));
  now += 14s;
  EXPECT_TRUE(host_end->on_timer(now).empty());
  now = host_end->deadline();
  const auto expired = host_end->on_timer(now);
  ASSERT_EQ(expired.size(), 1U);
  EXPECT_TRUE(std::get<host_link::close>(expired[0]).expired);
  reset_host_end();
  now += 10s;
  const auto late = host_end->on_timer(now);
  EXPECT_FALSE(std::get<host_link::close>(late.at(0)).expired) << "it never was a link";
}

TEST_F(Links, TheAgentBeatsWhenItHasNothingToSay) {
  establish();
  EXPECT_EQ(agent_end.deadline(), now + 5s);
  now += 5s;
  EXPECT_TRUE(agent_end.on_timer(now).empty());
  const auto beat = agent_end.next_frame(now);
  ASSERT_TRUE(beat);
  EXPECT_TRUE(std::holds_alternative<model::link_heartbeat>(beat->message));
  EXPECT_EQ(agent_end.deadline(), now + 5s);
  now += 10s;
  EXPECT_TRUE(std::holds_alternative<agent_link::close>(agent_end.on_timer(now).at(0)))
      << "nothing was heard for a lease";
  EXPECT_FALSE(agent_end.welcome());
}

TEST_F(Links, TheAgentRefusesAnOlderLeader) {
  leader = 1;
  reset_host_end();
  open();
  const auto refused = agent_end.received(now, {{life, 1, 1}, model::link_welcome{1, 5s, 15s}});
  ASSERT_TRUE(std::holds_alternative<agent_link::close>(refused.at(0)));
  EXPECT_EQ(std::get<agent_link::close>(refused[0]).why.code, errc::stale_epoch);
}

TEST_F(Links, TheAgentDropsWhatItMust) {
  establish();
  const auto probe = [&](std::uint64_t sequence, model::leader_epoch epoch) {
    const auto actions = agent_end.received(now, {{life, epoch, sequence}, model::probe_request{}});
    const auto* found = std::get_if<agent_link::dropped>(&actions.at(0));
    return found != nullptr ? std::optional{found->fault} : std::nullopt;
  };
  EXPECT_EQ(probe(1, 3), frame_fault::duplicate);
  EXPECT_EQ(probe(2, 2), frame_fault::old_leader);
  EXPECT_EQ(probe(2, 3), std::nullopt);
  EXPECT_EQ(probe(1, 3), frame_fault::late);
}

TEST_F(Links, TheAgentComesBackLaterAndLaterButNeverTogether) {
  model::duration longest{};
  std::set<model::duration> waits;
  for (int i = 0; i < 12; ++i) {
    now = agent_end.deadline();
    EXPECT_EQ(agent_end.on_timer(now).size(), 1U);
    agent_end.disconnected(now);
    const auto wait = agent_end.deadline() - now;
    const auto most = std::min<model::duration>(10s, 100ms * (1 << std::min(i, 20)));
    EXPECT_GE(wait, most / 2);
    EXPECT_LE(wait, most);
    longest = std::max(longest, wait);
    waits.insert(wait);
  }
  EXPECT_GE(longest, 5s);
  EXPECT_GT(waits.size(), 10U) << "jittered";
}

TEST_F(Links, BeforeTheWelcomeNothingButTheHelloIsQueued) {
  EXPECT_FALSE(agent_end.send(model::link_heartbeat{}));
  open();
  EXPECT_FALSE(agent_end.send(model::link_hello{info}));
  EXPECT_FALSE(agent_end.send(model::observed_state{}));
  EXPECT_TRUE(agent_end.next_frame(now));
  EXPECT_FALSE(agent_end.next_frame(now));
}

} // namespace
} // namespace berth::control
