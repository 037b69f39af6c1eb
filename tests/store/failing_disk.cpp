#include "tests/store/failing_disk.hpp"

#include <cstring>

#include <sqlite3.h>

namespace berth::store_test {

namespace {

// SQLite gives szOsFile bytes for a file: ours first, the real layer's right behind it.
struct failing_file {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* real(sqlite3_file* file) {
  return reinterpret_cast<failing_file*>(file)->real();
}
sqlite3_vfs* real(sqlite3_vfs* layer) {
  return static_cast<sqlite3_vfs*>(layer->pAppData);
}

/// SQLITE_OK, or the code that this call fails with.
int fault(int code) {
  disk_plan& plan = plan_of_disk();
  if (code == 0 || plan.calls_until_fault < 0)
    return SQLITE_OK;
  if (plan.calls_until_fault > 0) {
    --plan.calls_until_fault;
    return SQLITE_OK;
  }
  if (plan.once)
    plan.calls_until_fault = -1;
  ++plan.faults;
  return code;
}

int close(sqlite3_file* f) {
  return real(f)->pMethods->xClose(real(f));
}
int read(sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
  return real(f)->pMethods->xRead(real(f), to, size, at);
}
int write(sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
  const int code = fault(plan_of_disk().writes_fail_with);
  return code != SQLITE_OK ? code : real(f)->pMethods->xWrite(real(f), from, size, at);
}
int truncate(sqlite3_file* f, sqlite3_int64 size) {
  return real(f)->pMethods->xTruncate(real(f), size);
}
int sync(sqlite3_file* f, int flags) {
  const int code = fault(plan_of_disk().syncs_fail_with);
  return code != SQLITE_OK ? code : real(f)->pMethods->xSync(real(f), flags);
}
int file_size(sqlite3_file* f, sqlite3_int64* size) {
  return real(f)->pMethods->xFileSize(real(f), size);
}
int lock(sqlite3_file* f, int level) {
  return real(f)->pMethods->xLock(real(f), level);
}
int unlock(sqlite3_file* f, int level) {
  return real(f)->pMethods->xUnlock(real(f), level);
}
int check_reserved(sqlite3_file* f, int* out) {
  return real(f)->pMethods->xCheckReservedLock(real(f), out);
}
int control(sqlite3_file* f, int operation, void* argument) {
  return real(f)->pMethods->xFileControl(real(f), operation, argument);
}
int sector_size(sqlite3_file* f) {
  return real(f)->pMethods->xSectorSize(real(f));
}
int characteristics(sqlite3_file* f) {
  return real(f)->pMethods->xDeviceCharacteristics(real(f));
}
int shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}
int shm_lock(sqlite3_file* f, int offset, int count, int flags) {
  return real(f)->pMethods->xShmLock(real(f), offset, count, flags);
}
void shm_barrier(sqlite3_file* f) {
  real(f)->pMethods->xShmBarrier(real(f));
}
int shm_unmap(sqlite3_file* f, int remove) {
  return real(f)->pMethods->xShmUnmap(real(f), remove);
}

const sqlite3_io_methods methods{2,
                                 close,
                                 read,
                                 write,
                                 truncate,
                                 sync,
                                 file_size,
                                 lock,
                                 unlock,
                                 check_reserved,
                                 control,
                                 sector_size,
                                 characteristics,
                                 shm_map,
                                 shm_lock,
                                 shm_barrier,
                                 shm_unmap,
                                 nullptr,
                                 nullptr};

int open(sqlite3_vfs* layer, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  const int code = real(layer)->xOpen(real(layer), name, real(file), flags, out_flags);
  file->pMethods = code == SQLITE_OK ? &methods : nullptr;
  return code;
}

sqlite3_vfs make_layer() {
  sqlite3_vfs* below = sqlite3_vfs_find(nullptr);
  sqlite3_vfs layer = *below; // what is not a file's goes to the layer below as it is
  layer.iVersion = 1;
  layer.szOsFile = static_cast<int>(sizeof(failing_file)) + below->szOsFile;
  layer.pNext = nullptr;
  layer.zName = "berth-failing-disk";
  layer.pAppData = below;
  layer.xOpen = open;
  return layer;
}

} // namespace

disk_plan& plan_of_disk() {
  static disk_plan plan;
  return plan;
}

std::string failing_disk() {
  static sqlite3_vfs layer = make_layer();
  static const int registered = sqlite3_vfs_register(&layer, 0);
  return registered == SQLITE_OK ? layer.zName : "";
}

} // namespace berth::store_test
