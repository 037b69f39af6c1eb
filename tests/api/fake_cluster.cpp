#include "tests/api/fake_cluster.hpp"

#include <stdexcept>
#include <variant>

namespace berth::api::testing {

using namespace berth::model;

namespace {

template <class Id> Id id_of(std::uint64_t n) {
  return Id{uuid::from_random(0, n)};
}

result<server_record> placed(const server_spec& spec, std::uint64_t n) {
  server_record record;
  record.id = id_of<server_id>(100 + n);
  record.spec = spec;
  record.status = server_status::deploying;
  record.host = sample_host().host.id;
  for (const auto& request : spec.devices) {
    record.attachments.push_back(
        {request.id.value_or(sample_device(false).device.info.id), 1, dev_type::gpu_hpc});
  }
  record.created_at = record.updated_at = sample_time();
  return record;
}

result<server_record> refused(const server_spec& spec, bool keep) {
  if (!keep) {
    return fail(errc::does_not_fit, summary(sample_refusal()), {{"server", spec.name}});
  }
  auto record = *placed(spec, 0);
  record.status = server_status::sched_fail;
  record.status_reason = summary(sample_refusal());
  record.host.reset();
  record.attachments.clear();
  record.why_refused = sample_refusal();
  return record;
}

/// The fixed reply to each command.
struct replies {
  const fake_cluster& cluster;

