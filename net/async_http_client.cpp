#include "net/async_http_client.hpp"

#include "net/detail/client_connection.hpp"
#include "net/detail/lane.hpp"
#include "net/io_pool.hpp"

#include <algorithm>
#include <deque>
#include <future>

namespace berth::net {

using detail::client_connection;
using detail::steady;

struct async_http_client::shared {
  explicit shared(async_http_client_options o, detail::connect_plan p)
      : options(std::move(o)), plan(std::move(p)) {}
  const async_http_client_options options;
  const detail::connect_plan plan;
  std::atomic<std::size_t> outstanding{0};
  std::atomic<std::size_t> turn{0};
  std::atomic<bool> stopped{false};
};

/// The client's part on one lane: a queue of calls and the slots that work on them.
class async_http_client::engine final : public detail::io_object {
public:
  engine(std::shared_ptr<detail::lane> where, std::shared_ptr<shared> common, std::size_t slots)
      : lane_(std::move(where)), common_(std::move(common)), slots_(slots) {
    for (std::size_t i = slots; i > 0; --i)
      free_.push_back(i - 1);
  }

  [[nodiscard]] detail::lane& where() { return *lane_; }

  /// On the lane.
  void start() {
    lane_->require_granularity(
        std::min(common_->options.connect_timeout, common_->options.request_timeout) / 4);
    lane_->attach(*this);
  }
  void submit(client_request call, callback done);
  void shut();

  void on_deadline(steady::time_point now) override;
  void on_lane_stop() override { shut(); }

private:
  struct job {
    client_request call;
    callback done;
    bool sent_before = false;
  };
  struct slot {
    std::shared_ptr<detail::connector> connecting;
    std::shared_ptr<client_connection> connection;
    std::optional<job> current;
    bool reused = false; // the connection has served an earlier call
    steady::time_point until = steady::time_point::max();
  };
  std::shared_ptr<engine> self() { return std::static_pointer_cast<engine>(shared_from_this()); }
  void begin(std::size_t index, job work);
  void connect(std::size_t index);
  void send(std::size_t index);
  void on_answer(std::size_t index, result<response> outcome);
  void finish(std::size_t index, result<response> outcome);
  void answer(job& work, result<response> outcome);
  void abandon(std::size_t index, error reason);
  void set_until(slot& s, std::chrono::milliseconds timeout);

  std::shared_ptr<detail::lane> lane_;
  std::shared_ptr<shared> common_;
  std::vector<slot> slots_;
  std::vector<std::size_t> free_; // most recently used last: few connections serve a light load
  std::deque<job> waiting_;
  bool shut_ = false;
};

void async_http_client::engine::submit(client_request call, callback done) {
  job work{std::move(call), std::move(done)};
  if (shut_)
    return answer(work, fail(errc::stopped, "the client was stopped"));
  if (free_.empty())
    return waiting_.push_back(std::move(work));
  const auto index = free_.back();
  free_.pop_back();
  begin(index, std::move(work));
}

void async_http_client::engine::begin(std::size_t index, job work) {
  slot& s = slots_[index];
  s.current = std::move(work);
  if (s.connection && !s.connection->usable()) {
    s.connection->close();
    s.connection.reset();
  }
  if (s.connection) {
    s.reused = true;
    return send(index);
  }
  connect(index);
}

void async_http_client::engine::set_until(slot& s, std::chrono::milliseconds timeout) {
  s.until = steady::now() + timeout;
  deadline = std::min(deadline, s.until);
}

void async_http_client::engine::connect(std::size_t index) {
  slot& s = slots_[index];
  s.reused = false;
  set_until(s, common_->options.connect_timeout);
  s.connecting = std::make_shared<detail::connector>(
      lane_->context(), common_->plan,
      [me = self(), index](result<std::unique_ptr<detail::stream>> outcome) {
        slot& mine = me->slots_[index];
        mine.connecting.reset();
        if (!outcome)
          return me->finish(index, tl::unexpected(std::move(outcome.error())));
        mine.connection =
            std::make_shared<client_connection>(std::move(*outcome), me->common_->options);
        me->send(index);
      });
  s.connecting->start();
}

void async_http_client::engine::send(std::size_t index) {
  slot& s = slots_[index];
  set_until(s, common_->options.request_timeout);
  s.connection->send(s.current->call, {}, [me = self(), index](result<response> outcome) {
    me->on_answer(index, std::move(outcome));
  });
}

void async_http_client::engine::on_answer(std::size_t index, result<response> outcome) {
  slot& s = slots_[index];
  if (!outcome) {
    const bool stale = s.reused && s.connection->failed_unanswered();
    s.connection.reset();
    if (stale && !s.current->sent_before && detail::may_send_again(s.current->call)) {
      s.current->sent_before = true;
      return connect(index);
    }
  }
  finish(index, std::move(outcome));
}

void async_http_client::engine::answer(job& work, result<response> outcome) {
  --common_->outstanding;
  work.done(std::move(outcome));
}

void async_http_client::engine::finish(std::size_t index, result<response> outcome) {
  job work = std::move(*slots_[index].current);
  slots_[index].current.reset();
  slots_[index].until = steady::time_point::max();
  if (!waiting_.empty() && !shut_) { // before the callback: its submissions queue behind
    job next = std::move(waiting_.front());
    waiting_.pop_front();
    begin(index, std::move(next));
  } else {
    free_.push_back(index);
  }
  answer(work, std::move(outcome));
}

void async_http_client::engine::abandon(std::size_t index, error reason) {
  slot& s = slots_[index];
  if (s.connecting)
    s.connecting->cancel();
  s.connecting.reset();
  if (s.connection)
    s.connection->close();
  s.connection.reset();
  if (s.current)
    finish(index, tl::unexpected(std::move(reason)));
}

void async_http_client::engine::on_deadline(steady::time_point now) {
  const std::string who = to_string(common_->options.where);
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].until > now)
      continue;
    if (slots_[i].connecting)
      abandon(i, {errc::timed_out, "cannot connect to " + who + ": no answer in time"});
    else
      abandon(i, {errc::timed_out, who + " did not answer in time; it may or may not have acted "
                                         "on the request"});
  }
  deadline = steady::time_point::max();
  for (const auto& s : slots_)
    deadline = std::min(deadline, s.until);
}

