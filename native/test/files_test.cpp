// Tests of files that are written and read under whatever name.
#include <cstdio>
#include <filesystem>

#include "core/error.h"
#include "core/files/model_file.h"
#include "core/files/output_file.h"
#include "core/files/paths.h"
#include "test/check.h"

namespace continual::test {
namespace {

/// Letters beyond ASCII in UTF-8, whatever the compiler takes this file for.
const std::string kLetters = "\xc3\xa4\xe6\x95\xb0";

/// A folder that goes when the test ends.
class Folder {
 public:
  Folder() { std::filesystem::create_directory(path_of(path_)); }
  ~Folder() { std::filesystem::remove_all(path_of(path_)); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_ = std::filesystem::temp_directory_path().string() + "/continual-torch " + kLetters +
                      std::to_string(reinterpret_cast<std::uintptr_t>(this));
};

void what_is_written_is_read_again_under_the_same_name() {
  const Folder folder;
  const std::string path = folder.file("model " + kLetters + ".pt");
  for (const char* text : {"longer than", "0123456789"}) {  // the second time in place of what is there
    OutputFile output(path);
    EXPECT(output.write(text, 4) == 4 && output.write(text + 4, 6) == 6);
    EXPECT(output.close().empty() && !output.has_failed());
  }
  const ModelFile file = ModelFile::open(path);
  EXPECT(file.name == "\"" + path + "\"");
  const ModelFile in_memory = ModelFile::of("0123456789");
  for (const ModelFile& each : {file, in_memory}) {
    EXPECT(each.bytes->size() == 10);
    const auto read = [&](uint64_t position, size_t count) {
      std::string result(count, '\0');
      result.resize(each.bytes->read(position, result.data(), count, ""));
      return result;
    };
    EXPECT(read(3, 4) == "3456" && read(8, 100) == "89" && read(10, 1).empty() && read(0, 2) == "01");
  }
}

void what_cannot_be_written_goes_nowhere_and_is_said_at_the_end() {
  const Folder folder;
  OutputFile output(folder.file("missing/file"));
  EXPECT(output.has_failed() && output.write("lost", 4) == 4);
  EXPECT(!output.close().empty());
}

void what_is_no_file_is_not_opened() {
  const Folder folder;
  const auto code = [&](const std::string& name) {
    try {
      ModelFile::open(folder.file(name));
      return std::string();
    } catch (const Error& error) {
      return error.code();
    }
  };
  EXPECT(code("missing") == "ERR_MODEL_FILE_NOT_FOUND");
  EXPECT(code(".") == "ERR_MODEL_FILE_FORMAT");
}

}  // namespace

void files() {
  what_is_written_is_read_again_under_the_same_name();
  what_cannot_be_written_goes_nowhere_and_is_said_at_the_end();
  what_is_no_file_is_not_opened();
}

}  // namespace continual::test
