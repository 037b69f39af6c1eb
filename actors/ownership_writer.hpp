#pragma once

#include <memory>

#include <caf/fwd.hpp>

#include "actors/mail_meter.hpp"
#include "actors/ownership_store.hpp"

namespace berth::actors {

struct ownership_writer_options {
  bool detached = true; ///< a thread of its own; false on virtual time
  mail_meter mail{};
};

/// Starts the writer of a process; all its devices share it and its fsyncs. Ends when the returned
/// object dies; what was not kept by then is not acted upon either.
[[nodiscard]] std::shared_ptr<ownership_keeper>
spawn_ownership_writer(caf::actor_system& system, std::unique_ptr<ownership_store> store,
                       ownership_writer_options options = {});

} // namespace berth::actors
