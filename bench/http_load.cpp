// A closed-loop load generator for the controller's HTTP API: C keep-alive connections, each with
// one request in flight. One thread and raw epoll on purpose: it shares two cores with the server
// that it measures, so it must cost little. Plain HTTP on loopback only.
//
// It creates servers in rounds; between rounds it deletes them all and waits until every device is
// free again, so that the figure covers creation alone. See bench/durable_create for the whole
// measurement.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/program_options.hpp>
#include <fmt/format.h>

namespace {

using clock_type = std::chrono::steady_clock;

struct settings {
  std::uint16_t port = 8750;
  int connections = 64;
  int rounds = 5;
  int round_size = 7500;
  int batch = 1; ///< servers per request
  int gpus = 1;  ///< devices per server
  int vcpus = 1;
  double settle_seconds = 60;
  std::vector<std::string> processes; ///< NAME=PID, whose processor time is shown
};

/// Processor time that all threads of a process have used, from /proc: unlike the rate, it hardly
/// depends on what else the machine does.
class processor_time {
public:
  explicit processor_time(const std::string& name_and_pid) {
    const auto split = name_and_pid.find('=');
    if (split == std::string::npos)
      throw std::runtime_error("--process " + name_and_pid + ": must be NAME=PID");
    name_ = name_and_pid.substr(0, split);
    threads_ = "/proc/" + name_and_pid.substr(split + 1) + "/task";
  }
  void start() { before_ = used(); }
  void stop() { total_ns_ += used() - before_; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] double microseconds() const { return static_cast<double>(total_ns_) / 1000; }

private:
  [[nodiscard]] std::int64_t used() const {
    std::int64_t sum = 0;
    for (const auto& thread : std::filesystem::directory_iterator{threads_}) {
      std::int64_t one = 0;
      std::ifstream{thread.path() / "schedstat"} >> one;
      sum += one;
    }
    return sum;
  }

