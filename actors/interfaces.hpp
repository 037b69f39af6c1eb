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
struct device_event;
struct read_order;
struct reply_batch;
struct scheduler_turn;
struct snapshot_order;
struct snapshot_part;
struct turn_done;
} // namespace berth::actors

CAF_BEGIN_TYPE_ID_BLOCK(berth, caf::first_custom_type_id)
  CAF_ADD_ATOM(berth, berth::actors::atom, wake, "wake")
  CAF_ADD_ATOM(berth, berth::actors::atom, tick, "tick")
  CAF_ADD_ATOM(berth, berth::actors::atom, flush, "flush")
  CAF_ADD_ATOM(berth, berth::actors::atom, look, "look")
  CAF_ADD_ATOM(berth, berth::actors::atom, tidy, "tidy")
CAF_END_TYPE_ID_BLOCK(berth)

namespace berth::actors {

/// Owns the one writing handle of the event log. Detached: fsync blocks its thread and nobody else.
using store_writer_actor = caf::typed_actor<
    // Makes the records durable as one batch. Bounded: the cluster has one outstanding.
    caf::replies_to<parcel<append_batch>>::with<parcel<append_outcome>>,
    // Stores a part of a snapshot, between two appends. Bounded: the snapshotter has one
    // outstanding.
    caf::replies_to<parcel<snapshot_part>>::with<parcel<append_outcome>>,
    // INTERNAL: removes some of what the last snapshot made superfluous.
    caf::reacts_to<atom::tidy>>;

/// Makes snapshots from the store alone, so that neither cluster nor writer pause for them.
/// Detached: replaying blocks. Its own copy of the state lives only while it works.
using snapshotter_actor = caf::typed_actor<
    // Bounded: the writer orders the next one after the last has ended.
    caf::reacts_to<parcel<snapshot_order>>>;

/// Reads older events for /v1/events. Detached: reading blocks.
using log_archive_actor = caf::typed_actor<
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
    // INTERNAL: events have gathered long enough.
    caf::reacts_to<atom::flush>,
    // INTERNAL: time for the observer to look at the state.
    caf::reacts_to<atom::look>>;

/// The controller's end of one connection: runs control::host_link.
using host_link_actor = caf::typed_actor<
    // Its inbox has frames of the agent or words of the cluster. Bounded: one until it is emptied;
    // frames hold permits, and a link that sends faster than they come back is closed.
    caf::reacts_to<atom::wake>,
    // INTERNAL: the lease or the hello's deadline is due.
    caf::reacts_to<atom::tick>>;

/// The agent of one host: runs control::host_machine and control::agent_link over a host_backend.
using host_actor = caf::typed_actor<
    // Its inbox has frames, finished operations, happenings of the machine or what its devices say.
    // Bounded: one until it is emptied; operations in flight are bounded by the machine, frames by
    // permits, and a device says a few things for each thing it hears.
    caf::reacts_to<atom::wake>,
    // INTERNAL: the link's machine or one of the machine's timers is due.
    caf::reacts_to<atom::tick>>;

/// One passthrough device: runs control::device_turnover, so that everything that is done to the
/// device is done in one order. Linked to its host.
using device_actor = caf::typed_actor<
    // From its host, from the ownership writer, or INTERNAL: its timer. Bounded: the host sends one
    // message per command, scan or finished operation, of which one is outstanding.
    caf::reacts_to<parcel<device_event>>>;

/// Owns the file of obeyed epochs. Detached: fsync blocks its thread and nobody else.
using ownership_writer_actor = caf::typed_actor<
    // Its inbox has ownership to keep. Bounded: one until it is emptied; a device waits for one.
    caf::reacts_to<atom::wake>>;

} // namespace berth::actors
