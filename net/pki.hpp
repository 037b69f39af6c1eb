#pragma once

#include "net/error.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace berth::net {

/// A small private certificate authority in a directory: enough for one berth installation.
/// Keys are EC P-256, in files readable by their owner only. Files are written whole or not at all
/// and never overwritten.
///
///   <dir>/ca.crt, <dir>/ca.key           the authority; its key never leaves the machine
///   <dir>/<name>.crt, <dir>/<name>.key   what `issue` made

/// What a certificate is for. Each role may act as TLS server and client.
enum class certificate_role {
  controller, ///< carries the DNS names and addresses under which it is reached
  host,       ///< carries also the URI "berth-host:<name>": which host it speaks for
  client,     ///< names no host
};

/// The URI that a host's certificate carries and by which the controller knows it.
[[nodiscard]] std::string host_uri(const std::string& host_name);

/// The host named by one of the URIs of a certificate, or the empty string.
[[nodiscard]] std::string host_of(const std::vector<std::string>& uri_names);

struct certificate_files {
  std::filesystem::path certificate;
  std::filesystem::path key;
};

/// Makes the authority in `dir`, which is created if need be. Fails with errc::exists when there is
/// one already.
[[nodiscard]] result<certificate_files>
create_authority(const std::filesystem::path& dir,
                 std::chrono::days validity = std::chrono::days(3'650));

/// Issues a certificate for `name`, signed by the authority in `dir`. Each of `names` becomes an IP
/// name when it is a numeric address, else a DNS name. `name` may hold letters, digits, '.', '_'
/// and '-', as it becomes a file name. A host named `*` speaks for every host, where the controller
/// accepts that (fleets of simulated hosts); its files are called `fleet`.
[[nodiscard]] result<certificate_files> issue(const std::filesystem::path& dir,
                                              const std::string& name,
                                              const std::vector<std::string>& names,
                                              certificate_role role,
                                              std::chrono::days validity = std::chrono::days(825));

} // namespace berth::net
