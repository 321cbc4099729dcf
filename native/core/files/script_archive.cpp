#include "core/files/script_archive.h"

#include <caffe2/serialize/inline_container.h>

#include <algorithm>
#include <unordered_set>

#include "core/error.h"
#include "core/files/crc32.h"

namespace continual {
namespace {

const char* const kHowToExport =
    "export the model in Python with torch.jit.script(model).save(\"model.pt\") "
    "(or torch.jit.trace in train mode)";

/// TorchScript compresses its source code and nothing else. More than this is no source code but a zip bomb.
constexpr uint64_t kMostInflated = uint64_t{256} << 20;
constexpr uint64_t kMostRecords = 1'000'000;
constexpr size_t kChunk = size_t{1} << 20;

constexpr size_t kEndSize = 22;
constexpr size_t kEnd64Size = 56;
constexpr size_t kLocator64Size = 20;

[[noreturn]] void throw_format(const std::string& code, const ModelFile& file, const std::string& what) {
  throw Error(code, "jit.load: expected a TorchScript file, " + file.name + " " + what + ": " + kHowToExport);
}

/// Little-endian numbers of a structure of the archive.
class Fields {
 public:
  explicit Fields(std::string bytes) : bytes_(std::move(bytes)) {}
  uint64_t number(size_t offset, size_t size) const {
    uint64_t result = 0;
    for (size_t i = size; i-- > 0;) result = result << 8 | static_cast<unsigned char>(bytes_[offset + i]);
    return result;
  }
  uint64_t u16(size_t offset) const { return number(offset, 2); }
  uint64_t u32(size_t offset) const { return number(offset, 4); }
  uint64_t u64(size_t offset) const { return number(offset, 8); }
  bool has_mark(const char* mark) const { return bytes_.compare(0, 4, mark, 4) == 0; }
  std::string text(size_t offset, size_t size) const { return bytes_.substr(offset, size); }
  size_t size() const { return bytes_.size(); }

 private:
  std::string bytes_;
};

struct Record {
  std::string name;
  uint64_t header = 0;  // where it begins
  uint64_t data = 0;
  uint64_t stored = 0;
  uint64_t size = 0;
  uint64_t crc32 = 0;
  bool is_deflated = false;
  bool has_descriptor = false;  // checksum and sizes stand behind the data, not before

  uint64_t end() const { return data + stored; }
};

class Archive {
 public:
  explicit Archive(const ModelFile& file) : file_(file) {
    const uint64_t end = find_directory();
    read_directory(end);
    check_layout();
  }

  const std::vector<Record>& records() const { return records_; }

  /// Whether a record lies in the archive's one folder.
  bool has(const std::string& name) const {
    return std::any_of(records_.begin(), records_.end(),
                       [&](const Record& record) { return record.name.substr(record.name.find('/') + 1) == name; });
  }

  void check_contents() const {
    std::string chunk(kChunk, '\0');
    for (const Record& record : records_) {
      if (record.is_deflated) continue;
      uint32_t sum = 0;
      for (uint64_t done = 0; done < record.size;) {
        const size_t count = static_cast<size_t>(std::min<uint64_t>(kChunk, record.size - done));
        read(record.data + done, chunk.data(), count);
        sum = crc32(chunk.data(), count, sum);
        done += count;
      }
      compare(record, sum);
    }
    caffe2::serialize::PyTorchStreamReader reader(file_.bytes);
    for (const Record& record : records_) {
      if (!record.is_deflated) continue;
      const auto [data, size] = reader.getRecord(record.name.substr(record.name.find('/') + 1));
      compare(record, size == record.size ? crc32(data.get(), size) : ~record.crc32);
    }
  }

 private:
  [[noreturn]] void damaged(const std::string& detail) const { throw_damaged(file_, detail); }

  void read(uint64_t offset, void* into, size_t size) const {
    if (file_.bytes->read(offset, into, size, "a model file") != size) damaged("it cannot be read to its end");
  }

  Fields fields(uint64_t offset, uint64_t size) const {
    const uint64_t whole = file_.bytes->size();
    if (offset > whole || size > whole - offset) damaged("it ends inside its directory");
    std::string bytes(size, '\0');
    read(offset, bytes.data(), size);
    return Fields(std::move(bytes));
  }

  void compare(const Record& record, uint64_t sum) const {
    if (sum != record.crc32) damaged("the checksum of \"" + record.name + "\" is wrong");
  }

