#include "api/bodies.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "api/json_reader.hpp"
#include "model/random.hpp"

namespace berth::api {

using model::errc;
using model::fail;
using model::result;

namespace {

constexpr auto amount_max = std::numeric_limits<std::int64_t>::max();

// Devices
// ------------------------------------------------------------------------------------------------

/// A device request as sent: an id, or a selector with its alternatives.
struct device_draft {
  model::device_request request;
  model::device_selector first;
  std::vector<model::device_selector> others;
  bool described = false; ///< any field but id was given
};

result<void> read_selector_model(model::device_selector& out, json_value v, const json_path& p) {
  return store(out.model, read_string(v, p));
}
result<void> read_selector_vendor(model::device_selector& out, json_value v, const json_path& p) {
  return store(out.vendor, read_string(v, p));
}
result<void> read_selector_type(model::device_selector& out, json_value v, const json_path& p) {
  return store(out.type, read_word(v, p, model::parse_dev_type, "GPU-HPC, GPU-VGA or PCI"));
}
result<void> read_selector_ids(model::device_selector& out, json_value v, const json_path& p) {
  return store(out.vendor_device, read_word(v, p, model::vendor_device_id::parse,
                                            "four hexadecimal digits twice, such as '10de:1c82'"));
}

constexpr std::array selector_fields{
    json_field<model::device_selector>{"model", read_selector_model},
    json_field<model::device_selector>{"vendor", read_selector_vendor},
    json_field<model::device_selector>{"dev_type", read_selector_type},
    json_field<model::device_selector>{"vendor_device_id", read_selector_ids},
};

template <result<void> (*Read)(model::device_selector&, json_value, const json_path&)>
result<void> read_first(device_draft& out, json_value v, const json_path& p) {
  out.described = true;
  return Read(out.first, v, p);
}

result<void> read_device_id(device_draft& out, json_value v, const json_path& p) {
  return store(out.request.id,
               read_word(v, p, model::device_id::parse, "a device's id, 8-4-4-4-12 digits"));
}

result<void> read_device_count(device_draft& out, json_value v, const json_path& p) {
  out.described = true;
  return store(out.request.count, read_integer(v, p, 1, 64));
}

result<void> read_alternatives(device_draft& out, json_value v, const json_path& p) {
  out.described = true;
  simdjson::dom::array array;
  if (v.get(array) != simdjson::SUCCESS) {
    return wrong_value(p, v, "an array of objects");
  }
  for (const auto member : array) {
    const json_path where{&p, {}, out.others.size()};
    auto& selector = out.others.emplace_back();
    if (auto ok = read_object<model::device_selector>(member, where, selector_fields, selector);
        !ok) {
      return ok;
    }
  }
  return {};
}

constexpr std::array device_fields{
    json_field<device_draft>{"id", read_device_id},
    json_field<device_draft>{"model", read_first<read_selector_model>},
    json_field<device_draft>{"vendor", read_first<read_selector_vendor>},
    json_field<device_draft>{"dev_type", read_first<read_selector_type>},
    json_field<device_draft>{"vendor_device_id", read_first<read_selector_ids>},
    json_field<device_draft>{"count", read_device_count},
    json_field<device_draft>{"alternatives", read_alternatives},
};

result<model::device_request> read_device(json_value v, const json_path& where) {
  device_draft draft;
  if (auto ok = read_object<device_draft>(v, where, device_fields, draft); !ok) {
    return tl::unexpected{std::move(ok).error()};
  }
  if (draft.request.id) {
    if (draft.described) {
      return fail(errc::invalid_argument,
                  to_string(where) + " names the device " + to_string(*draft.request.id) +
                      " and describes others too: use the id alone",
                  {{"field", to_string(where)}});
    }
    return draft.request;
  }
  draft.request.alternatives = std::move(draft.others);
  draft.request.alternatives.insert(draft.request.alternatives.begin(), std::move(draft.first));
  return draft.request;
}

// Servers
// ------------------------------------------------------------------------------------------------

result<void> read_name(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.name, read_string(v, p));
}
result<void> read_project(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.project, read_string(v, p));
}
result<void> read_hypervisor(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.hypervisor, read_string(v, p));
}
result<void> read_vcpus(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.vcpus, read_integer(v, p, 1, 1024));
}
result<void> read_memory(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.memory_mib, read_integer(v, p, 1, amount_max));
}

