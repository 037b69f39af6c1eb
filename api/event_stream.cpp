#include "api/event_stream.hpp"

#include <algorithm>

#include "api/render.hpp"

namespace berth::api {

namespace {

void append_event(std::string& text, const model::log_record& record) {
  text += "id: ";
  text += std::to_string(record.sequence);
  text += "\nevent: ";
  text += event_name(record.what);
  text += "\ndata: ";
  json_writer out{text};
  render(out, record);
  text += "\n\n";
}

} // namespace

void event_stream::start(const std::vector<model::log_record>& first, model::sequence_number next,
                         bool drained) {
  next_ = next;
  out_->on_closed([weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->stop();
    }
  });
  if (follow_) {
    auto subscription = port_.on_new_events([weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->wake();
      }
    });
    const std::lock_guard lock{mutex_};
    if (done_) {
      return;
    }
    subscription_ = std::move(subscription);
    again_ = true; // events may have come between the first batch and the subscription
  }
  if (write(first)) {
    go_on(!drained);
  }
}

void event_stream::wake() {
  {
    const std::lock_guard lock{mutex_};
    if (done_) {
      return;
    }
    if (busy_ || paused_) {
      again_ = true;
      return;
    }
    busy_ = true;
  }
  fetch();
}

void event_stream::fetch() {
  model::sequence_number from = 0;
  {
    const std::lock_guard lock{mutex_};
    again_ = false;
    from = next_;
  }
  port_.events(from, batch,
               [self = shared_from_this()](auto records) { self->on_batch(std::move(records)); });
}

void event_stream::on_batch(model::result<std::vector<model::log_record>> records) {
  if (!records) {
    out_->write("event: error\ndata: " + to_json(records.error()) + "\n\n");
    out_->close();
    stop();
    return;
  }
  if (write(*records)) {
    go_on(records->size() == batch);
  }
}

bool event_stream::write(const std::vector<model::log_record>& records) {
  if (done()) {
    return false;
  }
  if (records.empty()) {
    return true;
  }
  std::string text;
  for (const auto& record : records) {
    append_event(text, record);
  }
  if (!out_->write(text)) {
    stop();
    return false;
  }
  const std::lock_guard lock{mutex_};
  next_ = records.back().sequence + 1;
  return true;
}

void event_stream::go_on(bool more) {
  {
    const std::lock_guard lock{mutex_};
    if (done_) {
      return;
    }
    if (more || again_) {
      paused_ = out_->queued_bytes() > queue_high;
      busy_ = !paused_;
      if (paused_) {
        return;
      }
    } else {
      busy_ = false;
      if (follow_) {
        return;
      }
    }
  }
  if (more || follow_) {
    return fetch();
  }
  out_->close();
  stop();
}

void event_stream::resume() {
  {
    const std::lock_guard lock{mutex_};
    if (done_ || !paused_ || out_->queued_bytes() > queue_low) {
      return;
    }
    paused_ = false;
    busy_ = true;
  }
  fetch();
}

void event_stream::heartbeat() {
  if (!done() && !out_->write(": keep-alive\n\n")) {
    stop();
  }
}

bool event_stream::done() const {
  const std::lock_guard lock{mutex_};
  return done_;
}

void event_stream::stop() {
  std::shared_ptr<void> subscription; // dropped outside the lock
  const std::lock_guard lock{mutex_};
  done_ = true;
  subscription.swap(subscription_);
}

void event_stream::end() {
  if (!done()) {
    out_->close();
    stop();
  }
}

void event_streams::add(std::shared_ptr<event_stream> stream) {
  const std::lock_guard lock{mutex_};
  std::erase_if(streams_, [](const auto& one) { return one->done(); });
  streams_.push_back(std::move(stream));
}

std::vector<std::shared_ptr<event_stream>> event_streams::open() {
  const std::lock_guard lock{mutex_};
  std::erase_if(streams_, [](const auto& one) { return one->done(); });
  return streams_;
}

void event_streams::heartbeat() {
  for (const auto& stream : open()) {
    stream->heartbeat();
  }
}

void event_streams::resume() {
  for (const auto& stream : open()) {
    stream->resume();
  }
}

std::size_t event_streams::count() const {
  const std::lock_guard lock{mutex_};
  return static_cast<std::size_t>(
      std::ranges::count_if(streams_, [](const auto& one) { return !one->done(); }));
}

void event_streams::stop() {
  for (const auto& stream : open()) {
    stream->end();
  }
}

} // namespace berth::api