  /// Sets where the directory lies; returns its end. Both forms of an archive's end must say the same: readers differ in
  /// which one they believe.
  uint64_t find_directory() {
    const uint64_t whole = file_.bytes->size();
    if (whole < kEndSize) damaged("it ends before its directory");
    const Fields end = fields(whole - kEndSize, kEndSize);
    if (!end.has_mark("PK\5\6") || end.u16(20) != 0) damaged("its directory is missing");
    count_ = end.u16(10);
    uint64_t size = end.u32(12);
    directory_ = end.u32(16);
    uint64_t directory_end = whole - kEndSize;
    bool is_one_disk = end.u16(4) == 0 && end.u16(6) == 0 && end.u16(8) == count_;
    if (whole >= kEndSize + kLocator64Size + kEnd64Size) {
      const Fields locator = fields(whole - kEndSize - kLocator64Size, kLocator64Size);
      if (locator.has_mark("PK\6\7")) {
        directory_end = whole - kEndSize - kLocator64Size - kEnd64Size;
        const Fields end64 = fields(directory_end, kEnd64Size);
        const bool agrees = locator.u64(8) == directory_end && end64.has_mark("PK\6\6") &&
                            end64.u64(4) == kEnd64Size - 12 && (count_ == 0xffff || count_ == end64.u64(32)) &&
                            (size == 0xffffffff || size == end64.u64(40)) &&
                            (directory_ == 0xffffffff || directory_ == end64.u64(48));
        if (!agrees) damaged("its two ends do not agree");
        is_one_disk = is_one_disk && end64.u32(16) == 0 && end64.u32(20) == 0 && end64.u64(24) == end64.u64(32) &&
                      locator.u32(4) == 0 && locator.u32(16) == 1;
        count_ = end64.u64(32);
        size = end64.u64(40);
        directory_ = end64.u64(48);
      }
    }
    if (!is_one_disk) damaged("it is one of several parts");
    if (directory_ > directory_end || size != directory_end - directory_) damaged("its directory is not where it should be");
    if (count_ > kMostRecords) damaged("it claims to have " + std::to_string(count_) + " records");
    return directory_end;
  }

  void read_directory(uint64_t end) {
    constexpr size_t kEntrySize = 46;
    uint64_t at = directory_;
    for (uint64_t i = 0; i < count_; ++i) {
      const Fields entry = fields(at, kEntrySize);
      if (!entry.has_mark("PK\1\2")) damaged("its directory has no entry " + std::to_string(i));
      const uint64_t name_size = entry.u16(28);
      const uint64_t extra_size = entry.u16(30);
      const Fields rest = fields(at + kEntrySize, name_size + extra_size);
      Record record;
      record.name = rest.text(0, name_size);
      record.crc32 = entry.u32(16);
      record.stored = entry.u32(20);
      record.size = entry.u32(24);
      record.header = entry.u32(42);
      read_extra(record, rest, name_size);
      if (entry.u16(8) & 0x2041) damaged("\"" + record.name + "\" is encrypted");
      // libtorch's reader leaves the memory of a folder's contents as it was.
      const bool is_folder = !record.name.empty() && record.name.back() == '/';
      if (((entry.u32(38) & 0x10) != 0 && !is_folder) || (is_folder && record.size != 0)) {
        damaged("\"" + record.name + "\" is both a folder and a record");
      }
      const uint64_t method = entry.u16(10);
      if (method != 0 && method != 8) damaged("\"" + record.name + "\" is compressed in an unknown way");
      record.is_deflated = method == 8;
      record.has_descriptor = (entry.u16(8) & 8) != 0;
      at += kEntrySize + name_size + extra_size + entry.u16(32);
      if (at > end) damaged("its directory is longer than it should be");
      records_.push_back(std::move(record));
    }
    if (at != end) damaged("its directory is shorter than it should be");
  }

  /// Sizes beyond 32 bits stand in a field of their own, in this order, where the entry holds only ones.
  void read_extra(Record& record, const Fields& rest, size_t at) const {
    std::vector<uint64_t*> lacking;
    for (uint64_t* value : {&record.size, &record.stored, &record.header}) {
      if (*value == 0xffffffff) lacking.push_back(value);
    }
    bool is_found = false;
    while (at + 4 <= rest.size()) {
      const uint64_t size = rest.u16(at + 2);
      const bool is_zip64 = rest.u16(at) == 1;
      at += 4;
      if (size > rest.size() - at) break;
      if (is_zip64 && !is_found) {
        is_found = true;
        if (size < lacking.size() * 8) break;
        for (size_t i = 0; i < lacking.size(); ++i) *lacking[i] = rest.u64(at + i * 8);
        lacking.clear();
      }
      at += size;
    }
    if (at != rest.size() || !lacking.empty()) damaged("the entry of \"" + record.name + "\" is cut short");
  }

