// One event stream, poked from several threads at once: every event comes once and in order.
#include <atomic>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "api/event_stream.hpp"

namespace berth::api {
namespace {

/// A log that one thread writes while others read.
class shared_log final : public cluster_port {
public:
  void command(model::command, reply_handler) override {}
  void query(model::query, answer_handler) override {}
  void claim_key(std::string, std::uint64_t,
                 std::function<void(model::result<std::optional<remembered_answer>>)>) override {}
  void remember_key(std::string, std::uint64_t, remembered_answer,
                    std::function<void(model::result<void>)>) override {}
  void forget_key(std::string) override {}
  void events(model::sequence_number from, std::size_t limit,
              std::function<void(model::result<std::vector<model::log_record>>)> done) override {
    std::vector<model::log_record> found;
    {
      const std::lock_guard lock{mutex_};
      for (auto n = from; n <= last_ && found.size() < limit; ++n) {
        found.push_back({n, {}, model::server_removed{}});
      }
    }
    done(std::move(found));
  }
  [[nodiscard]] std::shared_ptr<void> on_new_events(std::function<void()> wake) override {
    auto handle = std::make_shared<std::function<void()>>(std::move(wake));
    const std::lock_guard lock{mutex_};
    listener_ = handle;
    return handle;
  }
  [[nodiscard]] bool ready() const override { return true; }

  void append() {
    std::shared_ptr<std::function<void()>> listener;
    {
      const std::lock_guard lock{mutex_};
      ++last_;
      listener = listener_.lock();
    }
    if (listener) {
      (*listener)();
    }
  }

private:
  std::mutex mutex_;
  model::sequence_number last_ = 0;
  std::weak_ptr<std::function<void()>> listener_;
};

/// Checks the order as the bytes come, and pretends to lag now and then.
class checking_stream final : public byte_stream {
public:
  bool write(std::string_view bytes) override {
    EXPECT_FALSE(writing_.exchange(true)) << "two writers at once";
    for (auto at = bytes.find("id: "); at != std::string_view::npos;
         at = bytes.find("id: ", at + 1)) {
      const auto id = std::stoull(std::string{bytes.substr(at + 4, 20)});
      EXPECT_EQ(id, last_ + 1);
      last_ = id;
    }
    writing_ = false;
    return true;
  }
  void close() override {}
  [[nodiscard]] std::size_t queued_bytes() const override {
    return lag_.fetch_add(1) % 3 == 0 ? event_stream::queue_high + 1 : 0;
  }
  void on_closed(std::function<void()>) override {}
  [[nodiscard]] model::sequence_number last() const { return last_; }

private:
  std::atomic<bool> writing_{false};
  std::atomic<model::sequence_number> last_{0};
  mutable std::atomic<std::size_t> lag_{0};
};

TEST(EventStreamStress, EveryEventComesOnceAndInOrder) {
  constexpr model::sequence_number total = 20'000;
  shared_log log;
  const auto out = std::make_shared<checking_stream>();
  const auto stream = std::make_shared<event_stream>(log, out, true);
  stream->start({}, 1, true);
  std::atomic<bool> over{false};
  std::thread writer{[&] {
    for (model::sequence_number n = 0; n < total; ++n) {
      log.append();
    }
  }};
  std::thread resumer{[&] {
    while (!over) {
      stream->resume();
      std::this_thread::yield();
    }
  }};
  writer.join();
  while (out->last() < total) {
    std::this_thread::yield();
  }
  over = true;
  resumer.join();
  stream->stop();
  EXPECT_EQ(out->last(), total);
}

} // namespace
} // namespace berth::api