  std::string name_;
  std::string threads_;
  std::int64_t before_ = 0;
  std::int64_t total_ns_ = 0;
};

struct http_reply {
  int status = 0;
  std::string body;
};

/// One keep-alive connection with at most one request in flight.
class connection {
public:
  explicit connection(std::uint16_t port) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd_ < 0 || ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error(fmt::format("cannot connect to 127.0.0.1:{}", port));
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  connection(connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  connection& operator=(connection&&) = delete;
  ~connection() {
    if (fd_ >= 0)
      ::close(fd_);
  }

  [[nodiscard]] int descriptor() const { return fd_; }

  void send(std::string_view method, std::string_view path, std::string_view body) {
    outgoing_.clear();
    fmt::format_to(std::back_inserter(outgoing_),
                   "{} {} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", method, path,
                   body.size());
    if (!body.empty())
      outgoing_ += "Content-Type: application/json\r\n";
    outgoing_ += "\r\n";
    outgoing_ += body;
    std::string_view rest = outgoing_;
    while (!rest.empty()) {
      const auto sent = ::send(fd_, rest.data(), rest.size(), MSG_NOSIGNAL);
      if (sent <= 0)
        throw std::runtime_error("the controller closed a connection");
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    sent_at_ = clock_type::now();
    incoming_.clear();
  }

  /// Reads what is there; true when the reply is whole.
  bool receive(http_reply& reply) {
    char buffer[65536];
    const auto got = ::recv(fd_, buffer, sizeof buffer, 0);
    if (got <= 0)
      throw std::runtime_error("the controller closed a connection");
    incoming_.append(buffer, static_cast<std::size_t>(got));
    return parse(reply);
  }

  [[nodiscard]] clock_type::duration age() const { return clock_type::now() - sent_at_; }

private:
  bool parse(http_reply& reply) const {
    const auto head_end = incoming_.find("\r\n\r\n");
    if (head_end == std::string::npos)
      return false;
    const std::string_view head = std::string_view{incoming_}.substr(0, head_end);
    std::size_t length = 0;
    auto at = head.find("Content-Length: ");
    if (at == std::string_view::npos)
      at = head.find("content-length: ");
    if (at == std::string_view::npos)
      throw std::runtime_error("a reply without Content-Length");
    std::from_chars(head.data() + at + 16, head.data() + head.size(), length);
    if (incoming_.size() < head_end + 4 + length)
      return false;
    std::from_chars(head.data() + 9, head.data() + 12, reply.status);
    reply.body.assign(incoming_, head_end + 4, length);
    return true;
  }

  int fd_ = -1;
  std::string outgoing_;
  std::string incoming_;
  clock_type::time_point sent_at_{};
};

struct request {
  std::string method;
  std::string path;
  std::string body;
};

struct tally {
  double seconds = 0;
  std::vector<double> latencies_ms;
};

/// Sends all requests, in order of free connections; calls `done` with each reply.
tally run_all(std::vector<connection>& connections, const std::vector<request>& requests,
              const std::function<void(const http_reply&)>& done) {
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  for (std::size_t i = 0; i < connections.size(); ++i) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = i;
    ::epoll_ctl(poll, EPOLL_CTL_ADD, connections[i].descriptor(), &event);
  }
  tally result;
  result.latencies_ms.reserve(requests.size());
  const auto start = clock_type::now();
  std::size_t next = 0;
  std::size_t in_flight = 0;
  const auto feed = [&](connection& to) {
    if (next == requests.size())
      return;
    const auto& what = requests[next++];
    to.send(what.method, what.path, what.body);
    ++in_flight;
  };
  for (auto& each : connections)
    feed(each);
  http_reply reply;
  while (in_flight > 0) {
    epoll_event ready[128];
    const int count = ::epoll_wait(poll, ready, 128, 30000);
    if (count <= 0)
      throw std::runtime_error("no reply for 30 s");
    for (int i = 0; i < count; ++i) {
      auto& from = connections[ready[i].data.u64];
      if (!from.receive(reply))
        continue;
      --in_flight;
      result.latencies_ms.push_back(std::chrono::duration<double, std::milli>(from.age()).count());
      feed(from);
      done(reply);
    }
  }
  result.seconds = std::chrono::duration<double>(clock_type::now() - start).count();
  ::close(poll);
  return result;
}

http_reply call(connection& over, std::string_view method, std::string_view path) {
  over.send(method, path, {});
  http_reply reply;
  while (!over.receive(reply)) {
  }
  return reply;
}

std::int64_t number_field(const std::string& json, std::string_view name) {
  const auto at = json.find(fmt::format("\"{}\":", name));
  std::int64_t value = -1;
  if (at != std::string::npos)
    std::from_chars(json.data() + at + name.size() + 3, json.data() + json.size(), value);
  return value;
}

std::string spec_json(const settings& how, int round, int number) {
  std::string devices;
  if (how.gpus > 0)
    devices = fmt::format(R"(,"devices":[{{"dev_type":"GPU-HPC","count":{}}}])", how.gpus);
  return fmt::format(
      R"({{"name":"load-{}-{}","vcpus":{},"memory_mib":1024,"keep_refused":false{}}})", round,
      number, how.vcpus, devices);
}

std::vector<request> creations(const settings& how, int round) {
  std::vector<request> result;
  for (int i = 0; i < how.round_size; i += how.batch) {
    if (how.batch == 1) {
      result.push_back({"POST", "/v1/servers", spec_json(how, round, i)});
      continue;
    }
    std::string body = R"({"servers":[)";
    for (int k = i; k < std::min(i + how.batch, how.round_size); ++k) {
      body += k == i ? "" : ",";
      auto one = spec_json(how, round, k);
      const std::string_view drop = R"("keep_refused":false,)";
      one.replace(one.find(R"(,"keep_refused":false)"), drop.size(), "");
      body += one;
    }
    result.push_back({"POST", "/v1/servers:batch", body + "]}"});
  }
  return result;
}

/// The ids of the servers in a reply to a creation, single or batch (docs/api.md).
void collect_server_ids(const std::string& json, std::vector<std::string>& ids) {
  constexpr std::string_view single = R"({"id":")";
  constexpr std::string_view item = R"({"server":{"id":")";
  constexpr std::size_t id_length = 36;
  if (json.starts_with(single)) {
    ids.push_back(json.substr(single.size(), id_length));
    return;
  }
  for (auto at = json.find(item); at != std::string::npos; at = json.find(item, at + item.size()))
    ids.push_back(json.substr(at + item.size(), id_length));
}

