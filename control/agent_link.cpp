#include "control/agent_link.hpp"

#include <algorithm>
#include <utility>

namespace berth::control {

using model::errc;

agent_link::agent_link(config how, model::incarnation_id incarnation,
                       model::leader_epoch known_leader, model::random dice, model::timestamp now)
    : config_(how), incarnation_(incarnation), leader_(known_leader), dice_(dice), next_(now) {}

// --- The connection

void agent_link::connected(model::timestamp now) {
  phase_ = phase::greeting;
  next_ = now + config_.connect_timeout;
  last_received_ = 0;
  last_sent_ = 0;
  last_heard_ = now;
  last_sent_at_ = now;
  outbox_.clear();
}

void agent_link::back_off(model::timestamp now) {
  // Doubling from the least to the most, the upper half of each at random: agents that lost one
  // controller together do not come back together.
  constexpr std::uint32_t doublings_max = 30;
  auto most = config_.backoff_min * (std::int64_t{1} << std::min(failures_, doublings_max));
  most = std::clamp(most, config_.backoff_min, std::max(config_.backoff_min, config_.backoff_max));
  ++failures_;
  const auto half = most.count() / 2;
  const auto extra = dice_.below(static_cast<std::uint64_t>(half) + 1);
  phase_ = phase::waiting;
  next_ = now + model::duration{half + static_cast<std::int64_t>(extra)};
  outbox_.clear();
}

void agent_link::disconnected(model::timestamp now) {
  if (phase_ != phase::waiting) {
    back_off(now);
  }
}

agent_link::action agent_link::give_up(model::timestamp now, model::failure why) {
  back_off(now);
  return close{std::move(why)};
}

std::vector<agent_link::action> agent_link::on_timer(model::timestamp now) {
  if (now < deadline()) {
    return {};
  }
  switch (phase_) {
  case phase::waiting:
    phase_ = phase::connecting;
    next_ = now + config_.connect_timeout;
    return {connect{}};
  case phase::connecting:
  case phase::greeting:
    return {give_up(now, {errc::request_timeout, "the controller did not answer in time", {}})};
  case phase::welcomed:
    if (now >= last_heard_ + lease_) {
      return {give_up(
          now,
          {errc::request_timeout, "nothing was heard of the controller for a whole lease", {}})};
    }
    if (outbox_.empty()) {
      outbox_.emplace_back(model::link_heartbeat{});
    }
    last_sent_at_ = now; // due again in an interval, even if the shell cannot write now
    return {};
  }
  return {};
}

model::timestamp agent_link::deadline() const {
  if (phase_ != phase::welcomed) {
    return next_;
  }
  return std::min(last_sent_at_ + heartbeat_interval_, last_heard_ + lease_);
}

void agent_link::heard(model::timestamp now) {
  last_heard_ = std::max(last_heard_, now);
}

// --- Frames

std::vector<agent_link::action> agent_link::received(model::timestamp now,
                                                     model::link_frame<model::to_host> frame) {
  if (phase_ != phase::greeting && phase_ != phase::welcomed) {
    return {};
  }
  const auto drop = [this](frame_fault fault) -> std::vector<action> {
    ++faults_.at(static_cast<std::size_t>(fault));
    return {dropped{fault}};
  };
  const auto& header = frame.header;
  if (header.sequence == last_received_ && last_received_ != 0) {
    return drop(frame_fault::duplicate);
  }
  if (header.sequence <= last_received_) {
    return drop(frame_fault::late);
  }
  if (header.incarnation != incarnation_) {
    return drop(frame_fault::other_incarnation);
  }
  if (header.leader < leader_) {
    if (phase_ == phase::greeting) {
      return {give_up(now, {errc::stale_epoch,
                            "the controller leads epoch " + std::to_string(header.leader) +
                                ", this host obeys " + std::to_string(leader_) +
                                ": connect to the newer controller",
                            {}})};
    }
    return drop(frame_fault::old_leader);
  }
  auto* welcome = std::get_if<model::link_welcome>(&frame.message);
  if (phase_ == phase::greeting && welcome == nullptr) {
    return drop(frame_fault::early);
  }
  last_received_ = header.sequence;
  heard(now);
  if (welcome != nullptr) {
    return {take_welcome(now, *welcome)};
  }
  std::vector<action> what; // a list in braces would copy the message
  what.emplace_back(told{std::move(frame.message)});
  return what;
}

agent_link::action agent_link::take_welcome(model::timestamp now, model::link_welcome message) {
  if (message.heartbeat_interval <= model::duration::zero() ||
      message.lease < message.heartbeat_interval) {
    return give_up(now,
                   {errc::invalid_argument, "the controller's welcome gives no proper lease", {}});
  }
  phase_ = phase::welcomed;
  failures_ = 0;
  leader_ = std::max(leader_, message.leader);
  heartbeat_interval_ = message.heartbeat_interval;
  lease_ = message.lease;
  last_sent_at_ = now;
  return welcomed{message};
}

bool agent_link::send(model::from_host message) {
  const bool hello = std::holds_alternative<model::link_hello>(message);
  const bool may = hello ? phase_ == phase::greeting && last_sent_ == 0 && outbox_.empty()
                         : phase_ == phase::welcomed;
  if (!may || outbox_.size() >= config_.outbox_max) {
    return false;
  }
  outbox_.push_back(std::move(message));
  return true;
}

std::optional<model::link_frame<model::from_host>> agent_link::next_frame(model::timestamp now) {
  if (outbox_.empty() || (phase_ != phase::greeting && phase_ != phase::welcomed)) {
    return std::nullopt;
  }
  last_sent_at_ = now;
  // Made in place: g++ 12 warns falsely of uninitialised members when the frame is moved.
  std::optional<model::link_frame<model::from_host>> frame;
  frame.emplace();
  frame->header = {incarnation_, leader_, ++last_sent_};
  frame->message.swap(outbox_.front());
  outbox_.erase(outbox_.begin());
  return frame;
}

} // namespace berth::control