void async_http_client::engine::shut() {
  if (shut_)
    return;
  shut_ = true;
  const auto keep = shared_from_this();
  lane_->detach(*this);
  for (std::size_t i = 0; i < slots_.size(); ++i)
    abandon(i, {errc::stopped, "the client was stopped; the server may or may not have acted"});
  while (!waiting_.empty()) {
    job work = std::move(waiting_.front());
    waiting_.pop_front();
    answer(work, fail(errc::stopped, "the client was stopped before the request was sent"));
  }
}

async_http_client::async_http_client(std::vector<std::shared_ptr<engine>> engines,
                                     std::shared_ptr<shared> common)
    : engines_(std::move(engines)), common_(std::move(common)) {}

result<std::unique_ptr<async_http_client>>
async_http_client::create(io_pool& pool, async_http_client_options options) {
  auto plan = detail::make_connect_plan(options.where, options.tls, options.refused_hint);
  if (!plan)
    return tl::unexpected(plan.error());
  const auto connections = std::max<std::size_t>(1, options.connections);
  const auto common = std::make_shared<shared>(std::move(options), std::move(*plan));
  std::vector<std::shared_ptr<engine>> engines;
  const auto lanes = std::min(pool.lanes().size(), connections);
  for (std::size_t i = 0; i < lanes; ++i) {
    const std::size_t slots = connections / lanes + (i < connections % lanes ? 1 : 0);
    engines.push_back(std::make_shared<engine>(pool.lanes()[i], common, slots));
    pool.lanes()[i]->dispatch([made = engines.back()] { made->start(); });
  }
  return std::unique_ptr<async_http_client>(new async_http_client(std::move(engines), common));
}

async_http_client::~async_http_client() {
  stop();
}

bool async_http_client::submit(client_request call, callback done) {
  if (common_->stopped)
    return false;
  if (common_->outstanding.fetch_add(1) >= common_->options.outstanding_max) {
    --common_->outstanding;
    return false;
  }
  for (const auto& each : engines_)
    if (each->where().on_thread()) {
      each->submit(std::move(call), std::move(done));
      return true;
    }
  const auto& chosen = engines_[common_->turn++ % engines_.size()];
  chosen->where().post([chosen, call = std::move(call), done = std::move(done)]() mutable {
    chosen->submit(std::move(call), std::move(done));
  });
  return true;
}

std::size_t async_http_client::outstanding() const noexcept {
  return common_->outstanding;
}

void async_http_client::stop() {
  common_->stopped = true;
  for (const auto& each : engines_) {
    if (each->where().on_thread()) {
      each->shut();
      continue;
    }
    std::promise<void> shut; // when the pool has stopped, the post is dropped and breaks it
    const auto done = shut.get_future();
    each->where().post([each, shut = std::move(shut)]() mutable {
      each->shut();
      shut.set_value();
    });
    done.wait();
  }
}

} // namespace berth::net
