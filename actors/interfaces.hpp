#pragma once

#include <caf/type_id.hpp>
#include <caf/typed_actor.hpp>

#include "actors/parcel.hpp"

// The phone book: who can be told what. Only actors' sources include this; everybody else uses the
// small spawn headers (scheduler_actor.hpp, ...), which need no CAF.
//
// Supervision
// - Controller: cluster, scheduler and store writer live and die together. Their state is the log,
//   so the process ends (exit code 70) and starts anew when one of them dies; nothing is repaired
//   in place. A host link's death closes that host's connection and nothing else.
// - Agent: a host and its devices live and die together; the process ends likewise. What has to
//   survive (obeyed epochs) is on disk before it is acted upon.
//
// Bounds: CAF's mailboxes have none, so each message below says what bounds it.

namespace berth::actors {
struct append_batch;
struct append_outcome;
struct read_order;
struct reply_batch;
struct scheduler_turn;
struct turn_done;
} // namespace berth::actors

CAF_BEGIN_TYPE_ID_BLOCK(berth, caf::first_custom_type_id)
CAF_ADD_ATOM(berth, berth::actors::atom, wake, "wake")
CAF_ADD_ATOM(berth, berth::actors::atom, tick, "tick")
CAF_ADD_ATOM(berth, berth::actors::atom, look, "look")
CAF_END_TYPE_ID_BLOCK(berth)

namespace berth::actors {

/// Owns the one writing handle of the event log. Detached: fsync blocks its thread and nobody else.
using store_writer_actor = caf::typed_actor<
    // Makes the records durable as one batch. Bounded: the cluster has one outstanding.
    caf::replies_to<parcel<append_batch>>::with<parcel<append_outcome>>>;

/// Reads older events for /v1/events. Detached: reading blocks.
using event_reader_actor = caf::typed_actor<
    // Reads and calls the order's handler. Bounded: each order holds a permit.
    caf::reacts_to<parcel<read_order>>>;

/// Plans against a replica of the inventory.
using scheduler_actor = caf::typed_actor<
    // Catches up, then does the jobs. Bounded: the cluster has one outstanding.
    caf::replies_to<parcel<scheduler_turn>>::with<parcel<turn_done>>>;

/// Gives answers to their askers, so that rendering them takes none of the cluster's time.
using reply_courier_actor = caf::typed_actor<
    // Calls every handler once. Bounded: each reply holds its request's permit.
    caf::reacts_to<parcel<reply_batch>>>;

/// Runs control::cluster: the truth, single writer of the log, referee of every plan.
using cluster_actor = caf::typed_actor<
    // The door has work. Bounded: the door sends one until it has been emptied.
    caf::reacts_to<atom::wake>,
    // INTERNAL: something in the machine is due.
    caf::reacts_to<atom::tick>,
    // INTERNAL: time for the observer to look at the state.
    caf::reacts_to<atom::look>>;

} // namespace berth::actors