result<void> read_disk_size(model::disk_spec& out, json_value v, const json_path& p) {
  return store(out.size_mib, read_integer(v, p, 1, amount_max));
}
result<void> read_disk_image(model::disk_spec& out, json_value v, const json_path& p) {
  return store(out.image, read_string(v, p));
}
constexpr std::array disk_fields{
    json_field<model::disk_spec>{"size_mib", read_disk_size},
    json_field<model::disk_spec>{"image", read_disk_image},
};

result<void> read_disks(server_draft& out, json_value v, const json_path& p) {
  simdjson::dom::array array;
  if (v.get(array) != simdjson::SUCCESS) {
    return wrong_value(p, v, "an array of objects");
  }
  for (const auto member : array) {
    const json_path where{&p, {}, out.spec.disks.size()};
    auto& disk = out.spec.disks.emplace_back();
    if (auto ok = read_object<model::disk_spec>(member, where, disk_fields, disk); !ok) {
      return ok;
    }
  }
  return {};
}

result<void> read_networks(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.networks, read_strings(v, p));
}
result<void> read_firmware(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.boot, read_word(v, p, model::parse_firmware, "bios or uefi"));
}
result<void> read_os(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.os, read_string(v, p));
}

result<void> read_devices(server_draft& out, json_value v, const json_path& p) {
  simdjson::dom::array array;
  if (v.get(array) != simdjson::SUCCESS) {
    return wrong_value(p, v, "an array of objects");
  }
  out.spec.devices.reserve(std::min<std::size_t>(array.size(), 64));
  for (const auto member : array) {
    auto device = read_device(member, json_path{&p, {}, out.spec.devices.size()});
    if (!device) {
      return tl::unexpected{std::move(device).error()};
    }
    out.spec.devices.push_back(*std::move(device));
  }
  return {};
}

template <model::wish model::topology_wishes::*Member>
result<void> read_wish(model::topology_wishes& out, json_value v, const json_path& p) {
  return store(out.*Member, read_word(v, p, model::parse_wish, "none, prefer or require"));
}
constexpr std::array topology_fields{
    json_field<model::topology_wishes>{"numa", read_wish<&model::topology_wishes::numa>},
    json_field<model::topology_wishes>{"pcie_root", read_wish<&model::topology_wishes::pcie_root>},
    json_field<model::topology_wishes>{"pcie_switch",
                                       read_wish<&model::topology_wishes::pcie_switch>},
    json_field<model::topology_wishes>{"fabric", read_wish<&model::topology_wishes::fabric>},
};
result<void> read_topology(server_draft& out, json_value v, const json_path& p) {
  return read_object<model::topology_wishes>(v, p, topology_fields, out.spec.topology);
}

template <std::vector<std::string> model::tag_wishes::*Member>
result<void> read_tag_list(model::tag_wishes& out, json_value v, const json_path& p) {
  return store(out.*Member, read_strings(v, p));
}
constexpr std::array tag_fields{
    json_field<model::tag_wishes>{"require", read_tag_list<&model::tag_wishes::require>},
    json_field<model::tag_wishes>{"prefer", read_tag_list<&model::tag_wishes::prefer>},
    json_field<model::tag_wishes>{"avoid", read_tag_list<&model::tag_wishes::avoid>},
};
result<void> read_tags(server_draft& out, json_value v, const json_path& p) {
  return read_object<model::tag_wishes>(v, p, tag_fields, out.spec.tags);
}

