#include "sim/traces/submit.hpp"

#include <algorithm>
#include <condition_variable>
#include <memory>
#include <mutex>

#include <nlohmann/json.hpp>

#include "net/async_http_client.hpp"
#include "net/io_pool.hpp"

namespace berth::sim {

namespace {

using nlohmann::json;

std::size_t gpus_of(const model::server_spec& spec) {
  std::size_t sum = 0;
  for (const auto& wish : spec.devices) {
    sum += static_cast<std::size_t>(wish.count);
  }
  return sum;
}

/// The rule of a refusal that excluded the most hosts.
std::string main_rule(const json& why) {
  std::string rule = "unknown";
  std::int64_t most = 0;
  for (const auto& verdict : why.value("rules", json::array())) {
    const auto hosts = verdict.value("hosts_excluded", std::int64_t{0});
    if (hosts > most) {
      most = hosts;
      rule = verdict.value("rule", rule);
    }
  }
  return rule;
}

/// Keeps `concurrency` requests in flight until all are answered. Callbacks come on one I/O thread;
/// the caller waits on another.
class submission {
public:
  submission(const std::vector<model::server_spec>& servers, const submit_options& options)
      : servers_(servers), options_(options) {
    report_.submitted = servers.size();
    latencies_.reserve(servers.size());
    for (const auto& spec : servers) {
      report_.gpus_wanted += gpus_of(spec);
    }
  }

  model::result<submit_report> run() {
    net::async_http_client_options client_options{options_.api};
    client_options.connections = options_.concurrency;
    client_options.outstanding_max = options_.concurrency * 2;
    auto client = net::async_http_client::create(pool_, client_options);
    if (!client) {
      return model::fail(model::errc::invalid_argument, client.error().message);
    }
    client_ = std::move(*client);
    const auto started = options_.now();
    for (std::size_t i = 0; i < options_.concurrency; ++i) {
      pool_.post([this] { send_next(); });
    }
    {
      std::unique_lock lock{mutex_};
      all_answered_.wait(lock, [this] { return answered_ == servers_.size(); });
    }
    report_.elapsed = options_.now() - started;
    client_->stop();
    pool_.stop();
    return finished();
  }

private:
  struct attempt {
    std::size_t index = 0;
    int retries = 0;
    std::chrono::nanoseconds started{};
  };

  void send_next() {
    attempt next;
    {
      const std::lock_guard lock{mutex_};
      if (next_ == servers_.size()) {
        return;
      }
      next.index = next_++;
    }
    next.started = options_.now();
    send(next);
  }

  void send(attempt what) {
    net::client_request call;
    call.method = "POST";
    call.target = "/v1/servers";
    call.headers.add("Content-Type", "application/json");
    call.body = to_request_body(servers_[what.index]);
    const bool accepted =
        client_->submit(std::move(call), [this, what](net::result<net::response> answer) {
          on_answer(what, answer);
        });
    if (!accepted) {
      count_failure(what, "the client stopped");
    }
  }

  void on_answer(attempt what, const net::result<net::response>& answer) {
    if (answer && (answer->status == 429 || answer->status == 503) &&
        what.retries < options_.retries_max) {
      {
        const std::lock_guard lock{mutex_};
        ++report_.retries;
      }
      ++what.retries;
      pool_.after(options_.retry_after, [this, what] { send(what); });
      return;
    }
    if (!answer) {
      count_failure(what, answer.error().message);
    } else {
      count_answer(what, *answer);
    }
    send_next();
  }

  void count_answer(const attempt& what, const net::response& answer) {
    const json body = json::parse(answer.body, nullptr, false);
    if (answer.status != 201 || !body.is_object()) {
      const json error = body.is_object() ? body.value("error", json::object()) : json::object();
      count_failure(what, error.value("class", "HTTP status " + std::to_string(answer.status)));
      return;
    }
    const std::lock_guard lock{mutex_};
    if (body.value("status", "") == "sched_fail") {
      ++report_.refused;
      ++report_.refused_by[main_rule(body.value("why_refused", json::object()))];
    } else {
      ++report_.placed;
      report_.gpus_placed += gpus_of(servers_[what.index]);
    }
    note_answered(what);
  }

  void count_failure(const attempt& what, const std::string& why) {
    const std::lock_guard lock{mutex_};
    ++report_.failed;
    ++report_.failed_by[why];
    note_answered(what);
  }

  /// With the mutex held.
  void note_answered(const attempt& what) {
    latencies_.push_back(options_.now() - what.started);
    ++answered_;
    if (options_.progress && (answered_ % 500 == 0 || answered_ == servers_.size())) {
      options_.progress(answered_, servers_.size());
    }
    if (answered_ == servers_.size()) {
      all_answered_.notify_all();
    }
  }

