#pragma once

#include <functional>
#include <memory>

#include "model/failure.hpp"
#include "store/event_store.hpp"

namespace berth::actors {

/// Opens a read-only handle of the store. Any thread.
using open_store = std::function<model::result<std::unique_ptr<store::event_reader>>()>;

} // namespace berth::actors
