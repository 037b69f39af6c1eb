#pragma once

#include <functional>
#include <string>

#include "apps/checker.hpp"
#include "model/failure.hpp"
#include "net/http_client.hpp"

namespace berth::apps {

/// Gets the body of a path; an answer that is not 200 is a failure.
using get_body = std::function<model::result<std::string>(const std::string& target)>;

/// Through a client.
[[nodiscard]] get_body body_getter(net::http_client& client);

/// Reads hosts, devices and servers page by page. The pages are one view only if nothing happened
/// meanwhile, so they are read again until the cluster's sequence number stayed the same, at most
/// `attempts` times; then it fails with errc::busy.
[[nodiscard]] model::result<cluster_facts> read_api(const get_body& get, int attempts = 10);

} // namespace berth::apps
