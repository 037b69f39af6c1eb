#pragma once

#include <string>

#include "control/cluster_state.hpp"
#include "model/failure.hpp"

namespace berth::control {

// How messages name things, and the failures that several commands share. Each names the thing,
// what is wrong and what would be right.

/// `server 'train-1'`
[[nodiscard]] std::string name_of(const model::server_record& server);
/// `host 'gpu-7'`
[[nodiscard]] std::string name_of(const model::host_record& host);
/// `device 273f... (GeForce GTX 1050 Ti at 41:00.0 on host 'gpu-7')`
[[nodiscard]] std::string name_of(const model::device_record& device, const cluster_state& state);
/// `'gpu-7'`, or the id of a host that is gone.
[[nodiscard]] std::string host_name(model::host_id host, const cluster_state& state);

[[nodiscard]] tl::unexpected<model::failure> no_such_server(std::string_view ref);
[[nodiscard]] tl::unexpected<model::failure> no_such_device(std::string_view ref);
[[nodiscard]] tl::unexpected<model::failure> no_such_host(std::string_view ref);
[[nodiscard]] tl::unexpected<model::failure> host_is_offline(const model::host_record& host);

/// Nothing if the device may be given to a server now; device_in_use or device_not_free otherwise.
[[nodiscard]] model::result<void> check_free(const model::device_record& device,
                                             const cluster_state& state);

/// Nothing has this model: errc::invalid_argument with the names there are.
[[nodiscard]] model::failure no_such_model(const scheduler::unknown_model& what);
/// A refusal as the answer of a command that keeps nothing.
[[nodiscard]] model::failure does_not_fit(const model::refusal& why);

} // namespace berth::control
