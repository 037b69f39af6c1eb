#include <limits>

#include "api/bodies.hpp"
#include "api/call.hpp"
#include "api/query_reader.hpp"

namespace berth::api::handlers {

namespace {

std::optional<std::string> valid_address(std::string_view text) {
  return model::pci_address::parse(text) ? std::optional{std::string{text}} : std::nullopt;
}

std::optional<std::string> valid_ids(std::string_view text) {
  return model::vendor_device_id::parse(text) ? std::optional{std::string{text}} : std::nullopt;
}

void remove(call& c, bool detach) {
  c.command<model::accepted>(model::remove_device{std::string{c.parameters[0]}, detach},
                             [](call& done, const model::accepted&) { done.answer_nothing(); });
}

void change_host(call& c, model::update_host update) {
  update.host = c.parameters[0];
  c.command<model::host_record>(std::move(update), [](call& done, const model::host_record& host) {
    done.answer_json(200, host);
  });
}

void switch_host(call& c, bool enabled) {
  if (auto ok = read_no_body(c.req.body); !ok) {
    return c.fail(ok.error());
  }
  model::update_host update;
  update.enabled = enabled;
  change_host(c, std::move(update));
}

} // namespace

void list_devices(call& c) {
  model::list_devices list;
  std::int64_t numa_node = -1;
  query_reader query{c.req.query};
  query.read(list.slice);
  query.read("gpu", list.gpu);
  query.read("unused", list.unused);
  query.read("host", list.host);
  query.read("server", list.server);
  query.read_words("dev_type", list.types, model::parse_dev_type, "GPU-HPC, GPU-VGA or PCI");
  query.read("model", list.models);
  query.read_words("addr", list.addresses, valid_address,
                   "a PCI address, such as 41:00.0 or 0000:41:00.0");
  query.read_words("vendor_device_id", list.vendor_device_ids, valid_ids,
                   "four hexadecimal digits twice, such as 10de:1c82");
  query.read("numa_node", numa_node, 0, std::numeric_limits<int>::max());
  query.read_word("state", list.state, model::parse_device_state,
                  "a device state, such as free or in_use");
  query.read("search", list.search);
  if (const auto why = query.failure()) {
    return c.fail(*why);
  }
  if (numa_node >= 0) {
    list.numa_node = static_cast<int>(numa_node);
  }
  const auto slice = list.slice;
  c.query<model::rows<model::device_row>>(
      std::move(list), [slice](call& done, const auto& rows) { answer_rows(done, rows, slice); });
}

void update_devices(call& c) {
  auto update = read_devices_update(c.req.body);
  if (!update) {
    return c.fail(update.error());
  }
  c.command<model::devices_updated>(*std::move(update),
                                    [](call& done, const model::devices_updated& updated) {
                                      answer_results(done, updated.devices, "device", "updated");
                                    });
}

void show_device(call& c) {
  c.query<model::device_row>(
      model::get_device{std::string{c.parameters[0]}},
      [](call& done, const model::device_row& row) { done.answer_json(200, row); });
}

void update_device(call& c) {
  auto update = read_device_settings(c.req.body);
  if (!update) {
    return c.fail(update.error());
  }
  update->devices.emplace_back(c.parameters[0]);
  c.command<model::devices_updated>(
      *std::move(update), [](call& done, const model::devices_updated& updated) {
        if (updated.devices.size() != 1) {
          return done.fail({model::errc::internal, "the cluster answered for another number of "
                                                   "devices"});
        }
        const auto& device = updated.devices.front();
        device ? done.answer_json(200, *device) : done.fail(device.error());
      });
}

void delete_device(call& c) {
  remove(c, false);
}

void purge_device(call& c) {
  const auto detach = read_purge_body(c.req.body);
  if (!detach) {
    return c.fail(detach.error());
  }
  remove(c, *detach);
}

void list_hosts(call& c) {
  model::list_hosts list;
  query_reader query{c.req.query};
  query.read(list.slice);
  query.read("enabled", list.enabled);
  query.read_word("status", list.status, model::parse_host_status, "online or offline");
  query.read("search", list.search);
  if (const auto why = query.failure()) {
    return c.fail(*why);
  }
  const auto slice = list.slice;
  c.query<model::rows<model::host_row>>(
      std::move(list), [slice](call& done, const auto& rows) { answer_rows(done, rows, slice); });
}

void show_host(call& c) {
  c.query<model::host_row>(
      model::get_host{std::string{c.parameters[0]}},
      [](call& done, const model::host_row& row) { done.answer_json(200, row); });
}

void update_host(call& c) {
  auto update = read_host_settings(c.req.body);
  if (!update) {
    return c.fail(update.error());
  }
  change_host(c, *std::move(update));
}

void delete_host(call& c) {
  c.command<model::accepted>(model::remove_host{std::string{c.parameters[0]}},
                             [](call& done, const model::accepted&) { done.answer_nothing(); });
}

void enable_host(call& c) {
  switch_host(c, true);
}

void disable_host(call& c) {
  switch_host(c, false);
}

void host_maintenance(call& c) {
  const auto on = read_maintenance_body(c.req.body);
  if (!on) {
    return c.fail(on.error());
  }
  model::update_host update;
  update.maintenance = *on;
  change_host(c, std::move(update));
}

void probe_host(call& c) {
  if (auto ok = read_no_body(c.req.body); !ok) {
    return c.fail(ok.error());
  }
  c.command<model::accepted>(model::probe_host{std::string{c.parameters[0]}},
                             [](call& done, const model::accepted&) { done.answer_nothing(202); });
}

void usage(call& c) {
  c.query<model::usage>(model::get_usage{}, [](call& done, const model::usage& totals) {
    done.answer_json(200, totals);
  });
}

void snapshot(call& c) {
  c.query<model::inventory_answer>(
      model::get_inventory{},
      [](call& done, const model::inventory_answer& all) { done.answer_json(200, all); });
}

} // namespace berth::api::handlers
