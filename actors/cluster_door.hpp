#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "actors/admission.hpp"
#include "actors/inbox.hpp"
#include "api/cluster_port.hpp"
#include "control/cluster_messages.hpp"

namespace berth::actors {

/// The way from the cluster to one connection. Any thread; never blocks.
class link_outlet {
public:
  virtual ~link_outlet() = default;
  virtual void welcome(model::link_welcome message) = 0;
  virtual void tell(model::to_host message) = 0;
  virtual void close(model::failure why) = 0;
};

using claim_handler = std::function<void(model::result<std::optional<api::remembered_answer>>)>;
using remember_handler = std::function<void(model::result<void>)>;
/// Whom to tell the answer.
using answer_to = std::variant<std::monostate, api::cluster_port::reply_handler,
                               api::cluster_port::answer_handler, claim_handler, remember_handler>;

/// One thing for the cluster, with all that its answer needs.
struct door_item {
  control::input what;
  answer_to done;
  std::shared_ptr<link_outlet> outlet; ///< with link_opened: where the cluster's word goes
  permit admitted;                     ///< held until the answer has been given
};

/// Where everybody leaves work for the cluster: the API's port and the host links. One wake-up
/// message hands over all that has gathered, so the cost of a message is shared by many requests.
class cluster_door {
public:
  explicit cluster_door(mail_meter meter = {}) : items_(std::move(meter)) {}

  /// Work arrived and the cluster sleeps. Set before the first push.
  void on_work(std::function<void()> wake) { wake_ = std::move(wake); }

  void push(door_item item) {
    if (items_.push(std::move(item)) && wake_)
      wake_();
  }
  /// For what changes nothing that others wait for: the cluster reads it with what is pushed next,
  /// or when it looks itself over for the metrics.
  void leave(door_item item) {
    const auto enough = [](const auto& unread) { return unread.size() >= unread_max; };
    if (items_.leave(std::move(item), enough) && wake_)
      wake_();
  }
  /// The memory of `spare`, which is empty, is filled next.
  [[nodiscard]] std::vector<door_item> take(std::vector<door_item> spare = {}) {
    return items_.take(std::move(spare));
  }
  [[nodiscard]] std::size_t waiting() const { return items_.size(); }

  [[nodiscard]] control::ticket next_ticket() {
    return control::ticket{tickets_.fetch_add(1, std::memory_order_relaxed)};
  }
  [[nodiscard]] control::link_id next_link() {
    return control::link_id{links_.fetch_add(1, std::memory_order_relaxed)};
  }

  /// The present leadership; 0 before the cluster has started.
  [[nodiscard]] model::leader_epoch leader() const { return leader_.load(); }
  void leader(model::leader_epoch epoch) { leader_.store(epoch); }

private:
  static constexpr std::size_t unread_max = 256;

  inbox<door_item> items_;
  std::function<void()> wake_;
  std::atomic<std::uint64_t> tickets_{1};
  std::atomic<std::uint64_t> links_{1};
  std::atomic<model::leader_epoch> leader_{0};
};

} // namespace berth::actors
