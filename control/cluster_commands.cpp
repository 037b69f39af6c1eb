#include "control/cluster_machine.hpp"

namespace berth::control {

using model::errc;
using model::fail;

// --- Commands and queries

void cluster::machine::on(command_received& received) {
  const bool reads_only = std::holds_alternative<model::forecast_servers>(received.what) ||
                          std::holds_alternative<model::explain_placement>(received.what) ||
                          std::holds_alternative<model::probe_host>(received.what);
  if (store_failure && !reads_only) {
    answer(received.from, tl::unexpected{*store_failure});
    return;
  }
  std::visit([&](auto& command) { run(received.from, command); }, received.what);
}

void cluster::machine::on(query_received& received) {
  auto found = answer_from(*this, received.what);
  if (settled()) {
    emit(answer_query{received.from, std::move(found)});
  } else {
    awaited = state.last_sequence();
    held_queries.push_back({state.last_sequence(), std::move(received), std::move(found)});
  }
}

// --- Idempotency keys

void cluster::machine::on(key_claimed& claimed) {
  const auto conflict = [&] {
    return fail(errc::idempotency_conflict,
                "the idempotency key was used for another request: use a fresh key");
  };
  if (const auto* kept = state.find_answer(claimed.key);
      kept != nullptr && now < kept->at + state.bounds().kept_for) {
    if (kept->fingerprint != claimed.fingerprint) {
      emit(answer_claim{claimed.from, conflict()});
    } else {
      when_durable(answer_claim{claimed.from, kept_answer{kept->http_status, kept->body}});
    }
    return;
  }
  if (const auto working = claims.find(claimed.key);
      working != claims.end() && now < working->second.until) {
    if (working->second.fingerprint != claimed.fingerprint) {
      emit(answer_claim{claimed.from, conflict()});
    } else {
      emit(
          answer_claim{claimed.from,
                       fail(errc::busy, "the same request is being worked on: try again shortly")});
    }
    return;
  }
  if (claims.size() >= config.claims_max) {
    emit(answer_claim{claimed.from, fail(errc::busy, "too many idempotency keys are being worked "
                                                     "on: try again shortly")});
    return;
  }
  const auto until = now + config.claim_timeout;
  claims.insert_or_assign(claimed.key, claim{claimed.fingerprint, until});
  claim_deadlines.emplace_back(until, std::move(claimed.key));
  emit(answer_claim{claimed.from, std::optional<kept_answer>{}});
}

void cluster::machine::on(key_answered& answered) {
  claims.erase(answered.key);
  if (store_failure) {
    emit(answer_remember{answered.from, tl::unexpected{*store_failure}});
    return;
  }
  record(model::request_answered{std::move(answered.key), answered.fingerprint,
                                 answered.http_status, std::move(answered.body)});
  when_durable(answer_remember{answered.from, {}});
}

void cluster::machine::on(key_forgotten& forgotten) {
  claims.erase(forgotten.key);
}

void cluster::machine::expire_claims() {
  while (!claim_deadlines.empty() && claim_deadlines.front().first <= now) {
    const auto over = claims.find(claim_deadlines.front().second);
    if (over != claims.end() && over->second.until <= now) {
      claims.erase(over);
    }
    claim_deadlines.pop_front();
  }
}

} // namespace berth::control
