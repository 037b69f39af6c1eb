#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/command.hpp"
#include "model/failure.hpp"
#include "model/server.hpp"

namespace berth::api {

// Request bodies, read strictly into values. Each function may reallocate the body it reads.

/// The most servers that one request makes.
inline constexpr std::int32_t servers_per_request_max = 10'000;

/// One server specification as sent; `spec.name` is empty when none was given.
struct server_draft {
  model::server_spec spec;
  std::optional<std::int32_t> count; ///< absent: one, and the name is taken as it is
  bool keep_refused = true;
};

[[nodiscard]] model::result<server_draft> read_server_body(std::string& body);

/// A specification to explain, and the hosts to be judged.
struct explain_draft {
  server_draft server;
  std::vector<std::string> hosts;
};
[[nodiscard]] model::result<explain_draft> read_explain_body(std::string& body);

struct server_batch {
  std::vector<server_draft> servers;
  bool keep_refused = true;
};
[[nodiscard]] model::result<server_batch> read_batch_body(std::string& body);

/// Makes names: the same seed gives the same names.
class name_source {
public:
  explicit name_source(std::uint64_t seed) : seed_(seed) {}
  /// `server-` and ten characters; the `turn`-th of this source.
  [[nodiscard]] std::string name(std::uint64_t turn) const;

private:
  std::uint64_t seed_;
};

/// Appends the draft's servers to `out`: without `count` one; with it `name-1`, `name-2`, ..., or
/// each `{n}` in the name replaced. `made_up` names a nameless draft. Checks every specification.
[[nodiscard]] model::result<void> expand(server_draft draft, const std::string& made_up,
                                         std::vector<model::server_spec>& out);

struct attach_body {
  std::string device;
  std::optional<model::dev_type> type;
};
[[nodiscard]] model::result<attach_body> read_attach_body(std::string& body);

/// Settings of one device (`update.devices` is empty), or of those in `ids`.
[[nodiscard]] model::result<model::update_devices> read_device_settings(std::string& body);
[[nodiscard]] model::result<model::update_devices> read_devices_update(std::string& body);

/// `{"detach":true}`; an empty body is `{}`.
[[nodiscard]] model::result<bool> read_purge_body(std::string& body);
/// `{"on":true}`; an empty body is `{"on":true}`.
[[nodiscard]] model::result<bool> read_maintenance_body(std::string& body);
/// Nothing, or `{}`.
[[nodiscard]] model::result<void> read_no_body(std::string& body);

/// `update.host` is empty.
[[nodiscard]] model::result<model::update_host> read_host_settings(std::string& body);

/// The fields that each body knows, for the check of the OpenAPI document.
[[nodiscard]] std::vector<std::string_view> server_body_fields();
[[nodiscard]] std::vector<std::string_view> explain_body_fields();
[[nodiscard]] std::vector<std::string_view> device_request_fields();
[[nodiscard]] std::vector<std::string_view> device_settings_fields();
[[nodiscard]] std::vector<std::string_view> host_settings_fields();

} // namespace berth::api
