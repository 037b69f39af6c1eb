#include "apps/actor_config.hpp"

#include "actors/interfaces.hpp"

namespace berth::apps {

actor_config::actor_config(std::int64_t threads) {
  add_message_types<caf::id_block::berth>();
  // Sharing: idle threads wait on one queue. The default (stealing) polls, which costs an idle
  // process CPU and a lone request up to 10 ms.
  set("scheduler.policy", caf::atom("sharing"));
  set("scheduler.max-threads", static_cast<std::size_t>(threads));
  set("logger.file-verbosity", caf::atom("quiet"));
  set("logger.console-verbosity", caf::atom("quiet"));
}

} // namespace berth::apps
