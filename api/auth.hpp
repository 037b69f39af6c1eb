#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/failure.hpp"

namespace berth::api {

/// What a caller may do: a viewer only reads.
enum class role : std::uint8_t { viewer, admin };
[[nodiscard]] std::string_view to_string(role which);

/// Who may call. Keeps SHA-256 digests of the tokens, never the tokens. Immutable: any thread.
class authenticator {
public:
  /// Everybody is admin: for a port on loopback without a token file.
  [[nodiscard]] static authenticator open() { return authenticator{}; }

  /// Lines of `<role> <token>`, role admin or viewer, token 16 to 512 printable characters without
  /// spaces; `#` starts a comment line. At least one token. Fails with the line's number.
  [[nodiscard]] static model::result<authenticator> parse(std::string_view text);
  /// Reads such a file. Fails if others than owner and group can read or write it.
  [[nodiscard]] static model::result<authenticator> load(const std::filesystem::path& file);

  [[nodiscard]] bool has_tokens() const { return !entries_.empty(); }

  /// The role behind an Authorization header; not_authenticated if there is none. The time taken
  /// tells nothing about the stored tokens.
  [[nodiscard]] model::result<role> check(const std::optional<std::string>& authorization) const;

private:
  using digest = std::array<std::uint8_t, 32>;
  struct entry {
    role who;
    digest token;
  };
  static digest digest_of(std::string_view token);

  std::vector<entry> entries_;
};

} // namespace berth::api
