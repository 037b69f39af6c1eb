#pragma once

#include <string>

#include "model/failure.hpp"
#include "model/link.hpp"

namespace berth::hostbackend::host_linux {

/// The host name that cloud-init gives the guest: one DNS label (RFC 1123) made of the server's
/// name, each `_` and `.` a `-`, cut to 63 characters, without `-` at its ends; the server's id if
/// nothing is left. A dot is no border of a domain: `llama3.1` is a version, and two such servers
/// would have the same host name.
[[nodiscard]] std::string guest_host_name(const model::desired_server& server);

/// The medium from which a guest's cloud-init takes its instance id (the server's id), host name
/// (guest_host_name) and user data: an ISO 9660 image with Rock Ridge and Joliet, labelled
/// `cidata`, with the files `meta-data` and `user-data` (docs.cloud-init.io, NoCloud). It is as
/// secret as the user data. The same server gives the same bytes.
/// Fails with invalid_argument when the name is none (model::is_name), with internal when the
/// library makes no image.
[[nodiscard]] model::result<std::string> seed_image(const model::desired_server& server);

} // namespace berth::hostbackend::host_linux
