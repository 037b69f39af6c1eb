#include "api/auth.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>

#include "model/text.hpp"

namespace berth::api {

using model::errc;
using model::fail;
using model::result;

namespace {

constexpr std::size_t token_min = 16;
constexpr std::size_t token_max = 512;
constexpr std::uintmax_t file_max = 1U << 20U;

tl::unexpected<model::failure> bad_line(std::size_t number, const std::string& what) {
  return fail(errc::invalid_argument, "token file line " + std::to_string(number) + ": " + what);
}

bool is_token(std::string_view text) {
  return text.size() >= token_min && text.size() <= token_max &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

} // namespace

std::string_view to_string(role which) {
  return which == role::admin ? "admin" : "viewer";
}

authenticator::digest authenticator::digest_of(std::string_view token) {
  digest value{};
  SHA256(reinterpret_cast<const unsigned char*>(token.data()), token.size(), value.data());
  return value;
}

result<authenticator> authenticator::parse(std::string_view text) {
  authenticator made;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = text.find('\n');
    auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) {
      line.remove_suffix(1);
    }
    if (line.empty() || line.front() == '#') {
      continue;
    }
    const auto space = line.find(' ');
    const auto word = line.substr(0, space);
    if (word != "admin" && word != "viewer") {
      return bad_line(number, "the role must be admin or viewer, then one space and the token");
    }
    const auto token = space == std::string_view::npos
                           ? std::string_view{}
                           : line.substr(line.find_first_not_of(' ', space));
    if (!is_token(token)) {
      return bad_line(number, "the token must be 16 to 512 printable characters without spaces");
    }
    const auto digest = digest_of(token);
    if (std::ranges::any_of(made.entries_, [&](const entry& e) { return e.token == digest; })) {
      return bad_line(number, "the token is given twice: give each token one role");
    }
    made.entries_.push_back({word == "admin" ? role::admin : role::viewer, digest});
  }
  if (made.entries_.empty()) {
    return fail(errc::invalid_argument,
                "the token file holds no token: add a line such as 'admin <token>'");
  }
  return made;
}

result<authenticator> authenticator::load(const std::filesystem::path& file) {
  struct stat facts {};
  if (::stat(file.c_str(), &facts) != 0) {
    return fail(errc::invalid_argument,
                "token file " + file.string() + " cannot be read: " + std::strerror(errno));
  }
  if (!S_ISREG(facts.st_mode) || static_cast<std::uintmax_t>(facts.st_size) > file_max) {
    return fail(errc::invalid_argument,
                "token file " + file.string() + " must be an ordinary file of at most 1 MiB");
  }
  if ((facts.st_mode & (S_IROTH | S_IWOTH)) != 0) {
    return fail(errc::invalid_argument,
                "token file " + file.string() + " is open to every user: run chmod 0640 on it");
  }
  std::ifstream in{file, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{}};
  if (in.bad() || !in.is_open()) {
    return fail(errc::invalid_argument, "token file " + file.string() + " cannot be read");
  }
  return parse(text).map_error([&](model::failure failure) {
    failure.message = file.string() + ": " + failure.message;
    return failure;
  });
}

result<role> authenticator::check(const std::optional<std::string>& authorization) const {
  if (entries_.empty()) {
    return role::admin;
  }
  constexpr std::string_view scheme = "Bearer ";
  if (!authorization || authorization->size() < scheme.size() ||
      !model::equals_ignoring_case(std::string_view{*authorization}.substr(0, scheme.size()),
                                   scheme)) {
    return fail(errc::not_authenticated,
                "no bearer token: send the header 'Authorization: Bearer <token>'");
  }
  const auto given = digest_of(std::string_view{*authorization}.substr(scheme.size()));
  const entry* found = nullptr;
  for (const auto& one : entries_) { // all of them, so that the time is always the same
    if (CRYPTO_memcmp(one.token.data(), given.data(), given.size()) == 0) {
      found = &one;
    }
  }
  if (found == nullptr) {
    return fail(errc::not_authenticated, "the bearer token is not known");
  }
  return found->who;
}

} // namespace berth::api
