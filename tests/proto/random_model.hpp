#pragma once

#include <cstdint>

#include "model/event.hpp"
#include "model/link.hpp"
#include "model/random.hpp"
#include "model/snapshot.hpp"

namespace berth::proto_test {

/// Values with every field drawn: extremes, empty and odd text, all enumerators. They need not make
/// sense as a cluster; PCI addresses keep their bounds, text is UTF-8.
[[nodiscard]] model::event random_event(model::random& dice, std::size_t kind);
[[nodiscard]] model::event random_event(model::random& dice);
[[nodiscard]] model::log_record random_record(model::random& dice, model::sequence_number sequence);
[[nodiscard]] model::snapshot_item random_item(model::random& dice, std::size_t kind);
[[nodiscard]] model::to_host random_to_host(model::random& dice, std::size_t kind);
[[nodiscard]] model::from_host random_from_host(model::random& dice, std::size_t kind);
[[nodiscard]] model::link_header random_header(model::random& dice);

/// A plausible server with one GPU, as a create request leaves it in the log: some 250 bytes.
[[nodiscard]] model::server_record plausible_server(model::random& dice, std::uint64_t number);

} // namespace berth::proto_test
