#include "api/bodies.hpp"
#include "api/call.hpp"
#include "api/query_reader.hpp"
#include "api/router_state.hpp"

namespace berth::api::handlers {

namespace {

/// Expands drafts into specifications; false after answering a refusal.
bool expand_all(call& c, std::vector<server_draft> drafts, std::vector<model::server_spec>& specs,
                bool in_batch) {
  specs.reserve(drafts.size());
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    const auto made_up = drafts[i].spec.name.empty()
                             ? c.state.names.name(c.state.name_turn.fetch_add(1))
                             : std::string{};
    auto ok = expand(std::move(drafts[i]), made_up, specs);
    if (!ok) {
      auto why = std::move(ok).error();
      if (in_batch) {
        const auto where = "servers[" + std::to_string(i) + "]";
        why.message = where + ": " + why.message;
        auto& field = why.details["field"];
        field = field.empty() ? where : where + "." + field;
      }
      c.fail(why);
      return false;
    }
  }
  return true;
}

void create_many(call& c, std::vector<model::server_spec> specs, bool keep_refused) {
  c.command<model::servers_created>(model::create_servers{std::move(specs), keep_refused},
                                    [](call& done, const model::servers_created& created) {
                                      answer_results(done, created.servers, "server", "created");
                                    });
}

void create_one(call& c, std::vector<model::server_spec> specs, bool keep_refused) {
  c.command<model::servers_created>(
      model::create_servers{std::move(specs), keep_refused},
      [](call& done, const model::servers_created& created) {
        if (created.servers.size() != 1) {
          return done.fail({model::errc::internal, "the cluster answered for another number of "
                                                   "servers"});
        }
        const auto& server = created.servers.front();
        server ? done.answer_json(201, *server) : done.fail(server.error());
      });
}

void act(call& c, model::server_action action) {
  if (auto ok = read_no_body(c.req.body); !ok) {
    return c.fail(ok.error());
  }
  c.command<model::server_record>(
      model::act_on_server{std::string{c.parameters[0]}, action},
      [](call& done, const model::server_record& server) { done.answer_json(202, server); });
}

} // namespace

void list_servers(call& c) {
  model::list_servers list;
  query_reader query{c.req.query};
  query.read(list.slice);
  query.read("gpu", list.gpu);
  query.read("host", list.host);
  query.read("project", list.project);
  query.read_word("status", list.status, model::parse_server_status,
                  "a server status, such as running");
  query.read("search", list.search);
  if (const auto why = query.failure()) {
    return c.fail(*why);
  }
  const auto slice = list.slice;
  c.query<model::rows<model::server_row>>(
      std::move(list), [slice](call& done, const auto& rows) { answer_rows(done, rows, slice); });
}

void create_server(call& c) {
  auto draft = read_server_body(c.req.body);
  if (!draft) {
    return c.fail(draft.error());
  }
  const bool keep_refused = draft->keep_refused;
  const bool counted = draft->count.has_value();
  std::vector<server_draft> drafts;
  drafts.push_back(*std::move(draft));
  std::vector<model::server_spec> specs;
  if (expand_all(c, std::move(drafts), specs, false)) {
    counted ? create_many(c, std::move(specs), keep_refused)
            : create_one(c, std::move(specs), keep_refused);
  }
}

void create_batch(call& c) {
  auto batch = read_batch_body(c.req.body);
  if (!batch) {
    return c.fail(batch.error());
  }
  if (batch->servers.empty()) {
    return c.fail({model::errc::invalid_argument,
                   "the body names no server: give at least one in the field servers",
                   {{"field", "servers"}}});
  }
  std::vector<model::server_spec> specs;
  if (expand_all(c, std::move(batch->servers), specs, true)) {
    create_many(c, std::move(specs), batch->keep_refused);
  }
}

void show_server(call& c) {
  c.query<model::server_row>(
      model::get_server{std::string{c.parameters[0]}},
      [](call& done, const model::server_row& row) { done.answer_json(200, row); });
}

void delete_server(call& c) {
  act(c, model::server_action::remove);
}

void start_server(call& c) {
  act(c, model::server_action::start);
}

void stop_server(call& c) {
  act(c, model::server_action::stop);
}

void restart_server(call& c) {
  act(c, model::server_action::restart);
}

void attach_device(call& c) {
  auto body = read_attach_body(c.req.body);
  if (!body) {
    return c.fail(body.error());
  }
  c.command<model::server_record>(
      model::attach_device{std::string{c.parameters[0]}, std::move(body->device), body->type},
      [](call& done, const model::server_record& server) { done.answer_json(200, server); });
}

void detach_device(call& c) {
  if (auto ok = read_no_body(c.req.body); !ok) {
    return c.fail(ok.error());
  }
  c.command<model::server_record>(
      model::detach_device{std::string{c.parameters[0]}, std::string{c.parameters[1]}},
      [](call& done, const model::server_record& server) { done.answer_json(200, server); });
}

void forecast(call& c) {
  auto draft = read_server_body(c.req.body);
  if (!draft) {
    return c.fail(draft.error());
  }
  const auto count = draft->count.value_or(1);
  draft->count.reset();
  std::vector<server_draft> drafts;
  drafts.push_back(*std::move(draft));
  std::vector<model::server_spec> specs;
  if (!expand_all(c, std::move(drafts), specs, false)) {
    return;
  }
  c.command<model::forecast>(
      model::forecast_servers{std::move(specs.front()), count},
      [](call& done, const model::forecast& answer) { done.answer_json(200, answer); });
}

void explain(call& c) {
  auto asked = read_explain_body(c.req.body);
  if (!asked) {
    return c.fail(asked.error());
  }
  std::vector<server_draft> drafts;
  drafts.push_back(std::move(asked->server));
  std::vector<model::server_spec> specs;
  if (!expand_all(c, std::move(drafts), specs, false)) {
    return;
  }
  c.command<model::explanation>(
      model::explain_placement{std::move(specs.front()), std::move(asked->hosts)},
      [](call& done, const model::explanation& answer) { done.answer_json(200, answer); });
}

} // namespace berth::api::handlers