  submit_report finished() {
    std::sort(latencies_.begin(), latencies_.end());
    if (!latencies_.empty()) {
      const auto at = [this](std::size_t percent) {
        return latencies_[std::min(latencies_.size() - 1, latencies_.size() * percent / 100)];
      };
      report_.latency_p50 = at(50);
      report_.latency_p99 = at(99);
      report_.latency_max = latencies_.back();
    }
    return report_;
  }

  const std::vector<model::server_spec>& servers_;
  const submit_options& options_;
  std::mutex mutex_; ///< guards all below up to the condition
  std::size_t next_ = 0;
  std::size_t answered_ = 0;
  submit_report report_;
  std::vector<std::chrono::nanoseconds> latencies_;
  std::condition_variable all_answered_;
  net::io_pool pool_{1};
  std::unique_ptr<net::async_http_client> client_;
};

double milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double, std::milli>{time}.count();
}

double per_second(const submit_report& report) {
  const double seconds = std::chrono::duration<double>{report.elapsed}.count();
  return seconds > 0 ? static_cast<double>(report.submitted) / seconds : 0;
}

} // namespace

std::string to_request_body(const model::server_spec& spec) {
  json body{{"name", spec.name},
            {"project", spec.project},
            {"vcpus", spec.vcpus},
            {"memory_mib", spec.memory_mib}};
  for (const auto& disk : spec.disks) {
    body["disks"].push_back({{"size_mib", disk.size_mib}, {"image", disk.image}});
  }
  for (const auto& wish : spec.devices) {
    json device{{"count", wish.count}};
    if (wish.id) {
      device = {{"id", to_string(*wish.id)}};
    }
    for (std::size_t i = 0; i < wish.alternatives.size(); ++i) {
      const auto& selector = wish.alternatives[i];
      json described = json::object();
      if (!selector.model.empty()) {
        described["model"] = selector.model;
      }
      if (!selector.vendor.empty()) {
        described["vendor"] = selector.vendor;
      }
      if (selector.type) {
        described["dev_type"] = to_string(*selector.type);
      }
      if (i == 0) {
        device.update(described);
      } else {
        device["alternatives"].push_back(described);
      }
    }
    body["devices"].push_back(device);
  }
  return body.dump();
}

model::result<submit_report> submit(const std::vector<model::server_spec>& servers,
                                    const submit_options& options) {
  if (options.concurrency == 0 || !options.now) {
    return model::fail(model::errc::invalid_argument, "concurrency is 0: must be 1 or more");
  }
  return submission{servers, options}.run();
}

std::string to_json(const submit_report& report) {
  const json body{{"submitted", report.submitted},
                  {"placed", report.placed},
                  {"refused", report.refused},
                  {"failed", report.failed},
                  {"gpus_wanted", report.gpus_wanted},
                  {"gpus_placed", report.gpus_placed},
                  {"retries", report.retries},
                  {"refused_by", report.refused_by},
                  {"failed_by", report.failed_by},
                  {"elapsed_ms", milliseconds(report.elapsed)},
                  {"servers_per_second", per_second(report)},
                  {"latency_ms",
                   {{"p50", milliseconds(report.latency_p50)},
                    {"p99", milliseconds(report.latency_p99)},
                    {"max", milliseconds(report.latency_max)}}}};
  return body.dump(2) + "\n";
}

std::string to_text(const submit_report& report) {
  std::string text = std::to_string(report.submitted) +
                     " servers submitted: " + std::to_string(report.placed) + " placed, " +
                     std::to_string(report.refused) + " refused, " + std::to_string(report.failed) +
                     " failed\n" + std::to_string(report.gpus_placed) + " of " +
                     std::to_string(report.gpus_wanted) + " GPUs placed\n";
  for (const auto& [rule, count] : report.refused_by) {
    text += "  refused by " + rule + ": " + std::to_string(count) + "\n";
  }
  for (const auto& [why, count] : report.failed_by) {
    text += "  failed with " + why + ": " + std::to_string(count) + "\n";
  }
  const auto fixed = [](double value) {
    std::string digits = std::to_string(value);
    return digits.substr(0, digits.find('.') + 3);
  };
  return text + "took " + fixed(milliseconds(report.elapsed) / 1000) + " s, " +
         fixed(per_second(report)) + " servers/s; an answer took " +
         fixed(milliseconds(report.latency_p50)) + " ms (p50), " +
         fixed(milliseconds(report.latency_p99)) + " ms (p99), " +
         fixed(milliseconds(report.latency_max)) + " ms (longest)\n" +
         (report.retries == 0 ? std::string{}
                              : std::to_string(report.retries) + " requests were told to retry\n");
}

} // namespace berth::sim