  void check_layout() {
    std::unordered_set<std::string> names;
    uint64_t inflated = 0;
    for (Record& record : records_) {
      check_name(record.name);
      if (!names.insert(record.name).second) damaged("it has \"" + record.name + "\" twice");
      const Fields header = fields(record.header, 30);
      const uint64_t name_size = header.u16(26);
      if (!header.has_mark("PK\3\4") || (header.u16(6) & 8) != (record.has_descriptor ? 8 : 0) || header.u16(8) != (record.is_deflated ? 8 : 0) ||
          fields(record.header + 30, name_size).text(0, name_size) != record.name) {
        damaged("\"" + record.name + "\" is not where its directory says");
      }
      record.data = record.header + 30 + name_size + header.u16(28);
      if (record.data > directory_ || record.stored > directory_ - record.data) {
        damaged("\"" + record.name + "\" claims " + std::to_string(record.stored) + " bytes, more than there are");
      }
      if (!record.has_descriptor && !agrees(record, header, 14, 4)) {
        damaged("\"" + record.name + "\" has another size or checksum than its directory says");
      }
      if (record.is_deflated) inflated += std::min(record.size, kMostInflated + 1);
      else if (record.size != record.stored) damaged("\"" + record.name + "\" has two sizes");
      if (inflated > kMostInflated) damaged("its compressed records claim more than 256 MiB");
    }
    std::vector<const Record*> in_order;
    for (const Record& record : records_) in_order.push_back(&record);
    std::sort(in_order.begin(), in_order.end(), [](auto* a, auto* b) { return a->header < b->header; });
    for (size_t i = 0; i < in_order.size(); ++i) {
      const Record& record = *in_order[i];
      const uint64_t next = i + 1 < in_order.size() ? in_order[i + 1]->header : directory_;
      if (record.end() > next) damaged("\"" + record.name + "\" overlaps what comes next");
      if (!fills(record, next - record.end())) damaged("\"" + record.name + "\" is not all there is before what comes next");
    }
  }

  /// Checksum and sizes as they stand beside the data. Where they are beyond 32 bits, or there are ones in their place, the
  /// directory alone has them.
  static bool agrees(const Record& record, const Fields& beside, size_t at, size_t width) {
    const auto same = [&](uint64_t written, uint64_t known) {
      return written == known || (width == 4 && written == 0xffffffff);
    };
    return beside.u32(at) == record.crc32 && same(beside.number(at + 4, width), record.stored) &&
           same(beside.number(at + 4 + width, width), record.size);
  }

  /// Nothing lies between a record and the next but, perhaps, its descriptor, with or without a mark: a record whose size
  /// was damaged would otherwise look whole, and libtorch would read beyond it.
  bool fills(const Record& record, uint64_t gap) const {
    if (!record.has_descriptor) return gap == 0;
    if (gap != 12 && gap != 16 && gap != 20 && gap != 24) return false;
    const Fields descriptor = fields(record.end(), gap);
    const bool is_marked = gap % 8 == 0;
    return (!is_marked || descriptor.has_mark("PK\7\x08")) &&
           agrees(record, descriptor, is_marked ? 4 : 0, gap < 20 ? 4 : 8);
  }

  void check_name(const std::string& name) const {
    const bool is_within = !name.empty() && name.front() != '/' &&
                           name.find_first_of(std::string("\\\0", 2)) == std::string::npos &&
                           ("/" + name + "/").find("/../") == std::string::npos;
    if (!is_within) damaged("it has a record named \"" + name + "\", which leaves the archive");
  }

  const ModelFile& file_;
  uint64_t count_ = 0;
  uint64_t directory_ = 0;
  std::vector<Record> records_;
};

}  // namespace

void check_script_archive(const ModelFile& file) {
  std::array<unsigned char, 4> head{};
  const size_t size = file.bytes->size();
  if (size == 0) throw Error("ERR_MODEL_FILE_EMPTY", "jit.load: expected a TorchScript file, " + file.name + " is empty");
  file.bytes->read(0, head.data(), std::min(size, head.size()));
  // torch.save before PyTorch 1.6
  if (head[0] == 0x80 && head[1] >= 2 && head[1] <= 5) {
    throw_format("ERR_MODEL_FILE_PICKLE", file,
                 "is a Python pickle (written by torch.save or pickle.dump), which only Python can run");
  }
  if (!(head[0] == 'P' && head[1] == 'K')) throw_format("ERR_MODEL_FILE_FORMAT", file, "is not one (no zip archive)");
  const Archive archive(file);
  // torch.save writes the same zip without code.
  if (!archive.has("constants.pkl")) {
    if (!archive.has("data.pkl")) {
      throw_format("ERR_MODEL_FILE_FORMAT", file, "is a zip archive without TorchScript in it");
    }
    throw_format("ERR_MODEL_FILE_PICKLE", file,
                 "was written by torch.save: it holds pickled Python objects (weights or a whole module) and no code");
  }
  archive.check_contents();
}

void throw_damaged(const ModelFile& file, const std::string& detail) {
  throw Error("ERR_MODEL_FILE_FORMAT",
              "jit.load: expected a whole TorchScript file, " + file.name + " is truncated or damaged: " + detail);
}

}  // namespace continual
