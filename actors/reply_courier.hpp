#pragma once

#include <variant>
#include <vector>

#include <caf/fwd.hpp>

#include "actors/cluster_door.hpp"
#include "actors/interfaces.hpp"

namespace berth::actors {

/// One answer and whom to give it to.
struct reply {
  answer_to done;
  std::variant<control::boxed<model::result<model::reply>>,
               control::boxed<model::result<model::answer>>,
               model::result<std::optional<api::remembered_answer>>, model::result<void>>
      what;
  permit admitted;
};
struct reply_batch {
  std::vector<reply> replies;
};

[[nodiscard]] reply_courier_actor spawn_reply_courier(caf::actor_system& system);

} // namespace berth::actors
