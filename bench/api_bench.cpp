// What the HTTP API itself costs: parse, command, render, without sockets and without a cluster.
#include <string>
#include <utility>

#include <benchmark/benchmark.h>

#include "api/router.hpp"
#include "metrics/exposition.hpp"
#include "metrics/snapshot.hpp"

namespace berth::api {
namespace {

/// Answers every create at once, with a record for each specification.
class instant_cluster final : public cluster_port {
public:
  void command(model::command what, reply_handler done) override {
    model::servers_created made;
    auto& create = std::get<model::create_servers>(what);
    made.servers.reserve(create.specs.size());
    for (auto& spec : create.specs) {
      model::server_record record;
      record.id.value = model::uuid::from_random(1, ++turn_);
      record.spec = std::move(spec);
      record.status = model::server_status::deploying;
      record.host = model::host_id{model::uuid::from_random(2, 1)};
      record.attachments.push_back({model::device_id{model::uuid::from_random(3, turn_)}, 1, {}});
      made.servers.emplace_back(std::move(record));
    }
    done(std::move(made));
  }
  void query(model::query, answer_handler) override {}
  void claim_key(std::string, std::uint64_t,
                 std::function<void(model::result<std::optional<remembered_answer>>)>) override {}
  void remember_key(std::string, std::uint64_t, remembered_answer,
                    std::function<void(model::result<void>)>) override {}
  void forget_key(std::string) override {}
  void events(model::sequence_number, std::size_t,
              std::function<void(model::result<std::vector<model::log_record>>)>) override {}
  [[nodiscard]] std::shared_ptr<void> on_new_events(std::function<void()>) override { return {}; }
  [[nodiscard]] bool ready() const override { return true; }

private:
  std::uint64_t turn_ = 0;
};

struct world {
  instant_cluster cluster;
  metrics::registry live{metrics::process::controller};
  metrics::snapshot_slot snapshot;
  router routes{{cluster, live, snapshot,
                 authenticator::parse("admin 0123456789abcdef0123456789abcdef\n").value(), 1}};

  void post(benchmark::State& state, const std::string& path, const std::string& body,
            int expected) {
    request req;
    req.method = "POST";
    req.path = path;
    req.authorization = "Bearer 0123456789abcdef0123456789abcdef";
    req.body = body;
    routes.handle(std::move(req), [&](response answer) {
      if (answer.status != expected) {
        state.SkipWithError(answer.body.c_str());
      }
      benchmark::DoNotOptimize(answer.body.data());
    });
  }
};

std::string server_json(int n) {
  return R"({"name":"train-)" + std::to_string(n) +
         R"(","project":"ml","vcpus":8,"memory_mib":65536,"disks":[{"size_mib":102400,"image":"debian-12"}],)"
         R"("networks":["net0"],"devices":[{"model":"A100","count":1}],"metadata":{"team":"vision"}})";
}

void create_server(benchmark::State& state) {
  world w;
  const auto body = server_json(1);
  for (auto _ : state) {
    w.post(state, "/v1/servers", body, 201);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(create_server);

void create_batch(benchmark::State& state) {
  world w;
  std::string body = "{\"servers\":[";
  for (int i = 0; i < state.range(0); ++i) {
    body += (i == 0 ? "" : ",") + server_json(i);
  }
  body += "]}";
  for (auto _ : state) {
    w.post(state, "/v1/servers:batch", body, 200);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(create_batch)->Arg(1000)->Unit(benchmark::kMillisecond);

/// A scrape of a fleet with 8 devices a host.
void scrape(benchmark::State& state) {
  metrics::registry live{metrics::process::controller};
  metrics::snapshot_builder builder;
  for (std::int64_t h = 0; h < state.range(0); ++h) {
    model::host_record host;
    host.id.value = model::uuid::from_random(1, static_cast<std::uint64_t>(h));
    host.name = "gpu-" + std::to_string(h);
    builder.add_host(host, {});
    for (std::int64_t d = 0; d < 8; ++d) {
      model::device_record device;
      device.info.id.value = model::uuid::from_random(2, static_cast<std::uint64_t>(h * 8 + d));
      device.info.model = "NVIDIA A100-SXM4-80GB";
      device.host = host.id;
      builder.add_device(device);
    }
  }
  const auto snapshot = builder.finish({}, 1, 1);
  std::size_t size = 0;
  for (auto _ : state) {
    metrics::text_writer out;
    live.collect(out);
    collect(*snapshot, out);
    size = out.take().size();
  }
  state.counters["bytes"] = static_cast<double>(size);
}
BENCHMARK(scrape)->Arg(1000)->Unit(benchmark::kMillisecond);

} // namespace
} // namespace berth::api
