#include "tests/proto/random_model.hpp"

#include <array>
#include <limits>
#include <string>
#include <utility>

namespace berth::proto_test {

namespace {

using namespace berth::model;

std::uint64_t number(random& dice) {
  switch (dice.below(4)) {
  case 0:
    return 0;
  case 1:
    return std::numeric_limits<std::uint64_t>::max();
  case 2:
    return dice.below(1000);
  default:
    return dice.next();
  }
}
template <class Int> Int integer(random& dice) {
  return static_cast<Int>(number(dice));
}
bool coin(random& dice) {
  return dice.chance(0.5);
}
timestamp moment(random& dice) {
  return timestamp{duration{integer<std::int64_t>(dice)}};
}
std::string text(random& dice) {
  static const std::array<std::string, 6> odd{"",
                                              "default",
                                              "NVIDIA H100 80GB HBM3",
                                              "\xC3\xBC\xE2\x82\xAC\xF0\x9F\x90\xA7",
                                              std::string("a\0b", 3),
                                              std::string(300, 'x')};
  return odd[dice.below(odd.size())];
}
template <class Id> Id id(random& dice) {
  return Id{uuid::from_random(dice.next(), dice.next())};
}
template <class Enum> Enum choice(random& dice, Enum last) {
  return static_cast<Enum>(dice.below(static_cast<std::uint64_t>(last) + 1));
}
template <class Make> auto some(random& dice, const Make& make) {
  std::vector<decltype(make(dice))> made;
  for (std::uint64_t left = dice.below(4); left > 0; --left)
    made.push_back(make(dice));
  return made;
}
template <class Make> auto perhaps(random& dice, const Make& make) {
  std::optional<decltype(make(dice))> made;
  if (coin(dice))
    made = make(dice);
  return made;
}

resources amount(random& dice) {
  return {integer<std::int64_t>(dice), integer<std::int64_t>(dice), integer<std::int64_t>(dice)};
}
pci_address address(random& dice) {
  return {integer<std::uint32_t>(dice), integer<std::uint8_t>(dice),
          static_cast<std::uint8_t>(dice.below(32)), static_cast<std::uint8_t>(dice.below(8))};
}
vendor_device_id vendor_device(random& dice) {
  return {integer<std::uint16_t>(dice), integer<std::uint16_t>(dice)};
}
std::uint32_t class_code(random& dice) {
  return static_cast<std::uint32_t>(dice.below(1U << 24U));
}
pci_function function(random& dice) {
  return {address(dice), vendor_device(dice), class_code(dice)};
}
dev_type type(random& dice) {
  return choice(dice, dev_type::pci);
}

device_info info_of_device(random& dice) {
  device_info made;
  made.id = id<device_id>(dice);
  made.address = address(dice);
  made.vendor_device = vendor_device(dice);
  made.class_code = class_code(dice);
  made.vendor = text(dice);
  made.model = text(dice);
  made.default_type = type(dice);
  made.companions = some(dice, function);
  made.numa_node = integer<std::int32_t>(dice);
  made.iommu_group = integer<std::int32_t>(dice);
  made.pcie_root = text(dice);
  made.pcie_switch = text(dice);
  made.fabric = text(dice);
  made.fabric_module = integer<std::int32_t>(dice);
  made.link = {integer<std::uint8_t>(dice), integer<std::uint8_t>(dice)};
  made.bar_sizes = some(dice, number);
  made.reset_methods = some(dice, text);
  made.boot_vga = coin(dice);
  made.allocation_unit = text(dice);
  made.unusable_reason = text(dice);
  return made;
}

device_record device(random& dice) {
  device_record made;
  made.info = info_of_device(dice);
  made.host = id<host_id>(dice);
  made.type = type(dice);
  made.reserve = amount(dice);
  made.enabled = coin(dice);
  made.state = choice(dice, device_state::quarantined);
  made.state_reason = text(dice);
  made.state_since = moment(dice);
  made.epoch = number(dice);
  made.obeyed = number(dice);
  made.owner = perhaps(dice, id<server_id>);
  made.present = coin(dice);
  made.created = number(dice);
  return made;
}

fabric_partition partition(random& dice) {
  return {text(dice), integer<std::int32_t>(dice), some(dice, integer<std::int32_t>)};
}

host_info info_of_host(random& dice) {
  host_info made;
  made.id = id<host_id>(dice);
  made.name = text(dice);
  made.machine = text(dice);
  made.agent_version = text(dice);
  made.capacity = amount(dice);
  made.numa_nodes = integer<std::int32_t>(dice);
  made.devices = some(dice, info_of_device);
  made.partitions = some(dice, partition);
  made.hot_plug = coin(dice);
  return made;
}

host_record host(random& dice) {
  host_record made;
  made.id = id<host_id>(dice);
  made.name = text(dice);
  made.machine = text(dice);
  made.agent_version = text(dice);
  made.capacity = amount(dice);
  made.numa_nodes = integer<std::int32_t>(dice);
  made.partitions = some(dice, partition);
  made.hot_plug = coin(dice);
  made.enabled = coin(dice);
  made.maintenance = coin(dice);
  made.tags = some(dice, text);
  made.reserve = amount(dice);
  made.cpu_overcommit_milli = integer<std::int32_t>(dice);
  made.memory_overcommit_milli = integer<std::int32_t>(dice);
  made.status = choice(dice, host_status::online);
  made.settled = coin(dice);
  made.incarnation = id<incarnation_id>(dice);
  made.last_seen = moment(dice);
  made.generation = number(dice);
  made.created = number(dice);
  return made;
}

device_request request(random& dice) {
  device_request made;
  made.id = perhaps(dice, id<device_id>);
  made.count = integer<std::int32_t>(dice);
  made.alternatives = some(dice, [](random& d) {
    return device_selector{text(d), text(d), perhaps(d, type), perhaps(d, vendor_device)};
  });
  return made;
}

server_spec spec(random& dice) {
  server_spec made;
  made.name = text(dice);
  made.project = text(dice);
  made.hypervisor = text(dice);
  made.vcpus = integer<std::int64_t>(dice);
  made.memory_mib = integer<std::int64_t>(dice);
  made.disks = some(dice, [](random& d) { return disk_spec{integer<std::int64_t>(d), text(d)}; });
  made.networks = some(dice, text);
  made.boot = choice(dice, firmware::uefi);
  made.os = text(dice);
  made.devices = some(dice, request);
  made.topology = {choice(dice, wish::require), choice(dice, wish::require),
                   choice(dice, wish::require), choice(dice, wish::require)};
  made.tags = {some(dice, text), some(dice, text), some(dice, text)};
  made.anti_affinity_group = text(dice);
  made.host = perhaps(dice, id<host_id>);
  made.preferred_host = perhaps(dice, id<host_id>);
  made.auto_start = coin(dice);
  for (std::uint64_t left = dice.below(4); left > 0; --left)
    made.metadata[text(dice)] = text(dice);
  made.priority = integer<std::int32_t>(dice);
  made.wait_for_capacity =
      perhaps(dice, [](random& d) { return duration{integer<std::int64_t>(d)}; });
  made.lifetime = perhaps(dice, [](random& d) { return duration{integer<std::int64_t>(d)}; });
  made.user_data = text(dice);
  made.qemu_arguments = some(dice, text);
  return made;
}

attachment attached(random& dice) {
  return {id<device_id>(dice), number(dice), type(dice)};
}

refusal refused(random& dice) {
  refusal made;
  made.hosts_considered = integer<std::int64_t>(dice);
  made.rules = some(dice, [](random& d) {
    return rule_verdict{text(d), integer<std::int64_t>(d), perhaps(d, id<host_id>), text(d),
                        shortfall{integer<std::int64_t>(d), integer<std::int64_t>(d),
                                  integer<std::int64_t>(d), text(d)}};
  });
  made.suggestions = some(dice, [](random& d) {
    return suggestion{text(d), id<host_id>(d), text(d)};
  });
  return made;
}

placement_reason placed(random& dice) {
  placement_reason made;
  made.policy = text(dice);
  made.scores = some(dice, [](random& d) {
    return score_part{text(d), integer<std::int32_t>(d), text(d)};
  });
  made.next = perhaps(dice, [](random& d) {
    return runner_up{id<host_id>(d), text(d), text(d), integer<std::int32_t>(d),
                     integer<std::int32_t>(d)};
  });
  return made;
}

server_status status(random& dice) {
  return choice(dice, server_status::unknown);
}
power wanted(random& dice) {
  return choice(dice, power::on);
}

reservation reserved(random& dice) {
  return {id<host_id>(dice), perhaps(dice, moment), moment(dice)};
}

server_record server(random& dice) {
  server_record made;
  made.id = id<server_id>(dice);
  made.spec = spec(dice);
  made.status = status(dice);
  made.status_reason = text(dice);
  made.desired_power = wanted(dice);
  made.host = perhaps(dice, id<host_id>);
  made.attachments = some(dice, attached);
  made.why_refused = perhaps(dice, refused);
  made.why_placed = perhaps(dice, placed);
  made.created_at = moment(dice);
  made.updated_at = moment(dice);
  made.restarts = integer<std::uint32_t>(dice);
  made.deleting = coin(dice);
  made.created = number(dice);
  made.ends_at = perhaps(dice, moment);
  made.reserved = perhaps(dice, reserved);
  return made;
}

device_release release(random& dice) {
  return {id<device_id>(dice), number(dice)};
}

/// From 0 to `most`, both often.
std::uint32_t up_to(random& dice, std::uint32_t most) {
  return coin(dice) ? most : static_cast<std::uint32_t>(dice.below(most));
}

scheduling_in_force scheduling(random& dice) {
  return {text(dice), up_to(dice, 1024)};
}
plan_basis basis(random& dice) {
  return {number(dice), up_to(dice, 1024), 1 + up_to(dice, 1'000'000),
          std::chrono::hours{up_to(dice, 24 * 365)}, some(dice, id<host_id>)};
}

// One maker per alternative; a new alternative has no overload and does not compile.
void draw(random& d, controller_started& e) {
  e = {number(d), text(d), perhaps(d, scheduling)};
  for (int left = integer<int>(d) & 3; left > 0; --left) {
    e.pools.insert_or_assign(text(d), scheduling(d));
  }
}
void draw(random& d, host_inventoried& e) {
  e = {info_of_host(d), id<incarnation_id>(d)};
}
void draw(random& d, host_status_changed& e) {
  e = {id<host_id>(d), choice(d, host_status::online), coin(d)};
}
void draw(random& d, host_settings_changed& e) {
  e = {id<host_id>(d), coin(d),         coin(d),        some(d, text),
       amount(d),      integer<int>(d), integer<int>(d)};
}
void draw(random& d, host_removed& e) {
  e = {id<host_id>(d)};
}
void draw(random& d, server_created& e) {
  e = {server(d), perhaps(d, basis)};
}
void draw(random& d, server_status_changed& e) {
  e = {id<server_id>(d), status(d), text(d)};
}
void draw(random& d, server_power_requested& e) {
  e = {id<server_id>(d), wanted(d), integer<std::uint32_t>(d), status(d)};
}
void draw(random& d, server_delete_requested& e) {
  e = {id<server_id>(d), some(d, release)};
}
void draw(random& d, server_removed& e) {
  e = {id<server_id>(d)};
}
void draw(random& d, device_attached& e) {
  e = {id<server_id>(d), attached(d)};
}
void draw(random& d, device_detached& e) {
  e = {id<server_id>(d), release(d)};
}
void draw(random& d, device_settings_changed& e) {
  e = {id<device_id>(d), type(d), amount(d), coin(d)};
}
void draw(random& d, device_state_reported& e) {
  e = {id<device_id>(d), choice(d, device_state::quarantined), text(d), number(d), text(d)};
}
void draw(random& d, server_placed& e) {
  e = {id<server_id>(d), id<host_id>(d), some(d, attached), perhaps(d, moment), perhaps(d, basis)};
}
void draw(random& d, server_wait_ended& e) {
  e = {id<server_id>(d), text(d), perhaps(d, refused), perhaps(d, basis)};
}
void draw(random& d, server_reserved& e) {
  e = {id<server_id>(d), perhaps(d, reserved)};
}
void draw(random& d, device_removed& e) {
  e = {id<device_id>(d)};
}
void draw(random& d, request_answered& e) {
  e = {text(d), number(d), integer<std::uint16_t>(d), text(d)};
}
void draw(random& d, snapshot_meta& e) {
  e = {number(d), number(d)};
}
void draw(random& d, host_record& e) {
  e = host(d);
}
void draw(random& d, device_record& e) {
  e = device(d);
}
void draw(random& d, snapshot_server& e) {
  e = {server(d), number(d)};
}
void draw(random& d, snapshot_answer& e) {
  e = {text(d), number(d), integer<std::uint16_t>(d), text(d), moment(d)};
}
void draw(random& d, link_welcome& e) {
  e = {number(d), duration{integer<std::int64_t>(d)}, duration{integer<std::int64_t>(d)}};
}
void draw(random& d, desired_state& e) {
  e = {number(d), number(d),
       some(d,
            [](random& r) {
              return desired_server{id<server_id>(r), spec(r), wanted(r), integer<std::uint32_t>(r),
                                    some(r, attached)};
            }),
       some(d, id<server_id>), some(d, [](random& r) {
         return desired_device{id<device_id>(r), number(r), perhaps(r, id<server_id>), coin(r)};
       })};
}
void draw(random&, probe_request&) {}
void draw(random& d, report_acknowledged& e) {
  e = {number(d)};
}
void draw(random&, full_report_request&) {}
void draw(random& d, link_hello& e) {
  e = {info_of_host(d), text(d)};
}
void draw(random&, link_heartbeat&) {}
void draw(random& d, inventory_report& e) {
  e = {info_of_host(d)};
}
void draw(random& d, observed_state& e) {
  e.report = number(d);
  e.generation = number(d);
  e.full = coin(d);
  e.servers = some(d, [](random& r) {
    return observed_server{id<server_id>(r), status(r), text(r), some(r, [](random& it) {
                             return plug_failure{id<device_id>(it), number(it), text(it)};
                           })};
  });
  e.gone = some(d, id<server_id>);
  e.devices = some(d, [](random& r) {
    return observed_device{id<device_id>(r), choice(r, device_state::quarantined), text(r),
                           number(r), text(r)};
  });
  if (coin(d))
    e.unknown_domains = some(d, text);
}

template <class Variant, std::size_t... Kinds>
Variant drawn(random& dice, std::size_t kind, std::index_sequence<Kinds...>) {
  Variant made;
  ((kind == Kinds ? draw(dice, made.template emplace<Kinds>()) : void()), ...);
  return made;
}
template <class Variant> Variant drawn(random& dice, std::size_t kind) {
  return drawn<Variant>(dice, kind, std::make_index_sequence<std::variant_size_v<Variant>>{});
}

} // namespace

model::event random_event(model::random& dice, std::size_t kind) {
  return drawn<model::event>(dice, kind);
}
model::event random_event(model::random& dice) {
  return random_event(dice, dice.below(std::variant_size_v<model::event>));
}
model::log_record random_record(model::random& dice, model::sequence_number sequence) {
  return {sequence, moment(dice), random_event(dice)};
}
model::snapshot_item random_item(model::random& dice, std::size_t kind) {
  return drawn<model::snapshot_item>(dice, kind);
}
model::to_host random_to_host(model::random& dice, std::size_t kind) {
  return drawn<model::to_host>(dice, kind);
}
model::from_host random_from_host(model::random& dice, std::size_t kind) {
  return drawn<model::from_host>(dice, kind);
}
model::link_header random_header(model::random& dice) {
  return {id<incarnation_id>(dice), number(dice), number(dice)};
}

model::server_record plausible_server(model::random& dice, std::uint64_t number) {
  server_record made;
  made.id = id<server_id>(dice);
  server_spec spec;
  spec.name = "train-" + std::to_string(number);
  spec.vcpus = 8;
  spec.memory_mib = 65536;
  spec.disks = {{102400, "debian-12"}};
  spec.networks = {"default"};
  spec.devices = {{std::nullopt, 1, {{"H100", "", std::nullopt, std::nullopt}}}};
  made.spec = std::move(spec);
  made.status = server_status::deploying;
  made.host = id<host_id>(dice);
  made.attachments = {{id<device_id>(dice), dice.below(100) + 1, dev_type::gpu_hpc}};
  made.created_at = timestamp{duration{1'770'000'000'000'000'000}};
  made.updated_at = made.created_at;
  made.created = number;
  return made;
}

} // namespace berth::proto_test
