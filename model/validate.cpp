#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "model/server.hpp"
#include "model/text.hpp"

namespace berth::model {

// Every bound of a server_spec, one small check per field, in the order of the fields. A message
// reads: `<field> is <what is wrong>: <what would be right>`.

namespace {

constexpr std::int64_t vcpus_max = 1024;
constexpr std::int64_t memory_mib_max = std::int64_t{64} * 1024 * 1024;    // 64 TiB
constexpr std::int64_t disk_mib_max = std::int64_t{64} * 1024 * 1024;      // 64 TiB
constexpr std::int64_t storage_mib_max = std::int64_t{1024} * 1024 * 1024; // 1 PiB for all disks
constexpr std::size_t disks_max = 64;
constexpr std::size_t networks_max = 16;
constexpr std::size_t tags_max = 64; // per list
constexpr std::size_t metadata_max = 64;
constexpr std::size_t metadata_key_max = 128;
constexpr std::size_t metadata_value_max = 4096;
constexpr std::size_t image_max = 256;
constexpr std::size_t user_data_max = 16'384; // as most clouds
constexpr std::size_t qemu_arguments_max = 64;
constexpr std::size_t qemu_argument_max = 1024;
constexpr std::int32_t priority_max = 100;
constexpr std::int64_t wait_seconds_max = std::int64_t{365} * 86'400;      // a year
constexpr std::int64_t lifetime_seconds_max = std::int64_t{3650} * 86'400; // ten years
constexpr std::int64_t devices_max = 64; // per request, and of one server in total
constexpr std::size_t alternatives_max = 16;
constexpr std::size_t selector_text_max = 128;

/// User text goes into logs, tables and libvirt XML: no control characters, bounded.
bool is_plain_text(std::string_view text, std::size_t longest) {
  return text.size() <= longest && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

/// Long or hostile user text, made fit for a message.
std::string quoted(std::string_view text) {
  constexpr std::size_t shown = 64;
  std::string safe{text.substr(0, shown)};
  std::replace_if(
      safe.begin(), safe.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, '?');
  return "'" + safe + (text.size() > shown ? "...'" : "'");
}

tl::unexpected<failure> invalid(const std::string& field, const std::string& message) {
  return fail(errc::invalid_argument, field + " " + message, {{"field", field}});
}

result<void> check_range(const std::string& field, std::int64_t value, std::int64_t most,
                         std::string_view unit) {
  if (value >= 1 && value <= most) {
    return {};
  }
  return invalid(field, "is " + std::to_string(value) + ": must be 1 to " + std::to_string(most) +
                            std::string{unit});
}

result<void> check_count(const std::string& field, std::size_t count, std::size_t most) {
  if (count <= most) {
    return {};
  }
  return invalid(field, "has " + std::to_string(count) + " entries: at most " +
                            std::to_string(most) + " are allowed");
}

result<void> check_name(const std::string& field, std::string_view text) {
  if (is_name(text)) {
    return {};
  }
  return invalid(field, "is " + quoted(text) +
                            ": must be 1 to 128 of letters, digits, '.', '_' and '-', and not "
                            "start with '.' or '-'");
}

result<void> check_words(const server_spec& spec) {
  if (auto ok = check_name("name", spec.name); !ok) {
    return ok;
  }
  if (auto ok = check_name("project", spec.project); !ok) {
    return ok;
  }
  if (spec.hypervisor != "kvm") {
    return invalid("hypervisor", "is " + quoted(spec.hypervisor) + ": only 'kvm' is supported");
  }
  if (spec.os != "linux" && spec.os != "windows") {
    return invalid("os", "is " + quoted(spec.os) + ": must be 'linux' or 'windows'");
  }
  if (!spec.anti_affinity_group.empty()) {
    return check_name("anti_affinity_group", spec.anti_affinity_group);
  }
  return {};
}

result<void> check_disks(const std::vector<disk_spec>& disks) {
  if (auto ok = check_count("disks", disks.size(), disks_max); !ok) {
    return ok;
  }
  std::int64_t total = 0; // 64 disks of 64 TiB cannot overflow: each is checked before it is added
  for (std::size_t i = 0; i < disks.size(); ++i) {
    const std::string field = "disks[" + std::to_string(i) + "]";
    if (auto ok = check_range(field + ".size_mib", disks[i].size_mib, disk_mib_max, " MiB"); !ok) {
      return ok;
    }
    if (!is_plain_text(disks[i].image, image_max)) {
      return invalid(field + ".image", "is " + quoted(disks[i].image) +
                                           ": must be at most 256 characters, none of them a "
                                           "control character");
    }
    total += disks[i].size_mib;
  }
  if (total > storage_mib_max) {
    return invalid("disks", "hold " + std::to_string(total) + " MiB: at most " +
                                std::to_string(storage_mib_max) + " MiB in total are allowed");
  }
  return {};
}

result<void> check_networks(const std::vector<std::string>& networks) {
  if (auto ok = check_count("networks", networks.size(), networks_max); !ok) {
    return ok;
  }
  for (std::size_t i = 0; i < networks.size(); ++i) {
    if (auto ok = check_name("networks[" + std::to_string(i) + "]", networks[i]); !ok) {
      return ok;
    }
  }
  return {};
}

result<void> check_tags(const tag_wishes& tags) {
  struct named_list {
    std::string_view name;
    const std::vector<std::string>& tags;
  };
  for (const auto& [name, list] :
       {named_list{"tags.require", tags.require}, named_list{"tags.prefer", tags.prefer},
        named_list{"tags.avoid", tags.avoid}}) {
    if (auto ok = check_count(std::string{name}, list.size(), tags_max); !ok) {
      return ok;
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
      const std::string field = std::string{name} + "[" + std::to_string(i) + "]";
      if (auto ok = check_name(field, list[i]); !ok) {
        return ok;
      }
    }
  }
  for (const auto& tag : tags.avoid) {
    if (std::find(tags.require.begin(), tags.require.end(), tag) != tags.require.end()) {
      return invalid("tags", "require and avoid " + quoted(tag) + ": name it once");
    }
  }
  return {};
}

result<void> check_selector(const std::string& field, const device_selector& selector) {
  if (!is_plain_text(selector.model, selector_text_max)) {
    return invalid(field + ".model", "is " + quoted(selector.model) +
                                         ": must be at most 128 characters, none of them a "
                                         "control character");
  }
  if (!is_plain_text(selector.vendor, selector_text_max)) {
    return invalid(field + ".vendor", "is " + quoted(selector.vendor) +
                                          ": must be at most 128 characters, none of them a "
                                          "control character");
  }
  return {};
}

result<void> check_device(const std::string& field, const device_request& request) {
  if (request.id) {
    if (request.count != 1 || !request.alternatives.empty()) {
      return invalid(field, "names the device " + to_string(*request.id) +
                                " and describes others too: use the id alone, with count 1");
    }
    return {};
  }
  if (auto ok = check_range(field + ".count", request.count, devices_max, " devices"); !ok) {
    return ok;
  }
  if (request.alternatives.empty()) {
    return invalid(field, "names no device: give an id, or a model, vendor, dev_type or "
                          "vendor_device_id");
  }
  if (auto ok = check_count(field + ".alternatives", request.alternatives.size(), alternatives_max);
      !ok) {
    return ok;
  }
  for (std::size_t i = 0; i < request.alternatives.size(); ++i) {
    const std::string which = field + ".alternatives[" + std::to_string(i) + "]";
    if (auto ok = check_selector(which, request.alternatives[i]); !ok) {
      return ok;
    }
  }
  return {};
}

bool asks_for_vga(const device_request& request) {
  return std::any_of(request.alternatives.begin(), request.alternatives.end(),
                     [](const device_selector& s) { return s.type == dev_type::gpu_vga; });
}

result<void> check_devices(const server_spec& spec) {
  if (auto ok = check_count("devices", spec.devices.size(), devices_max); !ok) {
    return ok;
  }
  std::int64_t total = 0; // at most 64 requests of at most 64
  std::set<device_id> named;
  for (std::size_t i = 0; i < spec.devices.size(); ++i) {
    const auto& request = spec.devices[i];
    const std::string field = "devices[" + std::to_string(i) + "]";
    if (auto ok = check_device(field, request); !ok) {
      return ok;
    }
    total += request.count;
    if (request.id && !named.insert(*request.id).second) {
      return fail(errc::duplicate_device,
                  "device " + to_string(*request.id) + " is named twice: name each device once",
                  {{"device", to_string(*request.id)}, {"field", field}});
    }
    if (spec.os == "windows" && spec.boot != firmware::uefi && asks_for_vga(request)) {
      return invalid(field, "asks for GPU-VGA on a windows server with bios firmware: set the "
                            "firmware to uefi, or ask for GPU-HPC");
    }
  }
  if (total > devices_max) {
    return invalid("devices", "ask for " + std::to_string(total) + " devices: at most " +
                                  std::to_string(devices_max) + " in total are allowed");
  }
  return {};
}

result<void> check_metadata(const std::map<std::string, std::string>& metadata) {
  if (auto ok = check_count("metadata", metadata.size(), metadata_max); !ok) {
    return ok;
  }
  for (const auto& [key, value] : metadata) {
    if (key.empty() || !is_plain_text(key, metadata_key_max)) {
      return invalid("metadata", "has the key " + quoted(key) +
                                     ": must be 1 to 128 characters, none of them a control "
                                     "character");
    }
    if (value.size() > metadata_value_max) {
      return invalid("metadata", "has " + std::to_string(value.size()) + " bytes under " +
                                     quoted(key) + ": at most 4096 are allowed");
    }
  }
  return {};
}

/// Under a second counts as zero; the field's name is the API's.
result<void> check_seconds(const std::string& field, const std::optional<duration>& length,
                           std::int64_t most) {
  return length
             ? check_range(field, std::chrono::duration_cast<std::chrono::seconds>(*length).count(),
                           most, " seconds")
             : result<void>{};
}

result<void> check_waiting(const server_spec& spec) {
  if (spec.priority < 0 || spec.priority > priority_max) {
    return invalid("priority", "is " + std::to_string(spec.priority) + ": must be 0 to " +
                                   std::to_string(priority_max));
  }
  if (auto ok =
          check_seconds("wait_for_capacity_seconds", spec.wait_for_capacity, wait_seconds_max);
      !ok) {
    return ok;
  }
  return check_seconds("expected_lifetime_seconds", spec.lifetime, lifetime_seconds_max);
}

result<void> check_guest(const server_spec& spec) {
  if (spec.user_data.size() > user_data_max) {
    return invalid("user_data", "has " + std::to_string(spec.user_data.size()) +
                                    " bytes: at most " + std::to_string(user_data_max) +
                                    " are allowed");
  }
  if (auto ok = check_count("qemu_arguments", spec.qemu_arguments.size(), qemu_arguments_max);
      !ok) {
    return ok;
  }
  for (std::size_t i = 0; i < spec.qemu_arguments.size(); ++i) {
    const auto& argument = spec.qemu_arguments[i];
    if (argument.empty() || !is_plain_text(argument, qemu_argument_max)) {
      return invalid("qemu_arguments[" + std::to_string(i) + "]",
                     "must be 1 to " + std::to_string(qemu_argument_max) +
                         " characters, none of them a control character");
    }
  }
  return {};
}

} // namespace

result<void> validate(const server_spec& spec) {
  return check_words(spec)
      .and_then([&] { return check_range("vcpus", spec.vcpus, vcpus_max, ""); })
      .and_then([&] { return check_range("memory_mib", spec.memory_mib, memory_mib_max, " MiB"); })
      .and_then([&] { return check_disks(spec.disks); })
      .and_then([&] { return check_networks(spec.networks); })
      .and_then([&] { return check_tags(spec.tags); })
      .and_then([&] { return check_devices(spec); })
      .and_then([&] { return check_metadata(spec.metadata); })
      .and_then([&] { return check_waiting(spec); })
      .and_then([&] { return check_guest(spec); });
}

} // namespace berth::model