result<void> read_group(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.anti_affinity_group, read_string(v, p));
}
constexpr std::string_view host_id_words = "a host's id, 8-4-4-4-12 digits";
result<void> read_host(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.host, read_word(v, p, model::host_id::parse, host_id_words));
}
result<void> read_preferred_host(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.preferred_host, read_word(v, p, model::host_id::parse, host_id_words));
}
result<void> read_auto_start(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.auto_start, read_bool(v, p));
}
result<void> read_metadata(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.metadata, read_string_map(v, p));
}
result<void> read_priority(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.priority, read_integer(v, p, 0, 100));
}
template <std::optional<model::duration> model::server_spec::*Member>
result<void> read_seconds(server_draft& out, json_value v, const json_path& p) {
  constexpr std::int64_t most = std::int64_t{3650} * 86'400; // validate() knows each field's bound
  const auto seconds = read_integer(v, p, 1, most);
  if (!seconds) {
    return tl::unexpected{seconds.error()};
  }
  out.spec.*Member = std::chrono::seconds{*seconds};
  return {};
}
result<void> read_user_data(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.user_data, read_string(v, p));
}
result<void> read_qemu_arguments(server_draft& out, json_value v, const json_path& p) {
  return store(out.spec.qemu_arguments, read_strings(v, p));
}
result<void> read_count(server_draft& out, json_value v, const json_path& p) {
  return store(out.count, read_integer(v, p, 1, servers_per_request_max));
}
result<void> read_keep_refused(server_draft& out, json_value v, const json_path& p) {
  return store(out.keep_refused, read_bool(v, p));
}

// keep_refused comes last: specifications inside a batch know every field but that. Before it comes
// count: an explanation knows neither.
constexpr std::array server_fields{
    json_field<server_draft>{"name", read_name},
    json_field<server_draft>{"vcpus", read_vcpus},
    json_field<server_draft>{"memory_mib", read_memory},
    json_field<server_draft>{"devices", read_devices},
    json_field<server_draft>{"disks", read_disks},
    json_field<server_draft>{"networks", read_networks},
    json_field<server_draft>{"project", read_project},
    json_field<server_draft>{"hypervisor", read_hypervisor},
    json_field<server_draft>{"firmware", read_firmware},
    json_field<server_draft>{"os", read_os},
    json_field<server_draft>{"topology", read_topology},
    json_field<server_draft>{"tags", read_tags},
    json_field<server_draft>{"anti_affinity_group", read_group},
    json_field<server_draft>{"host_id", read_host},
    json_field<server_draft>{"preferred_host_id", read_preferred_host},
    json_field<server_draft>{"auto_start", read_auto_start},
    json_field<server_draft>{"metadata", read_metadata},
    json_field<server_draft>{"priority", read_priority},
    json_field<server_draft>{"wait_for_capacity_seconds",
                             read_seconds<&model::server_spec::wait_for_capacity>},
    json_field<server_draft>{"expected_lifetime_seconds",
                             read_seconds<&model::server_spec::lifetime>},
    json_field<server_draft>{"user_data", read_user_data},
    json_field<server_draft>{"qemu_arguments", read_qemu_arguments},
    json_field<server_draft>{"count", read_count},
    json_field<server_draft>{"keep_refused", read_keep_refused},
};

// An explanation is about one server: it takes the fields of a specification but the last two.
constexpr std::size_t explain_server_fields = server_fields.size() - 2;

template <std::size_t I>
result<void> read_explain_server(explain_draft& out, json_value v, const json_path& p) {
  return server_fields[I].read(out.server, v, p);
}
result<void> read_explain_hosts(explain_draft& out, json_value v, const json_path& p) {
  return store(out.hosts, read_strings(v, p, model::explain_placement::hosts_max));
}

template <std::size_t... I> constexpr auto make_explain_fields(std::index_sequence<I...>) {
  return std::array{
      json_field<explain_draft>{server_fields[I].name, read_explain_server<I>}...,
      json_field<explain_draft>{"hosts", read_explain_hosts},
  };
}
constexpr auto explain_fields =
    make_explain_fields(std::make_index_sequence<explain_server_fields>{});