void settle(connection& over, const settings& how, std::int64_t devices) {
  const auto deadline = clock_type::now() + std::chrono::duration<double>(how.settle_seconds);
  while (clock_type::now() < deadline) {
    const auto usage = call(over, "GET", "/v1/usage").body;
    if (number_field(usage, "devices_free") >= devices && number_field(usage, "servers") == 0)
      return;
    ::usleep(50'000);
  }
  throw std::runtime_error("devices did not become free again: " +
                           call(over, "GET", "/v1/usage").body);
}

double percentile(std::vector<double>& values, double p) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0
                        : values[std::min(values.size() - 1,
                                          static_cast<std::size_t>(p * double(values.size())))];
}

int measure(const settings& how) {
  std::vector<connection> connections;
  for (int i = 0; i < how.connections; ++i)
    connections.emplace_back(how.port);
  const auto devices = number_field(call(connections[0], "GET", "/v1/usage").body, "devices");
  fmt::print("connections={} batch={} gpus={} round_size={} devices={}\n", how.connections,
             how.batch, how.gpus, how.round_size, devices);
  std::vector<double> rates;
  std::vector<double> latencies;
  std::vector<processor_time> used(how.processes.begin(), how.processes.end());
  used.emplace_back("client=self");
  std::size_t created = 0;
  for (int round = 0; round < how.rounds; ++round) {
    std::vector<std::string> ids;
    std::int64_t failed = 0;
    std::string first_failure;
    const auto requests = creations(how, round);
    for (auto& each : used)
      each.start();
    auto result = run_all(connections, requests, [&](const http_reply& reply) {
      if (reply.status >= 300 && failed++ == 0)
        first_failure = reply.body;
      collect_server_ids(reply.body, ids);
    });
    for (auto& each : used)
      each.stop();
    created += ids.size();
    const double rate = static_cast<double>(ids.size()) / result.seconds;
    rates.push_back(rate);
    latencies.insert(latencies.end(), result.latencies_ms.begin(), result.latencies_ms.end());
    fmt::print("round {}: {} servers created in {:.3f} s = {:.0f}/s, {} requests failed{}\n", round,
               ids.size(), result.seconds, rate, failed,
               failed ? ": " + first_failure.substr(0, 300) : "");
    std::vector<request> removals;
    for (const auto& id : ids)
      removals.push_back({"DELETE", "/v1/servers/" + id, ""});
    run_all(connections, removals, [](const http_reply&) {});
    settle(connections[0], how, devices);
  }
  std::sort(rates.begin(), rates.end());
  fmt::print(
      "median {:.0f} servers/s; request latency p50 {:.3f} ms, p99 {:.3f} ms, max {:.3f} ms\n",
      rates[rates.size() / 2], percentile(latencies, 0.5), percentile(latencies, 0.99),
      percentile(latencies, 1.0));
  fmt::print("processor time per server created:");
  for (const auto& each : used)
    fmt::print(" {} {:.1f} us", each.name(), each.microseconds() / static_cast<double>(created));
  fmt::print("\n");
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  namespace po = boost::program_options;
  settings how;
  po::options_description options{"http_load: creates servers over HTTP and measures"};
  options.add_options()("help", "this text")("port", po::value(&how.port)->default_value(how.port),
                                             "on 127.0.0.1")(
      "connections", po::value(&how.connections)->default_value(how.connections),
      "keep-alive connections")("rounds", po::value(&how.rounds)->default_value(how.rounds),
                                "create, delete, settle")(
      "round-size", po::value(&how.round_size)->default_value(how.round_size), "servers per round")(
      "batch", po::value(&how.batch)->default_value(how.batch), "servers per request")(
      "process", po::value(&how.processes)->composing(), "NAME=PID: show its processor time too")(
      "gpus", po::value(&how.gpus)->default_value(how.gpus),
      "devices per server")("vcpus", po::value(&how.vcpus)->default_value(how.vcpus), "per server");
  try {
    po::variables_map values;
    po::store(po::parse_command_line(argc, argv, options), values);
    po::notify(values);
    if (values.count("help")) {
      std::cout << options;
      return 0;
    }
    return measure(how);
  } catch (const std::exception& error) {
    fmt::print(stderr, "http_load: {}\n", error.what());
    return 1;
  }
}
