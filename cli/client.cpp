#include "cli/client.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include <fmt/format.h>

#include "model/amounts.hpp"
#include "model/failure.hpp"
#include "model/ids.hpp"
#include "net/url.hpp"

namespace berth::cli {
namespace {

constexpr int attempts_max = 4;
constexpr pacer::duration pause_max{5'000};

std::string fresh_key() {
  std::random_device dice;
  const auto word = [&] { return (std::uint64_t{dice()} << 32U) | dice(); };
  const auto high = word();
  return to_string(model::uuid::from_random(high, word()));
}

result<json> parse_answer(const std::string& body) {
  auto parsed = json::parse(body, nullptr, false);
  if (parsed.is_discarded())
    return tl::unexpected{fault{exit_code::failed,
                                "the answer is not JSON: is this a berth controller?",
                                {{"answer", body.substr(0, 200)}}}};
  return parsed;
}

bool is_busy(int status) {
  return status == 429 || status == 503;
}

/// How long a busy controller wants us to wait, within reason.
pacer::duration pause_before(const call_answer& answer, int attempt) {
  const auto wanted =
      answer.retry_after ? model::parse_duration(*answer.retry_after) : std::nullopt;
  return std::min(pause_max, wanted.value_or(pacer::duration{200 << attempt}));
}

/// Splits server-sent events into blocks.
class event_reader {
public:
  explicit event_reader(const std::function<bool(const std::string&, const std::string&)>& sink)
      : sink_(sink) {}

  bool take(std::string_view bytes) {
    buffer_ += bytes;
    std::size_t end = 0;
    while ((end = buffer_.find('\n')) != std::string::npos) {
      auto line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      if (line.ends_with('\r'))
        line.pop_back();
      if (!take_line(line))
        return false;
    }
    return true;
  }

private:
  bool take_line(std::string_view line) {
    if (line.empty()) {
      const bool more = data_.empty() || sink_(id_, data_);
      data_.clear();
      return more;
    }
    const auto colon = line.find(':');
    const auto field = line.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    if (value.starts_with(' '))
      value.remove_prefix(1);
    if (field == "data")
      data_ += (data_.empty() ? "" : "\n") + std::string{value};
    else if (field == "id")
      id_ = value;
    return true;
  }

  const std::function<bool(const std::string&, const std::string&)>& sink_;
  std::string buffer_;
  std::string id_;
  std::string data_;
};

} // namespace

target& target::segment(std::string_view text) {
  text_ += "/" + net::percent_encode(text);
  return *this;
}

target& target::fixed(std::string_view text) {
  text_ += text;
  return *this;
}

target& target::query(std::string_view name, std::string_view value) {
  text_ += has_query_ ? "&" : "?";
  has_query_ = true;
  text_ += net::percent_encode(name) + "=" + net::percent_encode(value);
  return *this;
}

fault fault_of(int http_status, const json& error) {
  const auto name = text_of(error, "class");
  fault out;
  out.http_status = http_status;
  out.error_class = name;
  out.message = text_of(error, "message");
  if (out.message.empty())
    out.message = fmt::format("the controller answered {} without a reason", http_status);
  for (const auto& [key, value] : at(error, "details").items())
    out.details.emplace(key, cell_of(value));
  const auto catalogue = model::error_catalogue();
  const auto line = std::ranges::find(catalogue, name, &model::error_description::name);
  if (line != catalogue.end())
    out.remedy = line->remedy;
  if (http_status == 504)
    out.code = exit_code::unknown;
  return out;
}

fault fault_of(int http_status, const std::string& body) {
  const auto parsed = json::parse(body, nullptr, false);
  return fault_of(http_status, parsed.is_discarded() ? json{} : at(parsed, "error"));
}

result<json> client::send(call what) {
  what.headers.emplace_back("Accept", "application/json");
  if (!what.body.empty())
    what.headers.emplace_back("Content-Type", "application/json");
  const bool repeatable = what.method == "GET" || what.method == "POST" || what.method == "PATCH";
  for (int attempt = 1;; ++attempt) {
    auto answer = door_.exchange(what);
    if (!answer)
      return tl::unexpected{answer.error()};
    if (is_busy(answer->status) && repeatable && attempt < attempts_max) {
      time_.pause(pause_before(*answer, attempt));
      continue;
    }
    if (answer->status < 200 || answer->status > 299)
      return tl::unexpected{fault_of(answer->status, answer->body)};
    return answer->body.empty() ? result<json>{json::object()} : parse_answer(answer->body);
  }
}

result<json> client::get(const target& where) {
  return send({.method = "GET", .target = where.text()});
}

result<json> client::post(const target& where, const json& body) {
  return send({.method = "POST",
               .target = where.text(),
               .body = dump(body),
               .headers = {{"Idempotency-Key", fresh_key()}}});
}

result<json> client::patch(const target& where, const json& body) {
  return send({.method = "PATCH", .target = where.text(), .body = dump(body)});
}

result<json> client::remove(const target& where) {
  return send({.method = "DELETE", .target = where.text()});
}

result<void>
client::events(const target& where, const std::string& last_id,
               const std::function<bool(const std::string&, const std::string&)>& on_event) {
  call what{.method = "GET", .target = where.text(), .headers = {{"Accept", "text/event-stream"}}};
  if (!last_id.empty())
    what.headers.emplace_back("Last-Event-ID", last_id);
  event_reader reader{on_event};
  auto answer = door_.stream(what, [&](std::string_view bytes) { return reader.take(bytes); });
  if (!answer)
    return tl::unexpected{answer.error()};
  if (answer->status != 200)
    return tl::unexpected{fault_of(answer->status, answer->body)};
  return {};
}

} // namespace berth::cli