result<void> read_batch_servers(server_batch& out, json_value v, const json_path& p) {
  const std::span<const json_field<server_draft>> all{server_fields};
  const auto item_fields = all.first(all.size() - 1);
  simdjson::dom::array array;
  if (v.get(array) != simdjson::SUCCESS) {
    return wrong_value(p, v, "an array of server specifications");
  }
  if (array.size() > static_cast<std::size_t>(servers_per_request_max)) {
    return fail(errc::too_large,
                "servers has " + std::to_string(array.size()) + " entries: at most " +
                    std::to_string(servers_per_request_max) + " are allowed",
                {{"field", "servers"}});
  }
  out.servers.reserve(array.size());
  for (const auto member : array) {
    const json_path where{&p, {}, out.servers.size()};
    auto& draft = out.servers.emplace_back();
    if (auto ok = read_object(member, where, item_fields, draft); !ok) {
      return ok;
    }
  }
  return {};
}

result<void> read_batch_keep(server_batch& out, json_value v, const json_path& p) {
  return store(out.keep_refused, read_bool(v, p));
}

constexpr std::array batch_fields{
    json_field<server_batch>{"servers", read_batch_servers},
    json_field<server_batch>{"keep_refused", read_batch_keep},
};

std::string numbered(const std::string& pattern, std::int32_t n) {
  const auto number = std::to_string(n);
  const auto first = pattern.find("{n}");
  if (first == std::string::npos) {
    return pattern + "-" + number;
  }
  std::string name = pattern;
  for (auto at = first; at != std::string::npos; at = name.find("{n}", at + number.size())) {
    name.replace(at, 3, number);
  }
  return name;
}

} // namespace

result<server_draft> read_server_body(std::string& body) {
  return read_body<server_draft>(body, server_fields);
}

result<explain_draft> read_explain_body(std::string& body) {
  return read_body<explain_draft>(body, explain_fields);
}

result<server_batch> read_batch_body(std::string& body) {
  return read_body<server_batch>(body, batch_fields);
}

std::string name_source::name(std::uint64_t turn) const {
  constexpr std::string_view alphabet = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford's base 32
  std::uint64_t bits = model::random{seed_ + turn * 0x9e3779b97f4a7c15ULL}.next();
  std::string name = "server-";
  for (int i = 0; i < 10; ++i, bits >>= 5U) {
    name += alphabet[bits & 31U];
  }
  return name;
}

result<void> expand(server_draft draft, const std::string& made_up,
                    std::vector<model::server_spec>& out) {
  if (draft.spec.name.empty()) {
    draft.spec.name = made_up;
  }
  const std::int32_t count = draft.count.value_or(1);
  if (out.size() + static_cast<std::size_t>(count) >
      static_cast<std::size_t>(servers_per_request_max)) {
    return fail(errc::too_large, "the request makes more than " +
                                     std::to_string(servers_per_request_max) +
                                     " servers: send less at a time");
  }
  const std::string pattern = draft.spec.name;
  if (draft.count) {
    draft.spec.name = numbered(pattern, count); // the longest name
  }
  if (auto ok = model::validate(draft.spec); !ok) {
    return ok;
  }
  for (std::int32_t n = 1; n < count; ++n) {
    out.push_back(draft.spec);
    out.back().name = numbered(pattern, n);
  }
  out.push_back(std::move(draft.spec));
  return {};
}

namespace {

template <class T> std::vector<std::string_view> names_of(std::span<const json_field<T>> fields) {
  std::vector<std::string_view> names;
  for (const auto& field : fields) {
    names.push_back(field.name);
  }
  return names;
}

} // namespace

std::vector<std::string_view> server_body_fields() {
  return names_of<server_draft>(server_fields);
}

std::vector<std::string_view> explain_body_fields() {
  return names_of<explain_draft>(explain_fields);
}

std::vector<std::string_view> device_request_fields() {
  return names_of<device_draft>(device_fields);
}

} // namespace berth::api
