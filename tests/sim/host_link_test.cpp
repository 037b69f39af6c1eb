#include <gtest/gtest.h>

#include "actors/host_link_actor.hpp"
#include "sim/kernel.hpp"

// The actor at the controller's end of a connection, on virtual time: when it reads what came.

namespace berth::sim {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class deaf_line final : public actors::controller_line {
public:
  bool send(model::link_frame<model::to_host>) override { return true; }
  void close(std::string) override { closed = true; }
  bool closed = false;
};

/// A link that was welcomed. Nobody but the test reads the door.
class HostLink : public ::testing::Test {
protected:
  void connect() {
    actors::host_link_parts parts;
    parts.door = door_;
    parts.clock = time_.clock();
    parts.link = link_;
    links_ = actors::make_link_door(time_.system(), std::move(parts));
    agent_ = links_->admit("gpu-1", line_);
    model::link_hello hello;
    hello.info.name = "gpu-1";
    hello.protocol = control::link_protocol;
    say(std::move(hello));
    auto opened = door_->take();
    EXPECT_EQ(opened.size(), 1U);
    opened.at(0).outlet->welcome({1, seconds{5}, link_.lease});
    time_.run_for(milliseconds{1});
    leader_ = 1;
  }
  ~HostLink() override {
    if (agent_.on_closed && !line_->closed)
      agent_.on_closed("the test is over");
    time_.run_for(seconds{1});
  }

  void say(model::from_host message) {
    agent_.on_frame({{life_, leader_, ++sequence_}, std::move(message)});
    time_.run_for(milliseconds{1});
  }
  /// The steps that it took to hear of one.
  std::uint64_t beat() {
    const auto before = time_.steps();
    say(model::link_heartbeat{});
    return time_.steps() - before;
  }

  kernel time_{{1, true}};
  std::shared_ptr<actors::cluster_door> door_ = std::make_shared<actors::cluster_door>();
  control::host_link::config link_;
  std::shared_ptr<actors::link_door> links_;
  std::shared_ptr<deaf_line> line_ = std::make_shared<deaf_line>();
  actors::controller_listener agent_;
  model::incarnation_id life_{model::uuid::derive({}, "a life")};
  model::leader_epoch leader_ = 0;
  std::uint64_t sequence_ = 0;
};

TEST_F(HostLink, HeartbeatsWakeItAfterSixteen) {
  connect();
  (void)beat(); // the first frame after the welcome is of another leadership than the hello
  for (int i = 0; i < 15; ++i)
    EXPECT_EQ(beat(), 0U) << i;
  EXPECT_EQ(beat(), 1U);
}

TEST_F(HostLink, HeartbeatsWakeItAfterAWhile) {
  link_.lease = seconds{60};
  connect();
  (void)beat();
  time_.run_for(seconds{20}); // the time for a hello, for which it had set its timer, is over
  EXPECT_EQ(beat(), 0U);
  time_.run_for(control::host_link::read_each - seconds{1});
  EXPECT_EQ(beat(), 0U);
  time_.run_for(seconds{1});
  EXPECT_EQ(beat(), 1U);
  EXPECT_EQ(beat(), 0U);
}

TEST_F(HostLink, TheLeaseRunsFromTheHeartbeatThatNobodyHasReadYet) {
  connect();
  (void)beat();
  time_.run_for(seconds{10});
  EXPECT_EQ(beat(), 0U);
  const auto heard = time_.now() - milliseconds{1};
  time_.run_for(seconds{14});
  EXPECT_FALSE(line_->closed);
  time_.run_for(seconds{2});
  EXPECT_TRUE(line_->closed);
  const auto told = door_->take();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(std::get<control::lease_expired>(told[0].what).last_heard, heard);
}

TEST_F(HostLink, TheEndOfAConnectionComesAfterWhatWasLeftBefore) {
  connect();
  (void)beat();
  time_.run_for(seconds{4});
  EXPECT_EQ(beat(), 0U);
  const auto heard = time_.now() - milliseconds{1};
  agent_.on_closed("the agent went away");
  time_.run_for(milliseconds{1});
  const auto told = door_->take();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(std::get<control::link_closed>(told[0].what).last_heard, heard);
}

TEST_F(HostLink, WhatIsNoHeartbeatIsReadAtOnceWithWhatWasLeft) {
  connect();
  (void)beat();
  EXPECT_EQ(beat(), 0U);
  say(model::observed_state{});
  const auto told = door_->take();
  ASSERT_EQ(told.size(), 1U);
  const auto& said = std::get<control::host_said>(told[0].what);
  EXPECT_TRUE(std::holds_alternative<model::observed_state>(said.message));
  EXPECT_EQ(said.at, time_.now() - milliseconds{1});
}

TEST_F(HostLink, AGapIsSeenAtOnce) {
  connect();
  (void)beat();
  ++sequence_; // a frame is lost
  EXPECT_GE(beat(), 1U);
}

TEST_F(HostLink, ADayOfHeartbeatsThatTheClusterDoesNotReadHoldsNoPermit) {
  connect();
  for (int i = 0; i < 24 * 60 * 12; ++i) {
    say(model::link_heartbeat{});
    time_.run_for(seconds{5} - milliseconds{1});
    ASSERT_FALSE(line_->closed) << i;
  }
}

} // namespace
} // namespace berth::sim
