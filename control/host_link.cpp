#include "control/host_link.hpp"

#include <algorithm>
#include <utility>

namespace berth::control {

using model::errc;

std::string_view to_string(frame_fault fault) {
  switch (fault) {
  case frame_fault::duplicate:
    return "duplicate";
  case frame_fault::late:
    return "late";
  case frame_fault::other_incarnation:
    return "other_incarnation";
  case frame_fault::old_leader:
    return "old_leader";
  case frame_fault::early:
    return "early";
  }
  return "unknown";
}

host_link::host_link(config how, std::string certificate_name, model::timestamp now)
    : config_(how), certificate_name_(std::move(certificate_name)),
      deadline_(now + how.hello_deadline) {}

std::optional<frame_fault> host_link::fault_of(const model::link_header& header) const {
  if (header.sequence == last_received_ && last_received_ != 0) {
    return frame_fault::duplicate;
  }
  if (header.sequence <= last_received_) {
    return frame_fault::late;
  }
  if (phase_ == phase::awaiting_hello) {
    return std::nullopt;
  }
  if (header.incarnation != incarnation_) {
    return frame_fault::other_incarnation;
  }
  if (phase_ == phase::awaiting_accept) {
    return frame_fault::early;
  }
  return header.leader < config_.leader ? std::optional{frame_fault::old_leader} : std::nullopt;
}

/// False: there was no room for the question.
bool host_link::ask_again_if_due(model::timestamp now) {
  if (!ask_at_ || now < *ask_at_) {
    return true;
  }
  ask_at_ = now + config_.lease / 3; // until it comes: the request may be lost as well
  return send(model::full_report_request{});
}

std::vector<host_link::action> host_link::received(model::timestamp at,
                                                   model::link_frame<model::from_host> frame) {
  if (phase_ == phase::closed) {
    return {};
  }
  const auto fault = fault_of(frame.header);
  if (fault) {
    ++faults_.at(static_cast<std::size_t>(*fault));
    return {dropped{*fault}};
  }
  if (frame.header.leader > config_.leader) {
    return {refuse({errc::stale_epoch,
                    "the agent of host '" + certificate_name_ + "' obeys leadership " +
                        std::to_string(frame.header.leader) + ", this controller leads " +
                        std::to_string(config_.leader) + ": connect to the newer controller",
                    {}})};
  }
  const bool gap = phase_ == phase::accepted && frame.header.sequence != last_received_ + 1;
  if (gap) { // what was missed may have been a report
    missed_ += frame.header.sequence - last_received_ - 1;
    ask_at_ = at;
  }
  if (const auto* report = std::get_if<model::observed_state>(&frame.message);
      report != nullptr && report->full) {
    ask_at_.reset();
  }
  if (!ask_again_if_due(at)) {
    return {refuse_full_outbox()};
  }
  last_received_ = frame.header.sequence;
  auto* hello = std::get_if<model::link_hello>(&frame.message);
  if (phase_ == phase::awaiting_hello) {
    if (hello == nullptr) {
      return {refuse({errc::invalid_argument,
                      "the first message of host '" + certificate_name_ +
                          "' is no hello: the agent speaks another protocol",
                      {}})};
    }
    return {take_hello(frame.header, std::move(*hello))};
  }
  if (hello != nullptr) {
    return {refuse({errc::invalid_argument,
                    "host '" + certificate_name_ + "' said hello twice on one connection",
                    {}})};
  }
  renew(at);
  if (std::holds_alternative<model::link_heartbeat>(frame.message) &&
      at < last_passed_on_ + passed_on_each) {
    return {};
  }
  last_passed_on_ = at;
  std::vector<action> what; // a list in braces would copy the message
  what.emplace_back(said{std::move(frame.message), at});
  return what;
}

host_link::action host_link::take_hello(const model::link_header& header, model::link_hello hello) {
  if (hello.protocol != link_protocol) {
    return refuse({errc::invalid_argument,
                   "host '" + certificate_name_ + "' speaks another protocol than '" +
                       std::string{link_protocol} + "': install the agent of this version",
                   {}});
  }
  if (hello.info.name != certificate_name_) {
    return refuse({errc::not_permitted,
                   "the certificate is of host '" + certificate_name_ +
                       "', the agent gives another name: give it its own certificate",
                   {}});
  }
  if (header.incarnation.is_nil()) {
    return refuse(
        {errc::invalid_argument, "host '" + certificate_name_ + "' gives no incarnation", {}});
  }
  phase_ = phase::awaiting_accept;
  incarnation_ = header.incarnation;
  return opened{incarnation_, std::move(hello.info)};
}

host_link::action host_link::refuse(model::failure why) {
  phase_ = phase::closed;
  outbox_.clear();
  return close{std::move(why), false};
}

host_link::action host_link::refuse_full_outbox() {
  return refuse({errc::busy, "the outbox to host '" + certificate_name_ + "' is full", {}});
}

std::vector<host_link::action> host_link::on_timer(model::timestamp now) {
  if (phase_ == phase::closed) {
    return {};
  }
  if (!ask_again_if_due(now)) {
    return {refuse_full_outbox()};
  }
  if (now < deadline_) {
    return {};
  }
  const bool expired = phase_ == phase::accepted;
  phase_ = phase::closed;
  outbox_.clear();
  return {close{{errc::request_timeout,
                 "host '" + certificate_name_ +
                     (expired ? "' was silent for a whole lease" : "' did not say hello in time"),
                 {}},
                expired}};
}

model::timestamp host_link::deadline() const {
  if (phase_ == phase::closed) {
    return model::timestamp::max();
  }
  return std::min(deadline_, ask_at_.value_or(model::timestamp::max()));
}

void host_link::renew(model::timestamp now) {
  last_heard_ = now;
  deadline_ = now + config_.lease;
}

void host_link::accept(model::timestamp now, model::link_welcome welcome) {
  if (phase_ != phase::awaiting_accept) {
    return;
  }
  phase_ = phase::accepted;
  config_.leader = welcome.leader;
  renew(now);
  last_passed_on_ = now;
  outbox_.emplace(outbox_.begin(), welcome);
}

bool host_link::send(model::to_host message) {
  if (phase_ == phase::closed) {
    return true; // nobody to tell
  }
  // Of each kind only the latest counts.
  const auto same = std::find_if(outbox_.begin(), outbox_.end(), [&](const model::to_host& waits) {
    return waits.index() == message.index();
  });
  if (same != outbox_.end()) {
    auto* acknowledged = std::get_if<model::report_acknowledged>(&message);
    if (acknowledged != nullptr) {
      acknowledged->report =
          std::max(acknowledged->report, std::get<model::report_acknowledged>(*same).report);
    }
    *same = std::move(message);
    return true;
  }
  if (outbox_.size() >= config_.outbox_max) {
    return false;
  }
  outbox_.push_back(std::move(message));
  return true;
}

std::optional<model::link_frame<model::to_host>> host_link::next_frame() {
  if (phase_ != phase::accepted || outbox_.empty()) {
    return std::nullopt;
  }
  // Made in place: g++ 12 warns falsely of uninitialised members when the frame is moved.
  std::optional<model::link_frame<model::to_host>> frame;
  frame.emplace();
  frame->header = {incarnation_, config_.leader, ++last_sent_};
  frame->message.swap(outbox_.front());
  outbox_.erase(outbox_.begin());
  return frame;
}

} // namespace berth::control