  result<reply> operator()(const create_servers& c) const {
    servers_created made;
    for (const auto& spec : c.specs) {
      made.servers.push_back(cluster.refuse_to_place ? refused(spec, c.keep_refused)
                                                     : placed(spec, made.servers.size()));
    }
    return made;
  }
  result<reply> operator()(const act_on_server&) const { return sample_server().server; }
  result<reply> operator()(const attach_device&) const { return sample_server().server; }
  result<reply> operator()(const detach_device&) const { return sample_server().server; }
  result<reply> operator()(const model::update_devices& c) const {
    devices_updated done;
    for (const auto& id : c.devices) {
      auto device = sample_device(false).device;
      device.type = c.type.value_or(device.type);
      if (id == to_string(device.info.id)) {
        done.devices.emplace_back(device);
      } else {
        done.devices.push_back(
            fail(errc::not_found, "no device has the id " + id, {{"device", id}}));
      }
    }
    return done;
  }
  result<reply> operator()(const remove_device&) const { return accepted{}; }
  result<reply> operator()(const model::update_host& c) const {
    auto host = sample_host().host;
    host.enabled = c.enabled.value_or(host.enabled);
    host.maintenance = c.maintenance.value_or(host.maintenance);
    return host;
  }
  result<reply> operator()(const probe_host&) const { return accepted{}; }
  result<reply> operator()(const remove_host&) const { return accepted{}; }
  result<reply> operator()(const forecast_servers& c) const {
    forecast answer{.can_create = false, .allow_count = 1, .placements = {}, .why_not = {}};
    answer.placements.push_back({sample_host().host.id,
                                 {sample_device(false).device.info.id},
                                 {{"best_fit", 700, "1 of 2 GPUs stays free"}}});
    if (c.count > 1) {
      answer.why_not = sample_refusal();
    }
    return answer;
  }
  result<reply> operator()(const explain_placement& c) const {
    const auto host = sample_host().host;
    explanation answer;
    answer.policy = "best-fit";
    if (c.spec.vcpus > host.capacity.cpus) {
      answer.where = sample_refusal();
    } else {
      answer.where = placement{host.id,
                               {sample_device(false).device.info.id},
                               {{"best_fit", 700, "1 of 2 GPUs stays free"}},
                               runner_up{*host_id::parse("8b1b1f2c-7a52-4a2c-9f10-6a1d5d1f0a02"),
                                         "gpu-2", "best_fit", 500, 700}};
      answer.host_name = host.name;
      answer.capacity = 1;
    }
    for (const auto& ref : c.hosts) {
      if (ref == host.name) {
        answer.hosts.push_back({host.id,
                                host.name,
                                true,
                                {},
                                {{"best_fit", 700, "1 of 2 GPUs stays free"}},
                                true,
                                {}});
      } else {
        answer.hosts.push_back({*host_id::parse("8b1b1f2c-7a52-4a2c-9f10-6a1d5d1f0a02"),
                                ref,
                                false,
                                {{"devices", 1, host.id, ref, {1, 4, 2, "1 of 2 GPUs free"}}},
                                {},
                                false,
                                {}});
      }
    }
    return answer;
  }
};

template <class Row> rows<Row> one_row(Row row) {
  return {{std::move(row)}, 1};
}

struct answers {
  result<answer> operator()(const get_server&) const { return sample_server(); }
  result<answer> operator()(const get_device&) const { return sample_device(true); }
  result<answer> operator()(const get_host&) const { return sample_host(); }
  result<answer> operator()(const list_servers&) const { return one_row(sample_server()); }
  result<answer> operator()(const list_devices&) const {
    return rows<device_row>{{sample_device(true), sample_device(false)}, 2};
  }
  result<answer> operator()(const list_hosts&) const { return one_row(sample_host()); }
  result<answer> operator()(const get_usage&) const {
    return usage{.hosts = 1,
                 .hosts_online = 1,
                 .servers = 1,
                 .devices = 2,
                 .devices_free = 1,
                 .devices_allocated = 1,
                 .sequence = 9};
  }
  result<answer> operator()(const get_inventory&) const {
    auto waiting = sample_server().server;
    waiting.id = *server_id::parse("8b1b1f2c-7a52-4a2c-9f10-6a1d5d1f0a03");
    waiting.host.reset();
    waiting.attachments.clear();
    waiting.status = server_status::scheduling;
    auto spec = *waiting.spec;
    spec.name = "patient";
    spec.wait_for_capacity = std::chrono::hours{2};
    waiting.spec = std::move(spec);
    return inventory_answer{.sequence = 9,
                            .at = sample_time(),
                            .hosts = {sample_host().host},
                            .devices = {sample_device(true).device, sample_device(false).device},
                            .servers = {sample_server().server, std::move(waiting)}};
  }
};

} // namespace

timestamp sample_time() {
  return timestamp{std::chrono::seconds{1'772'366'400} + std::chrono::microseconds{1500}};
}

host_row sample_host() {
  host_row row;
  row.host.id = *host_id::parse("3bce9607-2597-469f-8d9b-977345456739");
  row.host.name = "gpu-1";
  row.host.machine = "Workstation";
  row.host.capacity = {32, 131072, 1048576};
  row.host.status = host_status::online;
  row.host.settled = true;
  row.host.tags = {"rack-a"};
  row.host.partitions = {{"nvswitch", 1, {1, 2}}};
  row.host.last_seen = sample_time();
  row.used = {8, 8192, 102400};
  row.free = {8, 98304, 700000};
  row.free_for_gpu = {16, 106496, 802400};
  row.gpu_reserved = {16, 16384, 204800};
  row.devices = 2;
  row.devices_free = 1;
  row.servers = 1;
  return row;
}

device_row sample_device(bool owned) {
  device_row row;
  auto& info = row.device.info;
  info.id = *device_id::parse(owned ? "273f4f72-06b6-49aa-8456-4beceec44997"
                                    : "a77333e9-08d9-45c6-87eb-a7d8d902c5f5");
  info.address = owned ? pci_address{0, 0x41, 0, 0} : pci_address{0, 5, 0, 0};
  info.vendor_device = owned ? vendor_device_id{0x10de, 0x1c82} : vendor_device_id{0x10de, 0x0659};
  info.class_code = 0x030000;
  info.vendor = "NVIDIA";
  info.model = owned ? "GeForce GTX 1050 Ti" : "Quadro FX 580";
  info.numa_node = 0;
  info.iommu_group = owned ? 17 : 18;
  info.link = {3, 16};
  info.bar_sizes = {16777216, 268435456};
  info.reset_methods = {"flr", "bus"};
  if (owned) {
    info.companions = {{{0, 0x41, 0, 1}, {0x10de, 0x0fb9}, 0x040300}};
  }
  row.device.host = sample_host().host.id;
  row.device.reserve = default_gpu_reserve;
  row.device.state = owned ? device_state::in_use : device_state::free;
  row.device.state_since = sample_time();
  row.device.epoch = owned ? 1 : 0;
  row.host_name = "gpu-1";
  if (owned) {
    row.device.owner = id_of<server_id>(100);
    row.server_name = "web";
    row.owner_status = server_status::running;
  }
  return row;
}

server_row sample_server() {
  server_spec spec;
  spec.name = "web";
  spec.disks = {{10240, "debian"}};
  spec.networks = {"net0"};
  spec.devices = {{sample_device(true).device.info.id, 1, {}},
                  {std::nullopt, 2, {{"H100", "NVIDIA", {}, {}}, {"A100", "", {}, {}}}}};
  spec.metadata = {{"owner", "\"R&D\"\n"}};
  server_row row;
  row.server = *placed(spec, 0);
  row.server.status = server_status::running;
  row.server.desired_power = power::on;
  row.server.why_placed = placement_reason{
      "best-fit",
      {{"best_fit", 700, ""}},
      runner_up{*host_id::parse("8b1b1f2c-7a52-4a2c-9f10-6a1d5d1f0a02"), "gpu-2", "host_id", 0, 0}};
  row.host_name = "gpu-1";
  row.devices = {sample_device(true)};
  return row;
}

refusal sample_refusal() {
  refusal why;
  why.hosts_considered = 3;
  why.rules = {{"host_enabled", 1, {}, "", {}},
               {"devices", 2, sample_host().host.id, "gpu-1", {2, 4, 4, "2 of 4 GPUs free"}}};
  why.suggestions = {{"2 GPUs instead of 4", sample_host().host.id, "gpu-1"}};
  return why;
}

void fake_cluster::command(model::command what, reply_handler done) {
  commands.push_back(what);
  done(refuse ? tl::unexpected{*refuse} : std::visit(replies{*this}, what));
}

void fake_cluster::query(model::query what, answer_handler done) {
  queries.push_back(what);
  done(refuse ? tl::unexpected{*refuse} : std::visit(answers{}, what));
}

void fake_cluster::claim_key(std::string key, std::uint64_t fingerprint,
                             std::function<void(result<std::optional<remembered_answer>>)> done) {
  const auto [found, fresh] = keys.try_emplace(key, kept{fingerprint, {}});
  if (fresh) {
    return done(std::optional<remembered_answer>{});
  }
  if (found->second.fingerprint != fingerprint) {
    return done(fail(errc::idempotency_conflict, "the key was used for another request"));
  }
  if (!found->second.answer) {
    return done(fail(errc::busy, "the request with this key is under way"));
  }
  done(found->second.answer);
}

void fake_cluster::remember_key(std::string key, std::uint64_t fingerprint,
                                remembered_answer answer, std::function<void(result<void>)> done) {
  keys.at(key) = {fingerprint, std::move(answer)};
  done({});
}

void fake_cluster::events(sequence_number from, std::size_t limit,
                          std::function<void(result<std::vector<log_record>>)> done) {
  if (refuse) {
    return done(tl::unexpected{*refuse});
  }
  if (from < oldest) {
    return done(fail(errc::gone, "the oldest event is " + std::to_string(oldest),
                     {{"oldest", std::to_string(oldest)}}));
  }
  std::vector<log_record> found;
  for (const auto& record : log) {
    if (record.sequence >= from && found.size() < limit) {
      found.push_back(record);
    }
  }
  done(std::move(found));
}

std::shared_ptr<void> fake_cluster::on_new_events(std::function<void()> wake) {
  auto handle = std::make_shared<std::function<void()>>(std::move(wake));
  listeners.push_back(handle);
  return handle;
}

void fake_cluster::append(event what) {
  log.push_back({log.size() + 1, sample_time(), std::move(what)});
  for (const auto& weak : std::vector{listeners}) {
    if (const auto listener = weak.lock()) {
      (*listener)();
    }
  }
}

bool memory_stream::write(std::string_view bytes) {
  if (broken || closed) {
    return false;
  }
  text += bytes;
  return true;
}

void memory_stream::disconnect() {
  broken = true;
  if (gone_) {
    std::exchange(gone_, nullptr)();
  }
}

bench::bench(authenticator auth)
    : under_test({cluster, live, snapshot, std::move(auth), /*name_seed=*/1}) {}

response bench::call(request req) {
  std::optional<response> answer;
  under_test.handle(std::move(req), [&](response given) {
    if (answer) {
      throw std::logic_error("answered twice");
    }
    answer = std::move(given);
  });
  return answer.value();
}

response bench::call(std::string method, std::string target, std::string body) {
  return call(make_request(std::move(method), std::move(target), std::move(body)));
}

request make_request(std::string method, std::string target, std::string body) {
  request req;
  req.method = std::move(method);
  req.body = std::move(body);
  const auto mark = target.find('?');
  req.path = target.substr(0, mark);
  auto rest = mark == std::string::npos ? std::string{} : target.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto pair = rest.substr(0, end);
    const auto equals = std::min(pair.find('='), pair.size());
    req.query.emplace_back(pair.substr(0, equals),
                           equals == pair.size() ? "" : pair.substr(equals + 1));
    rest.erase(0, std::min(end + 1, rest.size()));
  }
  return req;
}

} // namespace berth::api::testing
