#pragma once

#include <limits>

#include "control/cluster_state.hpp"
#include "model/failure.hpp"
#include "store/event_store.hpp"

namespace berth::actors {

/// The state that the store holds: its newest snapshot and the records after it, up to and with
/// `until`. The failure of a damaged or too new store names the record and the remedy.
[[nodiscard]] model::result<control::cluster_state>
load_cluster(const store::event_reader& store,
             model::sequence_number until = std::numeric_limits<model::sequence_number>::max());

} // namespace berth::actors
